"""学分账户: the ledger of credits. Knows achievements and applications by id only."""

"""People with an account at the bank."""

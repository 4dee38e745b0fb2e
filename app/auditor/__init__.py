"""The auditor's desk: the trail as a reader would tell it, samples with their findings, sealed packs."""

"""认定: the bank accepts an achievement as genuine."""

"""Papers that the bank has issued, and how anyone checks them."""

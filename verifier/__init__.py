"""Checks what the bank has written, offline: no application, no database, no secret."""

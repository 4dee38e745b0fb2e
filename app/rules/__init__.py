"""What converts to what: agreements, rules and their immutable versions."""

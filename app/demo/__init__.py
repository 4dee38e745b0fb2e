"""Fictional people and cases, so that every page has something to show. Nothing but the commands imports it."""

"""Signals and figures: shown, never deciding."""

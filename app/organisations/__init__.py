"""Institutions, their teaching points, and the committees that decide."""

"""Telling people: written with the change that causes it, delivered by the worker."""

"""In and out: imports, exports, and the programming interface."""

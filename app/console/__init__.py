"""Flask-AppBuilder, ours: base views, data interface, widgets, templates."""

"""Ground floor: what every room stands on. Knows no room and, but for the Model base, no Flask-AppBuilder."""

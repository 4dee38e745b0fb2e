"""How people set up their own work: views of lists that they keep, phrases for their opinions."""

"""How accounts begin, change hands and end: activation, registration, recovery, invitation, standing, closing."""

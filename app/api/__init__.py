"""REST for institutions' own systems: keys with scopes, the row policy of the screen, the services of the desks."""

"""Long work, done beside the web server by whichever worker is free."""

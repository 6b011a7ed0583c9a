"""Launch files, fleet files, the console, and the fleet command."""

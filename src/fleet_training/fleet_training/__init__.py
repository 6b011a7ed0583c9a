"""The fleet in one process, and the policies that are trained with it or from recordings."""

"""Arms that push blocks around an obstacle, seen by cameras."""

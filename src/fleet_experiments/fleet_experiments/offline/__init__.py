"""Behaviour cloning of recorded demonstrations."""

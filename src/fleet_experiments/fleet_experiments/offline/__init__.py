"""Trains policies by behaviour cloning on recorded demonstrations."""

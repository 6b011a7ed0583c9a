"""Scripted and learned supervisors with their weights, and the node that runs them."""

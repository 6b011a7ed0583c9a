"""Scripted and learned supervisors, and the node that runs them."""

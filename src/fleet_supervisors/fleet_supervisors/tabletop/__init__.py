"""Scripted supervisors of the tabletop."""

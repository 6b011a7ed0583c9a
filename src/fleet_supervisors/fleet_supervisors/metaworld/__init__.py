"""Scripted supervisors of Meta-World."""

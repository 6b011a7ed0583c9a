"""Monitors on the tabletop or in Meta-World (FIREWORK): which failures they foresee, and what a fleet learns from the humans they call."""

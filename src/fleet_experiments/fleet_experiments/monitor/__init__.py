"""Monitors on the tabletop (FIREWORK): which failures they foresee, and what a fleet learns from the humans they call."""

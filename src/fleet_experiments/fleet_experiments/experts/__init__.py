"""Experts of the simulated benchmark: training, return, and video."""

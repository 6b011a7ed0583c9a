"""Simulated robots behind the topics of real ones: batched MuJoCo, and Isaac Gym where it is installed."""

"""Driver of a real YuMi, and the simulated controller that it is tested against."""

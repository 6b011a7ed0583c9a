"""Driver of ABB YuMi robots, and the simulated controller that it is tested against."""

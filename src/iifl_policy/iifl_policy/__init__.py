"""The policies of IIFL: energy models, Langevin sampling, Jeffreys uncertainty, and the explicit baselines."""

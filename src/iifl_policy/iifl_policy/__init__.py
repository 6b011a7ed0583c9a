"""Energy-based policies, Langevin sampling, Jeffreys uncertainty, and the nodes that serve and retrain them."""

"""Learning for all kinds of policies: datasets, encoders, optimization, checkpoints, and the nodes that serve and retrain policies."""

"""Learning for any kind of policy: the policy protocol, datasets, encoders, optimization, checkpoints, and the nodes that serve and retrain policies."""

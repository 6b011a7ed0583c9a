"""What learns, whatever it learns: the policy protocol, datasets, encoders, optimization, checkpoints, and the nodes that serve and retrain policies."""

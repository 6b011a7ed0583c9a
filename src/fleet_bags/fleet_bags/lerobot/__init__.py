"""Training sets as LeRobotDataset v3.0, and back."""

"""What runs in Flower's own environment; nothing here imports the fleet."""

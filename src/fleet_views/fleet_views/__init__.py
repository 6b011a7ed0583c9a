"""What is seen of the fleet in RViz and Foxglove."""

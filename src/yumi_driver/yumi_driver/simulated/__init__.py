"""What stands in for a lab: cells with cubes, cameras above them, robots with their controllers, and gateway PCs."""

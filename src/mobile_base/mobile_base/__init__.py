"""A simulated mobile base with ROS 2 topics of its own, which stands for a robot that was not made for the fleet."""

"""A simulated mobile base, as robots come: it speaks ROS 2, and knows nothing of a fleet."""

"""Record the fleet into rosbag2 MCAP."""

"""The runner for hosts without ROS 2 launch: processes, the console, and the summary of a run."""

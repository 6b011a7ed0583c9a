"""Speed of the cores: policy, allocation, simulation."""

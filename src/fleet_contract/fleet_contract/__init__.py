"""The robot contract, the fleet file, and the one translation between messages and arrays."""

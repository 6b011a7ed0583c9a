"""The robot driver interface, its conformance tests, and the node that connects a driver to the fleet."""

"""The action gate, which decides who may move a robot now."""

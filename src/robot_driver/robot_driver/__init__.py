"""The action gate: who may move a robot now."""

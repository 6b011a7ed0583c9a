"""Prepares runs: options, fleet files, and the node graph that both runners start."""

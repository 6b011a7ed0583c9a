"""Launch files, fleet files, the node graph, and the preparation of a run."""

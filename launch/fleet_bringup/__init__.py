"""Launch files, fleet files, the node graph, and what prepares a run."""

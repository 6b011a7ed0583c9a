"""Views of a running fleet: the console, markers for RViz, a Foxglove server, and aggregated diagnostics."""

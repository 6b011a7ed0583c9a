"""Views of a running fleet: markers for RViz, a Foxglove server, and aggregated diagnostics."""

"""Compares estimates of Jeffreys divergence with numerical integration (IIFL, figure 2)."""

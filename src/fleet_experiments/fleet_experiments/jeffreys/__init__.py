"""Jeffreys divergence against numerical integration: IIFL figure 2."""

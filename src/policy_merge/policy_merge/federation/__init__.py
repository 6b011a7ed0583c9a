"""Rounds of merging between sites: each trains on its own data, and only parameters and Gram matrices leave it."""

"""Merging of policies from several sites: FLEET-MERGE's experiments."""

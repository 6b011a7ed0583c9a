"""Merges policies that were trained at several sites, by their weights (FLEET-MERGE)."""

"""Measures the performance of the stack."""

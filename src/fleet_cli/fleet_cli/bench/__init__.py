"""Benchmarks, and the load generators behind them."""

"""The fleet command: runs, reports, training, experiments, and benchmarks."""

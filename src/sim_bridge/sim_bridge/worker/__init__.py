"""Simulators that need another Python environment, in worker processes.

Everything here but `process` is imported by workers as well, some of which run Python 3.8 with numpy only.
"""

"""The in-process fleet loop that pretrains policies and reproduces the papers' tables."""

"""Commands that attach to a run in progress."""

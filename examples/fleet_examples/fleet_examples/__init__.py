"""Parts that are added to the stack from outside, one per file."""

"""Operators' window and web page, and the stations through which supervisors drive robots."""

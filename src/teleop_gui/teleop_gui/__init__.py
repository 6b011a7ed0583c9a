"""Operators' windows and web page, and the stations through which supervisors drive robots."""

"""A point robot in a maze."""

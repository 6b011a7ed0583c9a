"""Navigation in a maze: IIFL figure 1."""

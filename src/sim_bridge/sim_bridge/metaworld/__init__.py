"""Tasks of Meta-World: a Sawyer arm at tables with drawers, doors, buttons and loose objects."""

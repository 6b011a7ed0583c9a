"""The tabletop: a finger that pushes objects, a drawer and a lever at six tasks."""

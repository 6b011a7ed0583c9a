"""Isaac Gym, which runs in a process of its own on Python 3.8."""

"""Monitors, which foresee failures of robots from camera images."""

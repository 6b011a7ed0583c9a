"""Trains, measures and shows the experts of the simulated benchmark."""

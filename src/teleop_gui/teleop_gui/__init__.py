"""Supervisors: operators' windows and scripted supervisors behind one interface."""

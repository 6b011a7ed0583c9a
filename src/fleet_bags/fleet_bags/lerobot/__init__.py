"""Exports training sets as LeRobotDataset v3.0, and reads them back."""

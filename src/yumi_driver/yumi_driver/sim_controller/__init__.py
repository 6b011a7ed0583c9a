"""A simulated ABB IRC5 with RobotWare 6 and a YuMi: Robot Web Services over HTTP, Externally Guided Motion over UDP."""

"""The program on the gateway PC beside a robot: it moves the arms, looks through their cameras, and holds when in doubt."""

import os

# Cameras that are gone are told of in states, not once more a second in the log.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

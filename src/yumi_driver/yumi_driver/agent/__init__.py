"""The program on the gateway PC beside a robot: it moves the arms, reads their cameras, and holds the arms at any fault."""

import os

# Missing cameras are reported in states; OpenCV would also log them every second.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

"""MuJoCo with rendering that needs no display. Import it from here, because it chooses its renderer at the first import."""

from __future__ import annotations

import os

os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco
from mujoco.batch import Batch

__all__ = ["Batch", "mujoco"]

"""MuJoCo, told to render without a display. Import it from here: it chooses its renderer once, when first imported."""

from __future__ import annotations

import os

os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco
from mujoco.batch import Batch

__all__ = ["Batch", "mujoco"]

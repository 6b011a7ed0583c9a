"""A deterministic world: a dot that moves around the middle of small images, in one of two directions."""

from __future__ import annotations

import numpy as np

from fleet_learning.optimization import OptimizerConfig
from fleet_monitor.autoencoder import AutoencoderShape
from fleet_monitor.dynamics import DynamicsShape
from fleet_monitor.world_model import WorldModelConfig

PIXELS = 16
TURN = 24
"""Frames of a whole turn."""
CONTEXT, HORIZON = 3, 6
CONFIG = WorldModelConfig(
    AutoencoderShape(PIXELS, PIXELS, filters=(8, 16), strides=(2, 2), map_channels=16, dense=16),
    DynamicsShape(embedding=32, layers=1, heads=2, context=CONTEXT, horizon=HORIZON, noise=4, modes=3),
    futures=8,
    autoencoder_optimizer=OptimizerConfig(batch_size=64, learning_rate=3e-3, decay=0.9, decay_steps=20),
    dynamics_optimizer=OptimizerConfig(batch_size=32, learning_rate=3e-3, decay=0.9, decay_steps=20),
)


def angles(frames: int, generator: np.random.Generator) -> np.ndarray:
    """The angles of one episode, radians."""
    return generator.uniform(0, 2 * np.pi) + generator.choice([-1, 1]) * 2 * np.pi / TURN * np.arange(frames)


def images(angles_F: np.ndarray) -> np.ndarray:
    """Images (F, PIXELS, PIXELS, 3) of the dot at these angles."""
    rows, columns = np.mgrid[:PIXELS, :PIXELS] - (PIXELS - 1) / 2
    down, across = (5 * part(angles_F)[:, None, None] for part in (np.sin, np.cos))
    bright = np.exp(-(np.square(rows - down) + np.square(columns - across)) / 2 / 1.2**2)
    return np.repeat((255 * bright).astype(np.uint8)[..., None], 3, -1)


def episodes(count: int, frames: int, seed: int) -> list[np.ndarray]:
    """Images (frames, PIXELS, PIXELS, 3) of several episodes."""
    generator = np.random.default_rng(seed)
    return [images(angles(frames, generator)) for _ in range(count)]

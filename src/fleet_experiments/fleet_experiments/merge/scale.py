"""The size of the merging experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policy_merge.alignment import AlignmentConfig
from policy_merge.sequence_network import SequenceShape

ONCE, AGAIN = AlignmentConfig(), AlignmentConfig(epochs=1, steps=20)


@dataclass(frozen=True)
class Scale:
    """How much is run."""

    controllers: int = 10
    """Linear systems, each with an expert and a controller that imitates it (FLEET-MERGE, appendix G.5)."""
    trajectories: int = 10
    trajectory_steps: int = 100
    linear_steps: int = 500
    """Gradient steps of the linear controllers."""
    episodes: int = 12
    """Demonstrated episodes of every robot."""
    held_out_episodes: int = 4
    sites: int = 5
    context: int = 20
    """Steps of a window, and observations that a network sees."""
    stride: int = 4
    """Steps between two windows."""
    width: int = 128
    depth: int = 2
    steps: int = 2000
    """Gradient steps of every site, and of the networks that see one site or all data."""
    test_episodes: int = 10
    """Episodes per task in which a network is tried."""
    alignment: AlignmentConfig = ONCE
    round_alignment: AlignmentConfig = AGAIN
    """FLEET-MERGE's search when networks are merged again and again: after the first merge they begin aligned."""

    def shape(self, inputs: int, outputs: int, kind: Literal["feed-forward", "elman"]) -> SequenceShape:
        """Return the size of a network."""
        return SequenceShape(inputs, outputs, self.width, self.depth, kind)

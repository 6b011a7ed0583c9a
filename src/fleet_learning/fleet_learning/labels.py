"""Labels: what failure predictors learn about each step of an episode, and by which policies weigh it.

T steps of an episode, B steps of all episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEAD = 15
"""M, steps before an intervention or a failure at which the policy needs a human; as in Sirius, because the paper does not give it."""


class Label(IntEnum):
    """Class of a step; the order is that of the predictor's outputs."""

    NORMAL = 0
    """The policy drives, and no failure follows soon."""
    INTERVENTION = 1
    """A human drives."""
    PRE_INTERVENTION = 2
    """The policy drives, and needs a human."""


@dataclass(frozen=True)
class EpisodeEvents:
    """What happened in one episode."""

    human_T: NDArray[np.bool_]
    """Whether a human drove the robot, in teleoperation or a hard reset."""
    violated_T: NDArray[np.bool_]
    """Whether the robot was in constraint violation."""
    end: Literal["success", "failure", "truncated"]
    """How the episode ended: in success; in failure, such as at its time limit; or with the recording, so that it is unknown."""
    dismissed_T: NDArray[np.bool_] | None = None
    """Whether a human dismissed an alarm of the robot after the step, and before the next one; None if none was."""


def step_labels(events: EpisodeEvents, lead: int) -> NDArray[np.int64]:
    """Return the label (T,) of every step.

    Every step that a human drove is an intervention. Of the other steps, the `lead` steps before the begin of an intervention,
    before the begin of a violation and before a failed end are pre-interventions, and so are steps in violation; the rest is
    normal. A human who has dismissed an alarm has seen that the robot needed no help yet: the steps until then are no
    pre-interventions of an intervention that begins later. Before a violation or a failed end they are, because the human was wrong.

    Source: FIREWORK, section 3.2.2 (failure prediction), which labels the steps before interventions. It does not say what
    happens where they overlap an earlier intervention, to violations without an intervention and to failed episodes; relabelling
    policy steps only, and treating all three alike, is the choice here. It does not give `lead` (M) either; Sirius, its
    predecessor, has 15 (`LEAD`).

    Args:
        events: the events of one episode.
        lead: number of steps that are relabelled before each event.

    Raises:
        ValueError: the arrays differ in length, or `lead` is negative.
    """
    steps = len(events.human_T)
    if len(events.violated_T) != steps:
        raise ValueError(f"violated_T: expected {steps} steps, got {len(events.violated_T)}")
    if lead < 0:
        raise ValueError(f"lead: expected a number from 0, got {lead}")
    failed = [steps] if events.end == "failure" else []
    soon_T = events.violated_T.copy()
    for begin in [*_begins(events.violated_T), *failed]:
        soon_T[max(begin - lead, 0) : begin] = True
    dismissed = np.flatnonzero(np.zeros(steps, bool) if events.dismissed_T is None else events.dismissed_T)
    for begin in _begins(events.human_T):
        # Numbers of steps; a human begins to drive after all dismissals before this step.
        seen = int(dismissed[dismissed < begin].max(initial=-1)) + 1
        soon_T[max(begin - lead, seen) : begin] = True
    labels_T = np.where(soon_T, Label.PRE_INTERVENTION, Label.NORMAL)
    labels_T[events.human_T] = Label.INTERVENTION
    return labels_T.astype(np.int64)


def balanced_rows(labels_B: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return indices of which equally many have each of the labels that occur; drawing from them uniformly is balanced sampling.

    The rows of a rarer label are repeated, equally often except for at most one time.
    """
    rows = [np.flatnonzero(labels_B == label) for label in np.unique(labels_B)]
    most = max(map(len, rows), default=0)
    return np.concatenate([np.zeros(0, np.int64), *(np.resize(own, most) for own in rows)])


def _begins(active_T: NDArray[np.bool_]) -> Sequence[int]:
    """Return the indices at which something begins to be active."""
    begins: list[int] = np.flatnonzero(active_T & ~np.concatenate([np.zeros(1, bool), active_T])[:-1]).tolist()
    return begins

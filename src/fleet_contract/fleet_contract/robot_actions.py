"""Actions of several robots at one tick, as fleet_interfaces/msg/RobotActions carries them.

N robots of the message, A action dim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.wire import packed, require_known, require_lengths


def robot_actions_of(message: Any, known: Collection[str]) -> dict[str, RobotAction]:
    """Return the actions of a fleet_interfaces/msg/RobotActions by robot.

    Args:
        message: the message.
        known: names of all robots that there are.

    Raises:
        ValueError: the arrays' lengths do not fit each other, a robot is unknown, or a kind or source is undefined.
    """
    count = len(message.robots)
    require_known(message.robots, known)
    require_lengths(
        count,
        kinds=message.kinds,
        sources=message.sources,
        policy_versions=message.policy_versions,
        supervisors=message.supervisors,
        leases=message.leases,
        reasons=message.reasons,
    )
    values = np.asarray(message.values, dtype=np.float64)
    if values.size % count if count else values.size:
        raise ValueError(f"values: expected the same number for each of {count} robots, got {values.size}")
    rows = values.reshape(count, -1).tolist() if values.size else [[]] * count
    actions = {}
    for index, robot in enumerate(message.robots):
        kind = ActionKind(int(message.kinds[index]))
        actions[robot] = RobotAction(
            tick=message.tick,
            kind=kind,
            source=ActionSource(int(message.sources[index])),
            values=tuple(rows[index]) if kind is ActionKind.MOVE else (),
            policy_version=int(message.policy_versions[index]),
            supervisor=message.supervisors[index],
            lease=int(message.leases[index]),
            reason=message.reasons[index],
        )
    return actions


def fill_robot_actions(message: Any, actions: Mapping[str, RobotAction], stamp: Any, action_dim: int) -> None:
    """Write the actions of some robots at one tick into a fleet_interfaces/msg/RobotActions.

    Args:
        message: the message.
        actions: at least one action, all of the same tick, by robot.
        stamp: stamp of the observations that they answer.
        action_dim: A.

    Raises:
        ValueError: an action does not have A values.
    """
    rows = list(actions.values())
    values_NA = np.full((len(rows), action_dim), np.nan)
    for index, (robot, action) in enumerate(actions.items()):
        if action.kind is ActionKind.MOVE:
            if len(action.values) != action_dim:
                raise ValueError(f"{robot}: expected {action_dim} values, got {len(action.values)}")
            values_NA[index] = action.values
    message.header.stamp = stamp
    message.tick = rows[0].tick
    message.robots = list(actions)
    message.kinds = packed("uint8", [action.kind for action in rows])
    message.sources = packed("uint8", [action.source for action in rows])
    message.policy_versions = packed("uint32", [action.policy_version for action in rows])
    message.supervisors = [action.supervisor for action in rows]
    message.leases = packed("uint64", [action.lease for action in rows])
    message.values = packed("float64", values_NA)
    message.reasons = [action.reason for action in rows]

"""Separates the messages of a driver by robot, and sends actions to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet_interfaces.msg import RobotActions, RobotStates
from rclpy.node import Node

from fleet_common.qos import TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind


@dataclass(frozen=True)
class RobotRow:
    """What a message says about one robot."""

    robot: str
    tick: int
    stamp: tuple[int, int]
    episode: int
    values: list[float]
    violated: bool
    succeeded: bool
    reward: float
    successes: int
    hard_resets: int
    unreachable: str
    resting: bool

    @property
    def observed(self) -> bool:
        return not self.unreachable and not self.resting


def rows_of(message: RobotStates) -> Iterator[RobotRow]:
    """Yield the row of each robot."""
    count = len(message.robots)
    dim, rest = divmod(len(message.values), count)
    assert not rest
    for row, robot in enumerate(message.robots):
        yield RobotRow(
            robot=robot,
            tick=message.tick,
            stamp=(message.header.stamp.sec, message.header.stamp.nanosec),
            episode=message.episodes[row],
            values=message.values[row * dim : (row + 1) * dim].tolist(),
            violated=message.violated[row],
            succeeded=message.succeeded[row],
            reward=message.rewards[row],
            successes=message.successes[row],
            hard_resets=message.hard_resets[row],
            unreachable=message.unreachable[row],
            resting=message.resting,
        )


def subscribe_to_rows(node: Node, handle: Callable[[RobotRow], Any]) -> None:
    """Subscribe to the states; `handle` is called with the row of each robot."""

    def on_states(message: RobotStates) -> None:
        for row in rows_of(message):
            handle(row)

    node.create_subscription(RobotStates, "fleet/states", on_states, TRANSIENT_LOCAL_1000)


class ActionPublisher:
    """Publishes actions as the gate does."""

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(RobotActions, "fleet/actions", TRANSIENT_LOCAL_100)

    def publish(self, tick: int, actions: Mapping[str, Sequence[float]], kind: int | None = None) -> None:
        """Publish the actions of some robots in one message; those without values hold, or do what `kind` says."""
        dim = max(map(len, actions.values())) or 2
        moves = [bool(values) for values in actions.values()]
        self._publisher.publish(
            RobotActions(
                tick=tick,
                robots=list(actions),
                kinds=[int(ActionKind.MOVE if move else ActionKind.HOLD) if kind is None else kind for move in moves],
                sources=[int(move) for move in moves],
                policy_versions=[0] * len(actions),
                supervisors=[""] * len(actions),
                leases=[0] * len(actions),
                values=[value for values in actions.values() for value in (values or [float("nan")] * dim)],
                reasons=[""] * len(actions),
            )
        )

"""The allocator node, which sends supervision requests to the humans and publishes the lease tables.

N robots, M humans.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import LeaseTable as TableMessage
from fleet_interfaces.msg import Signal as SignalMessage
from numpy.typing import NDArray
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from typing_extensions import override

from fleet_allocator.allocator import Allocator, Table
from fleet_allocator.allocator_health import AllocatorHealth
from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.observations import subscribe_to_states
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_common.subscriptions import subscribe
from fleet_contract.lease import Lease
from fleet_contract.lease_table import LeaseTable, fill_lease_table
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import UNCERTAINTY, Signal, signal_of
from fleet_contract.topics import LEASES_TOPIC, SUPERVISE_ACTION, signal_topic
from fleet_contract.validation import InputError

DISCOVERY_PERIOD_S = 0.05
"""Period, s, at which the node looks for the scripts' stations before the first tick."""
LOCKSTEP_PATIENCE_S = 10.0
"""Time, s, that a human has to answer a request in lockstep."""
REAL_TIME_PATIENCE = 0.2
"""Time that a human has to answer a request in real time, as a share of a tick."""


class RobotAtTick(NamedTuple):
    """What the allocator knows of a robot at the newest tick."""

    violated: bool
    unreachable: bool


class AllocatorNode(FleetNode):
    """Publishes one lease table per tick, when the humans have answered the tick's requests.

    Raises:
        InputError: the order needs risks, which no node predicts.
    """

    def __init__(self) -> None:
        super().__init__("allocator")
        seed = self.read_only_parameter("seed", 0, "Seed for breaking ties.")
        rules, robots, humans = self.fleet.allocation, self.fleet.robot_names, self.fleet.supervisor_names
        if rules.needs_risk:
            raise InputError(
                f"allocation.order: expected an order without risk, which no node predicts, got {rules.order!r}."
            )
        self._allocator = Allocator(rules, robots, humans, seed)
        self._health = AllocatorHealth()
        self._stations: dict[str, Any] = {
            name: ActionClient(self, Supervise, f"{name}/{SUPERVISE_ACTION}") for name in humans
        }
        self._tick = -1
        self._uncertainty: Signal | None = None
        self._robots: dict[str, RobotAtTick] = {}
        self._table: Table | None = None
        self._unanswered: dict[int, str] = {}
        self._stamp = Time()
        self._tables = self.create_publisher(TableMessage, LEASES_TOPIC, TRANSIENT_LOCAL_100)
        patience_s = LOCKSTEP_PATIENCE_S if self.lockstep else REAL_TIME_PATIENCE / self.robot_contract.rate_hz
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._patience = self.create_timer(patience_s, self._refuse_unanswered, clock=steady, autostart=False)
        self._discovered = not self.lockstep
        self._discovery = self.create_timer(DISCOVERY_PERIOD_S, self._discover_stations, clock=steady)
        read = partial(signal_of, known=frozenset(robots))
        subscribe(self, SignalMessage, signal_topic(UNCERTAINTY), read, self._on_signals, TRANSIENT_LOCAL_1)
        subscribe_to_states(self, self._on_states)

    @override
    def checks(self) -> Sequence[Check]:
        available = dict(zip(self.fleet.supervisor_names, self._available().tolist(), strict=True))
        return self._health.checks(time.monotonic(), available)

    def _discover_stations(self) -> None:
        """Delay the first allocation in lockstep until all scripts are available, so that runs do not depend on their start-up times."""
        if self._available()[self.fleet.supervisors.operators :].all():
            self._discovery.destroy()
            self._discovered = True
            self._allocate_if_complete()

    def _available(self) -> NDArray[np.bool_]:
        return np.array([station.server_is_ready() for station in self._stations.values()])

    def _on_signals(self, signals: list[Signal]) -> None:
        for signal in signals:
            if self._is_of_newest_tick(signal.tick):
                self._uncertainty = signal
        self._allocate_if_complete()

    def _on_states(self, batches: list[RobotStates]) -> None:
        for states in batches:
            if self._is_of_newest_tick(states.tick):
                self._stamp = states.stamp
                for name, violated, reason in zip(
                    states.robots, states.violated_N.tolist(), states.unreachable, strict=True
                ):
                    self._robots[name] = RobotAtTick(violated, bool(reason))
        self._allocate_if_complete()

    def _is_of_newest_tick(self, tick: int) -> bool:
        if tick > self._tick:
            self._refuse_unanswered()
            self._tick, self._uncertainty, self._table = tick, None, None
            self._robots.clear()
        return tick == self._tick

    def _allocate_if_complete(self) -> None:
        names = self.fleet.robot_names
        if self._uncertainty is None or len(self._robots) < len(names) or not self._discovered:
            return
        uncertainty, self._uncertainty = self._uncertainty.by_robot, None
        robots = [self._robots[name] for name in names]
        self._table = self._allocator.step(
            self._tick,
            np.array([uncertainty.get(name, np.nan) for name in names]),
            np.array([robot.violated for robot in robots]),
            self._available(),
            unreachable_N=np.array(
                [robot.unreachable or name not in uncertainty for name, robot in zip(names, robots, strict=True)]
            ),
        )
        self._unanswered = {lease.token: lease.supervisor for lease in self._table.offers}
        for lease in self._table.offers:
            self._request(lease)
        self._patience.reset()
        self._publish_if_answered()

    def _request(self, lease: Lease) -> None:
        goal = Supervise.Goal()
        goal.robot, goal.kind, goal.lease = lease.robot, int(lease.kind), lease.token
        goal.signal, goal.value, goal.threshold = lease.signal, lease.value, lease.threshold
        goal.least_ticks = self._allocator.least_ticks(lease.kind)
        future = self._stations[lease.supervisor].send_goal_async(goal)
        future.add_done_callback(partial(self._on_answer, lease.token))

    def _on_answer(self, token: int, answer: Any) -> None:
        if token not in self._unanswered:
            return
        del self._unanswered[token]
        if answer.result().accepted:
            answer.result().get_result_async().add_done_callback(partial(self._on_result, token))
        else:
            self._refuse(token)
        self._publish_if_answered()

    def _on_result(self, token: int, result: Any) -> None:
        if result.result().result.outcome == Supervise.Result.HANDED_BACK:
            self._allocator.hand_back(token)

    def _refuse(self, token: int) -> None:
        if self._table is not None:
            self._table = self._allocator.refuse(self._table, token)

    def _refuse_unanswered(self) -> None:
        """Refuse the leases that were not answered in time; later answers are ignored."""
        self._patience.cancel()
        unanswered, self._unanswered = self._unanswered, {}
        for token, human in unanswered.items():
            self.get_logger().warning(f"{human} did not answer lease {token} in time")
            self._health.unanswered(human, time.monotonic())
            self._refuse(token)
        self._publish_if_answered()
        if unanswered:
            self.diagnose()

    def _publish_if_answered(self) -> None:
        if self._table is None or self._unanswered:
            return
        self._patience.cancel()
        table, self._table = self._table, None
        reset = {name for name, robot in self._robots.items() if robot.violated and not robot.unreachable}
        self._health.allocated(self._tick, table, reset)
        message = TableMessage()
        thresholds = {UNCERTAINTY: table.threshold}
        fill_lease_table(message, LeaseTable(self._tick, table.leases, table.waiting, thresholds), self._stamp)
        self._tables.publish(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(AllocatorNode)

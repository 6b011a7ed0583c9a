"""The allocator node, which sends supervision requests to the humans and publishes the lease tables.

N robots, M humans.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import LeaseTable as TableMessage
from numpy.typing import NDArray
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from typing_extensions import override

from fleet_allocator.allocator import Allocator
from fleet_allocator.allocator_health import AllocatorHealth
from fleet_common.fleet_topics import subscribe_to_signal, subscribe_to_states
from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.lease import Lease
from fleet_contract.lease_table import LeaseTable, fill_lease_table
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import UNCERTAINTY, VIOLATION, Signal
from fleet_contract.topics import LEASES_TOPIC, SUPERVISE_ACTION

DISCOVERY_PERIOD_S = 0.05
"""Period, s, at which the node looks for the scripts' stations before the first tick."""
LOCKSTEP_PATIENCE_S = 10.0
"""Time, s, that a human has to answer a request in lockstep."""
SIGNALS_DEADLINE = 0.5
"""Share of a real-time tick after which signals that have not arrived do not count."""
REAL_TIME_PATIENCE = 0.2
"""Time that a human has to answer a request in real time, as a share of a tick."""


class RobotAtTick(NamedTuple):
    """What the allocator knows of a robot at the newest tick."""

    violated: bool
    unreachable: bool


class AllocatorNode(FleetNode):
    """Publishes one lease table per tick, when the humans have answered the tick's requests.

    In lockstep it waits for every signal of the order. In real time, values that have not arrived in time do not count; the checks
    tell how many.

    Raises:
        InputError: there is no such allocation rule, or its options do not fit.
    """

    def __init__(self) -> None:
        super().__init__("allocator")
        seed = self.read_only_parameter("seed", 0, "Seed for breaking ties.")
        rules, robots, humans = self.fleet.allocation, self.fleet.robot_names, self.fleet.supervisor_names
        self._allocator = Allocator(rules, robots, humans, seed)
        self._health = AllocatorHealth()
        self._stations: dict[str, Any] = {
            name: ActionClient(self, Supervise, f"{name}/{SUPERVISE_ACTION}") for name in humans
        }
        self._tick = -1
        self._signals: dict[str, Signal] = {}
        self._awaited = {UNCERTAINTY, *rules.order} - {VIOLATION}
        self._robots: dict[str, RobotAtTick] = {}
        self._table: LeaseTable | None = None
        self._allocated = self._overdue = False
        self._calibrated = dict.fromkeys(self._awaited, math.inf)
        self._unanswered: dict[int, str] = {}
        self._stamp = Time()
        self._tables = self.create_publisher(TableMessage, LEASES_TOPIC, TRANSIENT_LOCAL_100)
        patience_s = LOCKSTEP_PATIENCE_S if self.lockstep else REAL_TIME_PATIENCE / self.robot_contract.rate_hz
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._patience = self.create_timer(patience_s, self._refuse_unanswered, clock=steady, autostart=False)
        self._discovered = not self.lockstep
        self._discovery = self.create_timer(DISCOVERY_PERIOD_S, self._discover_stations, clock=steady)
        for signal in sorted(self._awaited):
            subscribe_to_signal(self, signal, self._on_signals, TRANSIENT_LOCAL_1)
        late_s = SIGNALS_DEADLINE / self.robot_contract.rate_hz
        self._deadline = self.create_timer(late_s, self._stop_waiting, clock=steady, autostart=False)
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
                self._signals[signal.name] = signal
                if not math.isnan(signal.threshold):
                    self._calibrated[signal.name] = signal.threshold
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
            self._tick, self._table, self._allocated = tick, None, False
            self._overdue = False
            self._signals.clear()
            self._robots.clear()
            if not self.lockstep:
                self._deadline.reset()
        return tick == self._tick

    def _stop_waiting(self) -> None:
        """Allocate without the signals that are late, in real time."""
        self._deadline.cancel()
        self._overdue = True
        self._allocate_if_complete()

    def _allocate_if_complete(self) -> None:
        """Allocate once per tick; in real time the uncertainty alone suffices after a while."""
        awaited = {UNCERTAINTY} if self._overdue else self._awaited
        if not self._allocated and awaited <= self._signals.keys():
            self._allocate()

    def _allocate(self) -> None:
        names = self.fleet.robot_names
        if len(self._robots) < len(names) or not self._discovered:
            return
        self._allocated = True
        robots = [self._robots[name] for name in names]
        values = {
            signal: np.array([by_robot.get(name, np.nan) for name in names])
            for signal in self._awaited
            for by_robot in [self._signals[signal].by_robot if signal in self._signals else {}]
        }
        values[VIOLATION] = np.array([float(robot.violated) for robot in robots])
        known = self._signals[UNCERTAINTY].robots
        self._table = self._allocator.step(
            self._tick,
            values,
            self._available(),
            unreachable_N=np.array(
                [robot.unreachable or name not in known for name, robot in zip(names, robots, strict=True)]
            ),
            calibrated=self._calibrated,
        )
        self._health.late(self._awaited - self._signals.keys(), time.monotonic())
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
        end = {
            Supervise.Result.HANDED_BACK: self._allocator.hand_back,
            Supervise.Result.DISMISSED: self._allocator.dismiss,
        }.get(result.result().result.outcome)
        if end:
            end(token)

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
        self._health.allocated(table, reset)
        message = TableMessage()
        fill_lease_table(message, table, self._stamp)
        self._tables.publish(message)


def main() -> NoReturn:
    """Run the node."""
    run_process(AllocatorNode)

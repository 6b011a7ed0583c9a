"""Base of nodes with supervisors' stations: each station serves Supervise goals, and drives while it holds a lease."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import RobotActions as ActionsMessage
from numpy.typing import NDArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_leases, subscribe_to_states
from fleet_common.health import Check
from fleet_common.node import FleetNode
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.action import ActionKind, RobotAction
from fleet_contract.lease import Lease
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot_actions import fill_robot_actions
from fleet_contract.robot_states import RobotStates
from fleet_contract.topics import SUPERVISE_ACTION, TELEOP_ACTIONS_TOPIC
from teleop_gui.station import HumanInterface, holding
from teleop_gui.station_health import station_check

ANSWER_SHARE = 0.7
"""Share of a real-time tick in which stations answer; a later action would miss the gate, and waits for the next tick."""

RESULT_S = 0.5
"""Seconds that the result of a goal has to reach its client before the action server is destroyed."""


@dataclass(frozen=True)
class StationObservation:
    """The newest observation of a robot."""

    tick: int
    stamp: Time
    state_S: NDArray[np.float64]


@dataclass
class ActiveGoal:
    """The Supervise goal that a supervisor is busy with."""

    handle: Any
    ended: Future[int] = field(default_factory=Future)
    ticks: int = 0


def is_served(node: Node, supervisor: str) -> bool:
    """Return whether the node has discovered a station of this supervisor."""
    return node.count_services(f"/{supervisor}/{SUPERVISE_ACTION}/_action/send_goal") > 0


class StationNodeBase(FleetNode):
    """Node with the stations of some of the fleet's supervisors, one action server each."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._stations: dict[str, HumanInterface] = {}
        self._servers: dict[str, ActionServer[Any, Any, Any]] = {}
        self._goals: dict[str, ActiveGoal] = {}
        self.table = LeaseTable()
        """The newest lease table."""
        self._table_s = 0.0
        self._answered: set[tuple[int, str]] = set()
        self._observations: dict[str, StationObservation] = {}
        self._actions = self.create_publisher(ActionsMessage, TELEOP_ACTIONS_TOPIC, TRANSIENT_LOCAL_100)
        subscribe_to_states(self, self._on_states)
        subscribe_to_leases(self, self._on_leases, TRANSIENT_LOCAL_1)

    @override
    def checks(self) -> Sequence[Check]:
        held = {lease.supervisor: lease.robot for lease in self._own_leases()}
        ticks = {human: goal.ticks for human, goal in self._goals.items()}
        return [station_check(human, held.get(human, ""), ticks.get(human, 0)) for human in self._stations]

    def add_stations(self, stations: Mapping[str, HumanInterface]) -> None:
        """Add stations by supervisor; from now on these supervisors accept robots."""
        self._stations.update(stations)
        for name in stations:
            self._servers[name] = ActionServer(
                self,
                Supervise,
                f"{name}/{SUPERVISE_ACTION}",
                execute_callback=partial(self._supervise, name),
                goal_callback=partial(self._answer_goal, name),
                cancel_callback=lambda _: CancelResponse.ACCEPT,
            )

    def remove_station(self, supervisor: str) -> None:
        """Remove a supervisor's station; a robot that they have is handed back."""
        self.hand_back(supervisor)
        del self._stations[supervisor]
        server = self._servers.pop(supervisor)

        def destroy() -> None:
            self.destroy_timer(timer)
            server.destroy()

        timer = self.create_timer(RESULT_S, destroy, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def accepts(self, supervisor: str, robot: str) -> bool:  # noqa: ARG002 - subclasses may refuse
        """Return whether the supervisor accepts the robot."""
        return True

    def on_leases(self, leases: Mapping[str, Lease]) -> None:
        """Handle a new lease table: the leases of this node's supervisors, by supervisor."""

    def poll_supervisors(self) -> None:
        """Ask all supervisors who have not decided yet, and publish what they have decided."""
        decided = [(lease, decision) for lease in self._own_leases() if (decision := self._act(lease))]
        if not decided:
            return
        self._publish({lease.robot: action for lease, (action, _) in decided}, decided[0][1][1])
        for lease, (action, _) in decided:
            self._report_progress(lease, action)

    def hand_back(self, supervisor: str) -> bool:
        """End the supervisor's goal; the robot holds at this tick if no action has been sent yet.

        Returns:
            Whether there was a goal. A lease that another process has accepted for this supervisor cannot be handed back.
        """
        had_goal = supervisor in self._goals
        for lease in self._own_leases():
            observation = self._unanswered(lease)
            if lease.supervisor == supervisor and observation is not None:
                self._publish({lease.robot: holding(lease, observation.tick)}, observation.stamp)
        self._end_goal(supervisor, Supervise.Result.HANDED_BACK)
        return had_goal

    def _answer_goal(self, supervisor: str, goal: Supervise.Goal) -> GoalResponse:
        accepts = supervisor in self._stations and self.accepts(supervisor, goal.robot)
        return GoalResponse.ACCEPT if accepts else GoalResponse.REJECT

    async def _supervise(self, supervisor: str, handle: Any) -> Supervise.Result:
        """Wait until the lease has ended; the supervisor is asked for actions when lease tables and observations arrive."""
        goal = ActiveGoal(handle)
        self._end_goal(supervisor, Supervise.Result.RELIEVED)
        self._goals[supervisor] = goal
        outcome = await goal.ended
        if handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.succeed()
        return Supervise.Result(outcome=outcome, ticks=goal.ticks)

    def _end_goal(self, supervisor: str, outcome: int) -> None:
        goal = self._goals.pop(supervisor, None)
        if goal:
            goal.ended.set_result(outcome)

    def _own_leases(self) -> list[Lease]:
        return [lease for lease in self.table.leases if lease.supervisor in self._stations]

    def _on_leases(self, tables: list[LeaseTable]) -> None:
        self.table, self._table_s = tables[-1], time.monotonic()
        self._answered = {(tick, robot) for tick, robot in self._answered if tick == self.table.tick}
        leases = {lease.supervisor: lease for lease in self._own_leases()}
        for name, goal in list(self._goals.items()):
            if goal.handle.is_cancel_requested:
                self._end_goal(name, Supervise.Result.HANDED_BACK)
            elif name not in leases or leases[name].token != goal.handle.request.lease:
                self._end_goal(name, Supervise.Result.RELIEVED)
        self.on_leases(leases)
        self.poll_supervisors()

    def _on_states(self, batches: list[RobotStates]) -> None:
        for states in batches:
            for row in states.observed:
                self._observations[states.robots[row]] = StationObservation(
                    states.tick, states.stamp, states.states_NS[row]
                )
        self.poll_supervisors()

    def _act(self, lease: Lease) -> tuple[RobotAction, Time] | None:
        """Ask the supervisor for an action once both lease table and observation of the tick have arrived.

        A supervisor who sees no need for help ends the goal, and the robot holds at this tick. Without the lease's goal, because
        this process has restarted, an alarm cannot be dismissed.
        """
        observation = self._unanswered(lease)
        if observation is None or self._too_late():
            return None
        station, tick, state_S = self._stations[lease.supervisor], observation.tick, observation.state_S
        goal = self._goals.get(lease.supervisor)
        has_goal = goal is not None and goal.handle.request.lease == lease.token
        if has_goal and not station.needs_help(lease, tick, state_S):
            self._end_goal(lease.supervisor, Supervise.Result.DISMISSED)
            return holding(lease, tick), observation.stamp
        action = station.act(lease, tick, state_S)
        return (action, observation.stamp) if action is not None else None

    def _publish(self, actions: Mapping[str, RobotAction], stamp: Time) -> None:
        self._answered.update((action.tick, robot) for robot, action in actions.items())
        message = ActionsMessage()
        fill_robot_actions(message, actions, stamp, self.robot_contract.action_dim)
        self._actions.publish(message)

    def _unanswered(self, lease: Lease) -> StationObservation | None:
        """Return the robot's observation of the table's tick, if it has arrived and was not answered yet."""
        observation, tick = self._observations.get(lease.robot), self.table.tick
        if observation is None or observation.tick != tick or (tick, lease.robot) in self._answered:
            return None
        return observation

    def _too_late(self) -> bool:
        return not self.lockstep and time.monotonic() - self._table_s > ANSWER_SHARE / self.robot_contract.rate_hz

    def _report_progress(self, lease: Lease, action: RobotAction) -> None:
        goal = self._goals.get(lease.supervisor)
        if goal is None:
            return
        goal.ticks += 1
        goal.handle.publish_feedback(Supervise.Feedback(tick=action.tick, ticks=goal.ticks))
        if action.kind is ActionKind.HARD_RESET:
            self._end_goal(lease.supervisor, Supervise.Result.RESET_DONE)

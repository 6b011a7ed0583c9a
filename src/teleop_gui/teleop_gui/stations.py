"""Supervisors' stations as a node: each serves Supervise goals, and drives while the lease table says so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import LeaseTable, Observation
from fleet_interfaces.msg import RobotAction as ActionMessage
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from fleet_common.health import Check
from fleet_common.node import FleetNode
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.action import ActionKind, ActionSource, RobotAction, fill_action
from fleet_contract.lease import Lease, lease_of
from fleet_contract.observation import state_of
from teleop_gui.station import HumanInterface
from teleop_gui.station_health import station_check

ANSWER_SHARE = 0.7
"""Of a tick in real time: an action that is decided later would come too late for the gate, and waits for the next tick."""

LAST_WORDS_S = 0.5
"""Time that the result of a goal has to leave before its server is gone."""


@dataclass
class Visit:
    """One goal that a supervisor is busy with."""

    request: Any
    ended: Future[int] = field(default_factory=Future)
    ticks: int = 0


def is_served(node: Node, supervisor: str) -> bool:
    """Whether a station of this supervisor is there, as far as the node has heard."""
    return node.count_services(f"/{supervisor}/supervise/_action/send_goal") > 0


class StationsNode(FleetNode):
    """The stations of some of the fleet's supervisors, one action server each."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._stations: dict[str, HumanInterface] = {}
        self._servers: dict[str, ActionServer[Any, Any, Any]] = {}
        self._visits: dict[str, Visit] = {}
        self.table = LeaseTable()
        """The newest."""
        self._table_s = 0.0
        self._answered: set[tuple[int, str]] = set()
        self._observations: dict[str, Observation] = {}
        robots, state = self.fleet.robot_names, self.robot_contract.observation.state
        self._actions = {
            robot: self.create_publisher(ActionMessage, f"{robot}/teleop_action", TRANSIENT_LOCAL_100)
            for robot in robots
        }
        for robot in robots:
            heard = partial(self._on_observation, robot)
            self.create_subscription(Observation, f"{robot}/{state.topic}", heard, TRANSIENT_LOCAL_1)
        self.create_subscription(LeaseTable, "fleet/leases", self._on_leases, TRANSIENT_LOCAL_1)

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`: whom everybody is busy with."""
        held = {lease.supervisor: lease.robot for lease in self._own_leases()}
        ticks = {human: visit.ticks for human, visit in self._visits.items()}
        return [station_check(human, held.get(human, ""), ticks.get(human, 0)) for human in self._stations]

    def open(self, stations: Mapping[str, HumanInterface]) -> None:
        """These supervisors can be sent to robots from now on."""
        self._stations.update(stations)
        for name in stations:
            self._servers[name] = ActionServer(
                self,
                Supervise,
                f"{name}/supervise",
                execute_callback=partial(self._supervise, name),
                goal_callback=partial(self._answer, name),
                cancel_callback=lambda _: CancelResponse.ACCEPT,
            )

    def shut(self, supervisor: str) -> None:
        """This supervisor leaves; whatever robot they have, they hand back."""
        self.hand_back(supervisor)
        del self._stations[supervisor]
        server = self._servers.pop(supervisor)

        def destroy() -> None:
            self.destroy_timer(last_words)
            server.destroy()

        last_words = self.create_timer(LAST_WORDS_S, destroy, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def accepts(self, supervisor: str, robot: str) -> bool:  # noqa: ARG002 - for those who can refuse
        """Whether the supervisor takes the robot."""
        return True

    def leased(self, leases: Mapping[str, Lease]) -> None:
        """A lease table has come: who of these supervisors has which lease."""

    def ask(self) -> None:
        """Ask those supervisors again who had not decided yet."""
        for lease in self._own_leases():
            self._ask(lease)

    def hand_back(self, supervisor: str) -> bool:
        """End what the supervisor is busy with; at this tick the robot holds, if nothing was decided yet.

        Returns:
            Whether there was something: a lease that another process of this supervisor had accepted cannot be handed back.
        """
        busy = supervisor in self._visits
        for lease in self._own_leases():
            if lease.supervisor == supervisor:
                self._publish(
                    lease,
                    RobotAction(self.table.tick, ActionKind.HOLD, ActionSource.HUMAN, (), 0, supervisor, lease.token),
                )
        self._end_visit(supervisor, Supervise.Result.HANDED_BACK)
        return busy

    def _answer(self, supervisor: str, goal: Supervise.Goal) -> GoalResponse:
        here = supervisor in self._stations and self.accepts(supervisor, goal.robot)
        return GoalResponse.ACCEPT if here else GoalResponse.REJECT

    async def _supervise(self, supervisor: str, goal: Any) -> Supervise.Result:
        """Busy until the lease is over; the human's hands are moved by the lease table, not from here."""
        visit = Visit(goal)
        self._end_visit(supervisor, Supervise.Result.RELIEVED)
        self._visits[supervisor] = visit
        outcome = await visit.ended
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.succeed()
        return Supervise.Result(outcome=outcome, ticks=visit.ticks)

    def _end_visit(self, supervisor: str, outcome: int) -> None:
        visit = self._visits.pop(supervisor, None)
        if visit:
            visit.ended.set_result(outcome)

    def _own_leases(self) -> list[Lease]:
        return [lease_of(lease) for lease in self.table.leases if lease.supervisor in self._stations]

    def _on_leases(self, message: LeaseTable) -> None:
        self.table, self._table_s = message, time.monotonic()
        self._answered = {(tick, robot) for tick, robot in self._answered if tick == message.tick}
        leases = {lease.supervisor: lease for lease in self._own_leases()}
        for name, visit in list(self._visits.items()):
            if visit.request.is_cancel_requested:
                self._end_visit(name, Supervise.Result.HANDED_BACK)
            elif name not in leases or leases[name].token != visit.request.request.lease:
                self._end_visit(name, Supervise.Result.RELIEVED)
        self.leased(leases)
        self.ask()

    def _on_observation(self, robot: str, message: Observation) -> None:
        self._observations[robot] = message
        for lease in self._own_leases():
            if lease.robot == robot:
                self._ask(lease)

    def _ask(self, lease: Lease) -> None:
        """Act on a tick once both its lease table and its observation have come."""
        observation = self._unanswered(lease)
        if observation is None or self._too_late():
            return
        try:
            state_S = state_of(observation, self.robot_contract)
        except ValueError as error:
            self._answered.add((observation.tick, lease.robot))
            self.get_logger().error(f"{lease.robot}/{error}")
            return
        action = self._stations[lease.supervisor].act(lease, observation.tick, state_S)
        if action is not None:
            self._publish(lease, action)
            self._after(lease, action)

    def _publish(self, lease: Lease, action: RobotAction) -> None:
        observation = self._unanswered(lease)
        if observation is None:
            return
        self._answered.add((observation.tick, lease.robot))
        message = ActionMessage()
        message.header.stamp, message.header.frame_id = observation.header.stamp, f"{lease.robot}/base_link"
        fill_action(message, action)
        self._actions[lease.robot].publish(message)

    def _unanswered(self, lease: Lease) -> Observation | None:
        """The robot's observation of the table's tick, if it has come and was not answered."""
        observation, tick = self._observations.get(lease.robot), self.table.tick
        if observation is None or observation.tick != tick or (tick, lease.robot) in self._answered:
            return None
        return observation

    def _too_late(self) -> bool:
        return not self.lockstep and time.monotonic() - self._table_s > ANSWER_SHARE / self.robot_contract.rate_hz

    def _after(self, lease: Lease, action: RobotAction) -> None:
        visit = self._visits.get(lease.supervisor)
        if visit is None:
            return
        visit.ticks += 1
        visit.request.publish_feedback(Supervise.Feedback(tick=action.tick, ticks=visit.ticks))
        if action.kind is ActionKind.HARD_RESET:
            self._end_visit(lease.supervisor, Supervise.Result.RESET_DONE)

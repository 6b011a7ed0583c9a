"""The scripted supervisors' stations: each serves Supervise goals, and drives while the lease table says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from fleet_interfaces.action import Supervise
from fleet_interfaces.msg import LeaseTable, Observation
from fleet_interfaces.msg import RobotAction as ActionMessage
from rclpy.action import ActionServer, CancelResponse
from rclpy.task import Future

from fleet_contract.action import ActionKind, RobotAction, fill_action
from fleet_contract.lease import Lease, lease_of
from fleet_contract.observation import state_of
from fleet_contract.ros import NEWEST, OFFERED, FleetNode, run_process
from teleop_gui.station import Station
from teleop_gui.supervisors import make_supervisor


@dataclass
class Visit:
    """One goal that a supervisor is busy with."""

    request: Any
    ended: Future[int] = field(default_factory=Future)
    ticks: int = 0


class StationNode(FleetNode):
    """All scripted supervisors of the fleet, one action server each."""

    def __init__(self) -> None:
        super().__init__("stations")
        seed = self.setting("seed", 0, "Seed of the supervisors' choices.")
        task = self.fleet.environment.task
        names = self.fleet.supervisor_names
        reset_ticks = self.fleet.allocation.hard_reset_ticks
        self._stations = {
            name: Station(make_supervisor(task, self.fleet.style_of(index), seed, index), reset_ticks)
            for index, name in enumerate(names)
        }
        self._visits: dict[str, Visit] = {}
        self._table = LeaseTable()
        self._answered: set[tuple[int, str]] = set()
        self._observations: dict[str, Observation] = {}
        robots, state = self.fleet.robot_names, self.robot_contract.observation.state
        self._actions = {
            name: self.create_publisher(ActionMessage, f"{name}/teleop_action", OFFERED) for name in robots
        }
        for name in robots:
            heard = partial(self._on_observation, name)
            self.create_subscription(Observation, f"{name}/{state.topic}", heard, NEWEST)
        self.create_subscription(LeaseTable, "fleet/leases", self._on_leases, NEWEST)
        self._servers = [
            ActionServer(
                self,
                Supervise,
                f"{name}/supervise",
                execute_callback=partial(self._supervise, name),
                cancel_callback=lambda _: CancelResponse.ACCEPT,
            )
            for name in names
        ]

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

    def _on_leases(self, message: LeaseTable) -> None:
        self._table = message
        current = {lease.supervisor: lease.token for lease in message.leases}
        for name, visit in list(self._visits.items()):
            if visit.request.is_cancel_requested:
                self._end_visit(name, Supervise.Result.HANDED_BACK)
            elif current.get(name) != visit.request.request.lease:
                self._end_visit(name, Supervise.Result.RELIEVED)
        for lease in message.leases:
            self._drive_if_seen(lease_of(lease))

    def _on_observation(self, robot: str, message: Observation) -> None:
        self._observations[robot] = message
        for lease in self._table.leases:
            if lease.robot == robot:
                self._drive_if_seen(lease_of(lease))

    def _drive_if_seen(self, lease: Lease) -> None:
        """Act on a tick as soon as both its lease table and its observation have come."""
        observation, tick = self._observations.get(lease.robot), self._table.tick
        if observation is None or observation.tick != tick or (tick, lease.robot) in self._answered:
            return
        self._answered = {(tick, robot) for seen, robot in self._answered if seen == tick} | {(tick, lease.robot)}
        try:
            state_S = state_of(observation, self.robot_contract)
        except ValueError as error:
            self.get_logger().error(f"{lease.robot}/{error}")
            return
        action = self._stations[lease.supervisor].act(lease, tick, state_S)
        message = ActionMessage()
        message.header.stamp, message.header.frame_id = observation.header.stamp, f"{lease.robot}/base_link"
        fill_action(message, action)
        self._actions[lease.robot].publish(message)
        self._after(lease, action)

    def _after(self, lease: Lease, action: RobotAction) -> None:
        visit = self._visits.get(lease.supervisor)
        if visit is None:
            return
        visit.ticks += 1
        visit.request.publish_feedback(Supervise.Feedback(tick=action.tick, ticks=visit.ticks))
        if action.kind is ActionKind.HARD_RESET:
            self._end_visit(lease.supervisor, Supervise.Result.RESET_DONE)


def main() -> NoReturn:
    """Run the node."""
    run_process(StationNode)

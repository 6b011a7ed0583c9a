"""The only node that publishes the robots' actions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from fleet_interfaces.msg import Lease as LeaseMessage
from fleet_interfaces.msg import LeaseTable, RobotStatus
from fleet_interfaces.msg import RobotAction as ActionMessage
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import LIVELINESS, TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.action import RobotAction, action_of, fill_action
from fleet_contract.lease import lease_of
from fleet_safety.gate import ActionGate
from fleet_safety.gate_health import GateHealth

DEADLINE = 0.8
"""Share of a tick after which a robot whose action has not come holds, in real time."""
LATCH = "EMERGENCY_STOP"
"""File in the run's folder that is there while the stop is latched: a gate that starts again finds it."""
POLICY, HUMAN = "policy_action", "teleop_action"


class GateNode(FleetNode):
    """Releases one action per robot and tick as soon as the right one has come, and holds the late.

    In real time a tick's deadline is the same for all. In lockstep the robots stand still between ticks and wait for the
    policy as long as it takes, but not for people; robots with drivers of their own may be one tick apart.
    """

    def __init__(self) -> None:
        super().__init__("gate")
        self._gate = ActionGate(self.robot_contract)
        self._health = GateHealth()
        self._latch = self.run_dir / LATCH
        if self._latch.exists():
            self._gate.stop()
        self._tick = -1
        self._statuses: dict[str, RobotStatus] = {}
        self._leases: LeaseTable | None = None
        self._proposals: dict[tuple[str, str], RobotAction] = {}
        self._released: set[str] = set()
        contract, names = self.robot_contract, self.fleet.robot_names
        self._actions = {
            n: self.create_publisher(ActionMessage, f"{n}/{contract.action.topic}", TRANSIENT_LOCAL_100) for n in names
        }
        self._stopped = self.create_publisher(Bool, "fleet/emergency_stopped", LIVELINESS)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._deadline = self.create_timer(DEADLINE / contract.rate_hz, self._hold_all, clock=steady, autostart=False)
        patience_s = self.fleet.supervisors.patience_s
        self._patience = self.create_timer(patience_s, self._hold_leased, clock=steady, autostart=False)
        for name in names:
            heard = partial(self._on_status, name)
            self.create_subscription(RobotStatus, f"{name}/{contract.violation.topic}", heard, TRANSIENT_LOCAL_1)
            for topic in (POLICY, HUMAN):
                heard = partial(self._on_proposal, name, topic)
                self.create_subscription(ActionMessage, f"{name}/{topic}", heard, TRANSIENT_LOCAL_1)
        self.create_subscription(LeaseTable, "fleet/leases", self._on_leases, TRANSIENT_LOCAL_1)
        self.create_service(Trigger, "fleet/emergency_stop", self._on_stop)
        self.create_service(Trigger, "fleet/emergency_stop_reset", self._on_reset)
        self._stopped.publish(Bool(data=self._gate.stopped))

    def checks(self) -> Sequence[Check]:
        """See `FleetNode.checks`."""
        return self._health.checks(time.monotonic(), stopped=self._gate.stopped)

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        """A robot's own status, and nothing else, tells which tick it is for it."""
        if message.resting:
            return
        before = self._statuses.get(robot)
        if before is not None and before.tick == message.tick and before.unreachable:
            # What was proposed before it was lost is not for where it is now.
            message.unreachable = before.unreachable
        if before is None or message.tick > before.tick:
            self._released.discard(robot)
        if message.tick > self._tick:
            self._tick = message.tick
            if not self.lockstep:
                self._deadline.reset()
        self._statuses[robot] = message
        self._release_if_due(robot)

    def _on_leases(self, message: LeaseTable) -> None:
        self._leases = message
        if self.lockstep:
            self._patience.reset()
        for robot in self.fleet.robot_names:
            self._release_if_due(robot)

    def _leases_at(self, tick: int) -> dict[str, LeaseMessage] | None:
        """By robot; none while the tick's table has not come."""
        table = self._leases
        return {lease.robot: lease for lease in table.leases} if table and table.tick == tick else None

    def _on_proposal(self, robot: str, topic: str, message: ActionMessage) -> None:
        try:
            self._proposals[robot, topic] = action_of(message)
        except ValueError as error:
            self.get_logger().error(f"{robot}/{topic} is ignored: {error}")
            return
        self._release_if_due(robot)

    def _release_if_due(self, robot: str) -> None:
        """Release as soon as nothing more can change the answer."""
        status = self._statuses.get(robot)
        leases = self._leases_at(status.tick) if status else None
        if status is None or leases is None:
            return
        held = robot in leases
        proposal = self._proposals.get((robot, HUMAN if held else POLICY))
        holds = (status.violated and not held) or status.unreachable or self._gate.stopped
        if holds or (proposal and proposal.tick == status.tick):
            self._release(robot)

    def _release(self, robot: str) -> None:
        status = self._statuses.get(robot)
        if status is None or robot in self._released:
            return
        self._released.add(robot)
        leases = self._leases_at(status.tick)
        lease = leases.get(robot) if leases else None
        action = self._gate.release(
            status.tick,
            lease=lease_of(lease) if lease else None,
            violated=status.violated,
            policy=self._proposals.get((robot, POLICY)) if leases is not None else None,
            human=self._proposals.get((robot, HUMAN)),
            unreachable=status.unreachable,
        )
        self._health.released(action, time.monotonic())
        message = ActionMessage()
        message.header.stamp, message.header.frame_id = status.header.stamp, f"{robot}/base_link"
        fill_action(message, action)
        self._actions[robot].publish(message)

    def _hold_all(self) -> None:
        self._deadline.cancel()
        for robot in self.fleet.robot_names:
            self._release(robot)

    def _hold_leased(self) -> None:
        """Robots that wait for people wait no longer."""
        self._patience.cancel()
        for robot, status in self._statuses.items():
            lease = (self._leases_at(status.tick) or {}).get(robot)
            if lease and lease.supervisor in self.fleet.operator_names:
                self._release(robot)

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._gate.stop()
        response = self._tell(response, "every robot holds until the stop is reset")
        try:
            self._latch.touch()
        except OSError as error:
            self.get_logger().error(
                f"{self._latch}: {error.strerror}: a gate that starts again will not know of the stop"
            )
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._latch.unlink(missing_ok=True)
        self._gate.reset_stop()
        return self._tell(response, "robots may move again")

    def _tell(self, response: Trigger.Response, message: str) -> Trigger.Response:
        self._stopped.publish(Bool(data=self._gate.stopped))
        self.get_logger().warning(message)
        for robot in self.fleet.robot_names:
            self._release_if_due(robot)
        self.diagnose()
        response.success, response.message = True, message
        return response


def main() -> NoReturn:
    """Run the node."""
    run_process(GateNode)

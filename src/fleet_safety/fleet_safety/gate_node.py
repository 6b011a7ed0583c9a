"""The gate, the only node that publishes the robots' actions."""

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
from typing_extensions import override

from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100, liveliness
from fleet_contract.action import RobotAction, action_of, fill_action
from fleet_contract.lease import lease_of
from fleet_contract.topics import (
    EMERGENCY_STOP_RESET_SERVICE,
    EMERGENCY_STOP_SERVICE,
    EMERGENCY_STOPPED_TOPIC,
    LEASES_TOPIC,
    POLICY_ACTION_TOPIC,
    PROPOSED_ACTION_TOPICS,
    TELEOP_ACTION_TOPIC,
)
from fleet_safety.gate import ActionGate
from fleet_safety.gate_health import GateHealth

DEADLINE = 0.8
"""Share of a tick after which a robot without an action holds, in real time."""
LATCH = "EMERGENCY_STOP"
"""File in the run's folder that exists while the emergency stop is latched, so that the stop survives a restart of the gate."""


class GateNode(FleetNode):
    """Releases one action per robot and tick as soon as the permitted one arrives; robots without it hold.

    In real time all robots have the same deadline in a tick. In lockstep the robots stand still between ticks and wait for the
    policy without a limit, but for people only `supervisors.patience_s`; robots of different drivers may be one tick apart.
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
            name: self.create_publisher(ActionMessage, f"{name}/{contract.action.topic}", TRANSIENT_LOCAL_100)
            for name in names
        }
        self._stopped = self.create_publisher(
            Bool, EMERGENCY_STOPPED_TOPIC, liveliness(self.fleet.environment.gate_timeout_s)
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._deadline = self.create_timer(DEADLINE / contract.rate_hz, self._hold_all, clock=steady, autostart=False)
        patience_s = self.fleet.supervisors.patience_s
        self._patience = self.create_timer(patience_s, self._hold_leased, clock=steady, autostart=False)
        for name in names:
            on_status = partial(self._on_status, name)
            self.create_subscription(RobotStatus, f"{name}/{contract.violation.topic}", on_status, TRANSIENT_LOCAL_1)
            for topic in PROPOSED_ACTION_TOPICS:
                on_proposal = partial(self._on_proposal, name, topic)
                self.create_subscription(ActionMessage, f"{name}/{topic}", on_proposal, TRANSIENT_LOCAL_1)
        self.create_subscription(LeaseTable, LEASES_TOPIC, self._on_leases, TRANSIENT_LOCAL_1)
        self.create_service(Trigger, EMERGENCY_STOP_SERVICE, self._on_stop)
        self.create_service(Trigger, EMERGENCY_STOP_RESET_SERVICE, self._on_reset)
        self._stopped.publish(Bool(data=self._gate.stopped))

    @override
    def checks(self) -> Sequence[Check]:
        return self._health.checks(time.monotonic(), stopped=self._gate.stopped)

    def _on_status(self, robot: str, message: RobotStatus) -> None:
        """Only a robot's own status starts its next tick."""
        if message.resting:
            return
        before = self._statuses.get(robot)
        if before is not None and before.tick == message.tick and before.unreachable:
            # Actions that were proposed before it became unreachable may not suit its present state.
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
        """Return the leases of a tick by robot, or None before the tick's lease table arrives."""
        table = self._leases
        return {lease.robot: lease for lease in table.leases} if table and table.tick == tick else None

    def _on_proposal(self, robot: str, topic: str, message: ActionMessage) -> None:
        try:
            self._proposals[robot, topic] = action_of(message)
        except ValueError as error:
            self.get_logger().error(f"ignored an action on {robot}/{topic}: {error}")
            return
        self._release_if_due(robot)

    def _release_if_due(self, robot: str) -> None:
        """Release the robot's action as soon as no further message can change it."""
        status = self._statuses.get(robot)
        leases = self._leases_at(status.tick) if status else None
        if status is None or leases is None:
            return
        held = robot in leases
        proposal = self._proposals.get((robot, TELEOP_ACTION_TOPIC if held else POLICY_ACTION_TOPIC))
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
            policy=self._proposals.get((robot, POLICY_ACTION_TOPIC)) if leases is not None else None,
            human=self._proposals.get((robot, TELEOP_ACTION_TOPIC)),
            unreachable=status.unreachable,
        )
        self._health.released(action, time.monotonic())
        message = ActionMessage()
        fill_action(message, action, robot, status.header.stamp)
        self._actions[robot].publish(message)

    def _hold_all(self) -> None:
        """Release holding to all robots without an action at the deadline."""
        self._deadline.cancel()
        for robot in self.fleet.robot_names:
            self._release(robot)

    def _hold_leased(self) -> None:
        """Release holding to the robots that wait for a person's action."""
        self._patience.cancel()
        for robot, status in self._statuses.items():
            lease = (self._leases_at(status.tick) or {}).get(robot)
            if lease and lease.supervisor in self.fleet.operator_names:
                self._release(robot)

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._gate.stop()
        response = self._report_stop(response, "every robot holds until the emergency stop is reset")
        try:
            self._latch.touch()
        except OSError as error:
            self.get_logger().error(
                f"{self._latch}: cannot be written: {error.strerror}; the emergency stop will not survive a restart of the gate"
            )
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._latch.unlink(missing_ok=True)
        self._gate.reset_stop()
        return self._report_stop(response, "robots may move again")

    def _report_stop(self, response: Trigger.Response, message: str) -> Trigger.Response:
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

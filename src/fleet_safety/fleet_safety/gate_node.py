"""The gate, the only node that publishes the robots' actions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from builtin_interfaces.msg import Time
from fleet_interfaces.msg import RobotAction as ActionMessage
from fleet_interfaces.msg import RobotActions as ActionsMessage
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_actions, subscribe_to_leases, subscribe_to_states
from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100, liveliness
from fleet_common.robot_topics import RobotTopics
from fleet_contract.action import RobotAction, fill_action
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot_actions import fill_robot_actions
from fleet_contract.robot_states import RobotStates
from fleet_contract.topics import (
    ACTIONS_TOPIC,
    EMERGENCY_STOP_RESET_SERVICE,
    EMERGENCY_STOP_SERVICE,
    EMERGENCY_STOPPED_TOPIC,
    POLICY_ACTIONS_TOPIC,
    TELEOP_ACTIONS_TOPIC,
)
from fleet_safety.gate import ActionGate
from fleet_safety.gate_health import GateHealth

DEADLINE = 0.8
"""Share of a tick after which a robot without an action holds, in real time."""
LATCH = "EMERGENCY_STOP"
"""File in the run's folder that exists while the emergency stop is latched, so that the stop survives a restart of the gate."""


@dataclass(frozen=True)
class RobotAtTick:
    """What the gate knows of a robot at its newest tick."""

    tick: int
    stamp: Time
    violated: bool
    unreachable: str


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
        self._robots: dict[str, RobotAtTick] = {}
        self._leases = LeaseTable()
        self._policy: dict[str, RobotAction] = {}
        self._human: dict[str, RobotAction] = {}
        self._released: set[str] = set()
        contract, names = self.robot_contract, self.fleet.robot_names
        self._actions = self.create_publisher(ActionsMessage, ACTIONS_TOPIC, TRANSIENT_LOCAL_100)
        self._robot_actions = RobotTopics(self, ActionMessage, contract.action.topic, names)
        self._stopped = self.create_publisher(
            Bool, EMERGENCY_STOPPED_TOPIC, liveliness(self.fleet.environment.gate_timeout_s)
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._deadline = self.create_timer(DEADLINE / contract.rate_hz, self._hold_all, clock=steady, autostart=False)
        patience_s = self.fleet.supervisors.patience_s
        self._patience = self.create_timer(patience_s, self._hold_leased, clock=steady, autostart=False)
        subscribe_to_states(self, self._on_states)
        for topic, newest in ((POLICY_ACTIONS_TOPIC, self._policy), (TELEOP_ACTIONS_TOPIC, self._human)):
            subscribe_to_actions(self, topic, partial(self._on_proposals, newest), TRANSIENT_LOCAL_100)
        subscribe_to_leases(self, self._on_leases, TRANSIENT_LOCAL_1)
        self.create_service(Trigger, EMERGENCY_STOP_SERVICE, self._on_stop)
        self.create_service(Trigger, EMERGENCY_STOP_RESET_SERVICE, self._on_reset)
        self._stopped.publish(Bool(data=self._gate.stopped))

    @override
    def checks(self) -> Sequence[Check]:
        return self._health.checks(time.monotonic(), stopped=self._gate.stopped)

    def _on_states(self, batches: list[RobotStates]) -> None:
        """Only a robot's own states start its next tick."""
        for states in batches:
            if states.resting:
                continue
            for row, name in enumerate(states.robots):
                self._update(name, states, row)
            if states.tick > self._tick:
                self._tick = states.tick
                if not self.lockstep:
                    self._deadline.reset()
        self._release_due({name for states in batches for name in states.robots})

    def _update(self, name: str, states: RobotStates, row: int) -> None:
        robot = RobotAtTick(states.tick, states.stamp, bool(states.violated_N[row]), states.unreachable[row])
        before = self._robots.get(name)
        if before is not None and before.tick == robot.tick and before.unreachable:
            # Actions that were proposed before it became unreachable may not suit its present state.
            robot = replace(robot, unreachable=before.unreachable)
        if before is None or robot.tick > before.tick:
            self._released.discard(name)
        self._robots[name] = robot

    def _on_leases(self, tables: list[LeaseTable]) -> None:
        self._leases = tables[-1]
        if self.lockstep:
            self._patience.reset()
        self._release_due(self.fleet.robot_names)

    def _on_proposals(self, newest: dict[str, RobotAction], batches: list[dict[str, RobotAction]]) -> None:
        for batch in batches:
            newest.update(batch)
        self._release_due({name for batch in batches for name in batch})

    def _release_due(self, names: Iterable[str]) -> None:
        """Release the actions of those robots for which no further message can change it."""
        leases = self._leases.by_robot
        due = []
        for name in names:
            robot = self._robots.get(name)
            if robot is None or robot.tick != self._leases.tick or name in self._released:
                continue
            held = name in leases
            proposal = (self._human if held else self._policy).get(name)
            holds = (robot.violated and not held) or robot.unreachable or self._gate.stopped
            if holds or (proposal and proposal.tick == robot.tick):
                due.append(name)
        self._release(due)

    def _release(self, names: Iterable[str]) -> None:
        """Release one action for each of these robots that has none yet at its tick."""
        leases, now_s = self._leases.by_robot, time.monotonic()
        released: dict[int, dict[str, RobotAction]] = {}
        for name in names:
            robot = self._robots.get(name)
            if robot is None or name in self._released:
                continue
            self._released.add(name)
            allocated = self._leases.tick == robot.tick
            action = self._gate.release(
                robot.tick,
                lease=leases.get(name) if allocated else None,
                violated=robot.violated,
                policy=self._policy.get(name) if allocated else None,
                human=self._human.get(name),
                unreachable=robot.unreachable,
            )
            self._health.released(action, now_s)
            released.setdefault(robot.tick, {})[name] = action
        for actions in released.values():
            stamps = {name: self._robots[name].stamp for name in actions}
            message = ActionsMessage()
            fill_robot_actions(message, actions, next(iter(stamps.values())), self.robot_contract.action_dim)
            self._actions.publish(message)
            for name, action in actions.items():
                self._robot_actions.publish(name, partial(_robot_message, name, action, stamps[name]))

    def _hold_all(self) -> None:
        """Release holding to all robots without an action at the deadline."""
        self._deadline.cancel()
        self._release(self.fleet.robot_names)

    def _hold_leased(self) -> None:
        """Release holding to the robots that wait for a person's action."""
        self._patience.cancel()
        people = self.fleet.operator_names
        self._release(
            name
            for name, lease in self._leases.by_robot.items()
            if lease.supervisor in people and name in self._robots and self._robots[name].tick == self._leases.tick
        )

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
        self._release_due(self.fleet.robot_names)
        self.diagnose()
        response.success, response.message = True, message
        return response


def _robot_message(robot: str, action: RobotAction, stamp: Time) -> ActionMessage:
    message = ActionMessage()
    fill_action(message, action, robot, stamp)
    return message


def main() -> NoReturn:
    """Run the node."""
    run_process(GateNode)

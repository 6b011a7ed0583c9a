"""What every node shares: the run it belongs to, quality of service, and a clean end."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from fleet_common.diagnostics import diagnostic_array
from fleet_common.health import Check, Level
from fleet_common.qos import TRANSIENT_LOCAL_10
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

POLL_S = 0.05
DIAGNOSE_S = 1.0
LAST_WORDS_S = 1.0
"""Time that a node's last messages have to arrive before its publishers are gone."""
LEAVE_S = 10.0
"""Time that a node has to leave ROS. After that its process ends and tells where its threads were."""


class FleetNode(Node):
    """A node of one run: the run's folder holds the resolved fleet file.

    Raises:
        BadInput: the parameter run_dir names no folder with a fleet file.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.run_dir = Path(self.setting("run_dir", "", "Folder of the run; fleet.yaml in it is the fleet."))
        self.fleet = read_fleet(self.run_dir / "fleet.yaml")
        self.robot_contract = self.fleet.contract()
        self._levels: dict[str, Level] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", TRANSIENT_LOCAL_10)
        self.create_timer(
            DIAGNOSE_S, lambda: self._publish_checks(self._own_checks()), clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def setting(self, name: str, default: Any, description: str) -> Any:
        """Declare a parameter that is fixed when the node starts, and return its value."""
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def close(self) -> None:
        """Free what the node holds besides ROS's own."""

    def checks(self) -> Sequence[Check]:
        """What operators are told of this node, once a second; of one that tells nothing else, that it is alive."""
        return [Check("heartbeat", Level.OK, "alive")]

    def diagnose(self) -> None:
        """Tell now, if a level is another than it was told last; to be called where one may have changed."""
        checks = self._own_checks()
        if {check.name: check.level for check in checks} != self._levels:
            self._publish_checks(checks)

    def on_shutdown(self) -> None:
        """Called before the node ends. It will be missed, unless it takes leave here."""

    def publish_shutdown(self) -> None:
        """Nobody is to miss this node when it is gone."""
        self._publish_checks([check.ended() for check in self._own_checks()])

    def _own_checks(self) -> list[Check]:
        return [check.of(self.get_name(), self.fleet.fleet) for check in self.checks()]

    def _publish_checks(self, checks: list[Check]) -> None:
        self._levels = {check.name: check.level for check in checks}
        self._diagnostics.publish(diagnostic_array(checks, self.get_clock().now().to_msg()))

    def flush(self) -> None:
        """Wait until everybody who listens has got what this node has said, LAST_WORDS_S at most."""
        end = time.monotonic() + LAST_WORDS_S
        for publisher in self.publishers:
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, end - time.monotonic())))

    @property
    def lockstep(self) -> bool:
        """Whether the robots wait for all actions of a tick."""
        return self.fleet.tick.mode == "lockstep"


NodeT = TypeVar("NodeT", bound=FleetNode)


def run(
    make: Callable[[], NodeT],
    *,
    args: list[str] | None = None,
    at_end: Callable[[NodeT, SingleThreadedExecutor], None] | None = None,
) -> NodeT:
    """Run one node until it has `finished`, or SIGINT or SIGTERM comes, however often.

    Args:
        make: the node's constructor.
        args: command line of the node, the process's own by default.
        at_end: called with the node and its executor before they are destroyed.

    Returns:
        The node, which has left ROS.

    Bad input is one sentence on standard error and exit code 2. A node that does not find out of ROS within LEAVE_S ends its
    process with the stacks of its threads and exit code 1.
    """
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
    except InputError as error:
        print(error, file=sys.stderr)
        rclpy.try_shutdown()
        sys.exit(EXIT_INPUT_ERROR)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stopping and not getattr(node, "finished", False):
            executor.spin_once(timeout_sec=POLL_S)
        if at_end:
            at_end(node, executor)
    finally:
        faulthandler.dump_traceback_later(LEAVE_S, exit=True)
        executor.shutdown()
        node.on_shutdown()
        node.flush()
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
        faulthandler.cancel_dump_traceback_later()
    return node


def run_process(
    make: Callable[[], NodeT], *, at_end: Callable[[NodeT, SingleThreadedExecutor], None] | None = None
) -> NoReturn:
    """Run one node as `run` does, and end the process.

    Without the interpreter's farewell: once the node is closed there is nothing left to save, and libraries of torch's
    size take a second for it.
    """
    run(make, at_end=at_end)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

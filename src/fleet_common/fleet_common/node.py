"""The base class of all nodes: it reads the run's fleet file, publishes checks, and shuts down cleanly."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.task import Future
from typing_extensions import override

from fleet_common.diagnostics import diagnostic_array
from fleet_common.health import Check, Level
from fleet_common.process_exit import exit_process
from fleet_common.qos import TRANSIENT_LOCAL_10
from fleet_contract.fleet import read_fleet
from fleet_contract.topics import DIAGNOSTICS_TOPIC
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

DIAGNOSE_S = 1.0
"""Period, s, at which a node publishes its checks."""
FLUSH_TIMEOUT_S = 1.0
"""Time, s, that a node's last messages have to arrive before its publishers are destroyed."""
SHUTDOWN_TIMEOUT_S = 10.0
"""Time, s, that a node has to shut down. After that its process exits and prints the stacks of its threads."""


class FleetNode(Node):
    """A node of one run, whose folder holds the resolved fleet file.

    Raises:
        InputError: the parameter run_dir is not a folder with a fleet file.
    """

    def __init__(self, name: str) -> None:
        # Services for parameters, which are all fixed at the start, would double the time that nodes need to discover each other.
        quiet = [Parameter("start_type_description_service", value=False)]
        super().__init__(name, start_parameter_services=False, parameter_overrides=quiet)
        self.run_dir = Path(
            self.read_only_parameter("run_dir", "", "Folder of the run; fleet.yaml in it is the fleet.")
        )
        self.fleet = read_fleet(self.run_dir / "fleet.yaml")
        self.robot_contract = self.fleet.contract()
        self.robot_index = {name: index for index, name in enumerate(self.fleet.robot_names)}
        """Indices of the robots by name."""
        self.ended: Future[None] = Future()
        """Done when `run` ends the node."""
        self._levels: dict[str, Level] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, TRANSIENT_LOCAL_10)
        self.create_timer(
            DIAGNOSE_S, lambda: self._publish_checks(self._own_checks()), clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    @override
    def create_publisher(self, *args: Any, **options: Any) -> Publisher[Any]:
        """Create a publisher without handlers of QoS events unless they are given: the executor waits for each handler."""
        return super().create_publisher(
            *args, **{"event_callbacks": PublisherEventCallbacks(use_default_callbacks=False)} | options
        )

    @override
    def create_subscription(self, *args: Any, **options: Any) -> Subscription[Any]:
        """Create a subscription without handlers of QoS events unless they are given: the executor waits for each handler."""
        return super().create_subscription(
            *args, **{"event_callbacks": SubscriptionEventCallbacks(use_default_callbacks=False)} | options
        )

    def read_only_parameter(self, name: str, default: Any, description: str) -> Any:
        """Declare a parameter that is fixed when the node starts, and return its value."""
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def end(self) -> None:
        """Let `run` return; what has arrived until then may stay unhandled."""
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Free the node's resources that are not ROS's own."""

    def checks(self) -> Sequence[Check]:
        """Return the node's checks, which are published once a second; by default one that says that it is alive."""
        return [Check("heartbeat", Level.OK, "alive")]

    def diagnose(self) -> None:
        """Publish the checks now if a level has changed since they were last published."""
        checks = self._own_checks()
        if {check.name: check.level for check in checks} != self._levels:
            self._publish_checks(checks)

    def on_shutdown(self) -> None:
        """Run before the node is destroyed. Its checks become stale, unless `publish_shutdown` is called here."""

    def publish_shutdown(self) -> None:
        """Publish that all checks of this node have ended, so that their silence is not reported as a fault."""
        self._publish_checks([check.ended() for check in self._own_checks()])

    def _own_checks(self) -> list[Check]:
        return [check.qualified(self.get_name(), self.fleet.fleet) for check in self.checks()]

    def _publish_checks(self, checks: list[Check]) -> None:
        self._levels = {check.name: check.level for check in checks}
        self._diagnostics.publish(diagnostic_array(checks, self.get_clock().now().to_msg()))

    def flush(self) -> None:
        """Wait until all subscribers have acknowledged this node's messages, FLUSH_TIMEOUT_S at most."""
        end = time.monotonic() + FLUSH_TIMEOUT_S
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
    """Run one node until it ends itself or the process receives SIGINT or SIGTERM; further signals are ignored.

    A node that refuses its input prints one sentence to standard error and exits with code 2. A node that does not shut down
    within SHUTDOWN_TIMEOUT_S prints the stacks of its threads and exits with code 1.

    Args:
        make: Constructor of the node.
        args: Command line of the node; None: the process's own.
        at_end: Called with the node and its executor before they are destroyed.

    Returns:
        The node, which is destroyed.
    """
    stopping = False
    node: NodeT | None = None

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        if node:
            node.end()

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
    _wake_at_signals(executor)
    try:
        if not stopping:
            executor.spin_until_future_complete(node.ended)
        if at_end:
            at_end(node, executor)
    finally:
        faulthandler.dump_traceback_later(SHUTDOWN_TIMEOUT_S, exit=True)
        executor.shutdown()
        node.on_shutdown()
        node.flush()
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
        faulthandler.cancel_dump_traceback_later()
    return node


def _wake_at_signals(executor: SingleThreadedExecutor) -> None:
    """Interrupt the executor's wait at a signal, whose handler Python runs only between two of its own instructions."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def wake() -> None:
        while os.read(read, 64):
            executor.wake()

    threading.Thread(target=wake, name="signals", daemon=True).start()


def run_process(
    make: Callable[[], NodeT], *, at_end: Callable[[NodeT, SingleThreadedExecutor], None] | None = None
) -> NoReturn:
    """Run one node as `run` does, and exit."""
    run(make, at_end=at_end)
    exit_process(0)

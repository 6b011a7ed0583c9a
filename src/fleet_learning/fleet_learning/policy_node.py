"""Serves the policy: decides for the whole fleet in one batch, and switches to new versions between two ticks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import PolicyVersion
from fleet_interfaces.msg import RobotActions as ActionsMessage
from fleet_interfaces.msg import Signal as SignalMessage
from numpy.typing import NDArray
from typing_extensions import override

from fleet_common.health import Check
from fleet_common.node import FleetNode, run_process
from fleet_common.observations import Observed, subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.robot_actions import fill_robot_actions
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import UNCERTAINTY, Signal, fill_signal
from fleet_contract.topics import POLICY_ACTIONS_TOPIC, POLICY_VERSION_TOPIC, signal_topic
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import deployed
from fleet_learning.policy import Decider, Decision, no_decision
from fleet_learning.policy_health import PolicyHealth
from fleet_learning.randomness import torch_generator
from fleet_learning.threads import limit_threads_for_decisions

WARN_EVERY_S = 5.0
"""Shortest time between two warnings of the same kind, s."""


class PolicyNode(FleetNode):
    """Answers every tick's observations with actions and uncertainties.

    In lockstep, a tick for which a new version is due waits for it; otherwise a version is served as soon as it arrives. The
    node does not wait for unreachable robots; it decides for those that return within a tick when they do. A fleet without a
    policy holds, and all its robots have the same uncertainty.
    """

    def __init__(self) -> None:
        super().__init__("policy")
        self._seed = self.read_only_parameter("seed", 0, "Seed of the sampling.")
        limit_threads_for_decisions(lockstep=self.lockstep)
        checkpoint = self.fleet.policy.checkpoint
        self._decider = self._load(checkpoint) if checkpoint else None
        self._version = 1
        self._tick = -1
        self._health = PolicyHealth(
            1 / self.robot_contract.rate_hz,
            real_time=not self.lockstep,
            unit=self._decider.policy.uncertainty.unit if self._decider else "1",
        )
        self._stamp = Time()
        self._observations: dict[int, NDArray[np.generic]] = {}
        self._decided: set[int] = set()
        self._unreachable: dict[int, int] = {}
        self._actions = self.create_publisher(ActionsMessage, POLICY_ACTIONS_TOPIC, TRANSIENT_LOCAL_100)
        self._signals = self.create_publisher(SignalMessage, signal_topic(UNCERTAINTY), TRANSIENT_LOCAL_100)
        subscribe_to_observations(
            self, self._decider.policy.observes if self._decider else "state", self._on_update, TRANSIENT_LOCAL_1
        )
        self.create_subscription(PolicyVersion, POLICY_VERSION_TOPIC, self._on_version, TRANSIENT_LOCAL_1)

    @override
    def checks(self) -> Sequence[Check]:
        missing = tuple(self.fleet.robot_names[robot] for robot in sorted(self._awaited()))
        due = self.fleet.version_due(self._tick)
        return self._health.checks(time.monotonic(), version=self._version, due=due, missing=missing)

    def _load(self, path: Path, digest: str | None = None) -> Decider:
        policy, _ = read_checkpoint(path, self.robot_contract, digest=digest)
        return deployed(policy, self.fleet)

    def _on_update(self, batches: Sequence[RobotStates], observed: Sequence[Observed]) -> None:
        for states in batches:
            for name, reason in zip(states.robots, states.unreachable, strict=True):
                self._unreachable[self.robot_index[name]] = states.tick if reason else -1
        for at in observed:
            self._add(at)
        self._decide_if_complete()

    def _add(self, observed: Observed) -> None:
        if observed.tick < self._tick:
            return
        if observed.tick > self._tick:
            self._tick, self._stamp = observed.tick, observed.stamp
            self._observations.clear()
            self._decided.clear()
        if observed.robot not in self._decided:
            self._observations[observed.robot] = observed.observation
            self._health.input_received(time.monotonic())

    def _on_version(self, message: PolicyVersion) -> None:
        if message.version <= self._version:
            return
        try:
            self._decider = self._load(Path(message.path), message.digest)
        except InputError as error:
            self.get_logger().error(f"version {message.version} is not served: {error}")
            self._health.refused(message.version, str(error))
            self.diagnose()
            return
        self._version = message.version
        self._health.served()
        self._decide_if_complete()

    def _decide_if_complete(self) -> None:
        outdated = self.lockstep and self._version < self.fleet.version_due(self._tick)
        if self._observations and not outdated and not self._awaited():
            self._decide()

    def _awaited(self) -> set[int]:
        """Return the robots whose observations of this tick have not arrived yet."""
        unreachable = {robot for robot, tick in self._unreachable.items() if tick == self._tick}
        return set(range(len(self.fleet.robot_names))) - unreachable - self._decided - self._observations.keys()

    def _decide(self) -> None:
        started_s = time.perf_counter()
        robots = sorted(self._observations)
        generator = torch_generator(self._seed, self._tick)
        observations_N = np.stack([self._observations[robot] for robot in robots])
        decider = self._decider
        decision = decider.decide(observations_N, robots, generator) if decider else no_decision(len(robots))
        self._observations.clear()
        decision_s = time.perf_counter() - started_s
        self._health.decided(decision_s, decision.uncertainties_N, time.monotonic())
        if not self._decided:
            self._report(robots, decision, decision_s)
        self._decided.update(robots)
        kind = ActionKind.MOVE if decider else ActionKind.HOLD
        names = [self.fleet.robot_names[robot] for robot in robots]
        actions = {
            name: RobotAction(self._tick, kind, ActionSource.POLICY, tuple(values_A), policy_version=self._version)
            for name, values_A in zip(names, decision.actions_NA.tolist(), strict=True)
        }
        message = ActionsMessage()
        fill_robot_actions(message, actions, self._stamp, self.robot_contract.action_dim)
        self._actions.publish(message)

    def _report(self, robots: list[int], decision: Decision, decision_s: float) -> None:
        """Publish the uncertainties once per tick, before the actions: the allocator assigns the humans by them."""
        signal = Signal(
            UNCERTAINTY,
            self._tick,
            tuple(self.fleet.robot_names[robot] for robot in robots),
            decision.uncertainties_N,
            unit=self._decider.policy.uncertainty.unit if self._decider else "1",
            provider="policy",
            standard_errors_N=decision.standard_errors_N,
            version=self._version,
        )
        message = SignalMessage()
        fill_signal(message, signal, self._stamp)
        self._signals.publish(message)
        tick_s = 1 / self.robot_contract.rate_hz
        if not self.lockstep and decision_s > tick_s:
            warning = (
                f"a decision took {decision_s:.2f} s, longer than a tick of {tick_s:.2f} s: the robots held meanwhile"
            )
            self.get_logger().warning(warning, throttle_duration_sec=WARN_EVERY_S)


def main() -> NoReturn:
    """Run the node."""
    run_process(PolicyNode)

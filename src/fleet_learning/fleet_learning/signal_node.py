"""Serves a provider of signals, such as a critic or a monitor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Signal as SignalMessage
from fleet_interfaces.msg import SignalVersion as VersionMessage
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header
from typing_extensions import override

from fleet_common.fleet_topics import subscribe_to_actions
from fleet_common.health import Check, Level
from fleet_common.jpeg import FORMAT, to_jpeg
from fleet_common.node import FleetNode, run_process
from fleet_common.observations import Observed, subscribe_to_observations
from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100
from fleet_contract.action import RobotAction
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import Signal, fill_signal
from fleet_contract.topics import FUTURES_TOPIC, POLICY_ACTIONS_TOPIC, SIGNAL_VERSION_TOPIC, signal_topic
from fleet_contract.validation import InputError
from fleet_learning.signal_provider import Snapshot, read_provider


class SignalNode(FleetNode):
    """Publishes the provider's signals once per tick, for the robots for which the policy has decided, together.

    If the provider learns, a tick for which a new version is due waits for it in lockstep; otherwise a version computes the values
    from the next tick on. A version that cannot be used is reported, and the one before stays.
    """

    def __init__(self) -> None:
        super().__init__("signals")
        index = self.read_only_parameter("index", 0, "Index of the provider in the fleet file's `signals`.")
        self._selection = self.fleet.signals[index]
        self._provider = read_provider(self._selection, self.fleet)
        self._tick = self._done = -1
        self._stamp = Time()
        self._observations: dict[int, NDArray[np.generic]] = {}
        self._episodes: dict[int, int] = {}
        self._alarming: set[int] = set()
        self._actions: dict[str, RobotAction] = {}
        self._took_s = 0.0
        self._version, self._refusal = 1, ""
        self._received: dict[int, VersionMessage] = {}
        self._topics = {
            signal.name: self.create_publisher(SignalMessage, signal_topic(signal.name), TRANSIENT_LOCAL_100)
            for signal in self._provider.signals
        }
        self._films = {
            robot: self.create_publisher(CompressedImage, f"{name}/{FUTURES_TOPIC}", TRANSIENT_LOCAL_1)
            for robot, name in enumerate(self.fleet.robot_names)
            if self._provider.observes == "camera"
        }
        subscribe_to_observations(self, self._provider.observes, self._on_update, TRANSIENT_LOCAL_1)
        subscribe_to_actions(self, POLICY_ACTIONS_TOPIC, self._on_actions, TRANSIENT_LOCAL_1)
        if self._selection.learns:
            self.create_subscription(VersionMessage, SIGNAL_VERSION_TOPIC, self._on_version, TRANSIENT_LOCAL_100)

    @override
    def checks(self) -> Sequence[Check]:
        checks = [Check("signals", Level.OK, f"tick {self._done}", {"last (s)": self._took_s})]
        if self._selection.learns:
            level = Level.ERROR if self._refusal else Level.OK
            values = {"served": self._version, "due": self.fleet.version_due(self._tick)}
            checks.append(Check("version", level, self._refusal or f"version {self._version} is served", values))
        return checks

    def _on_update(self, batches: Sequence[RobotStates], observed: Sequence[Observed]) -> None:
        for states in batches:
            for name, episode in zip(states.robots, states.episodes_N.tolist(), strict=True):
                self._episodes[self.robot_index[name]] = episode
        for at in observed:
            if at.tick > self._tick:
                self._tick, self._stamp = at.tick, at.stamp
                self._observations.clear()
            if at.tick == self._tick:
                self._observations[at.robot] = at.observation
        self._publish_if_complete()

    def _on_actions(self, batches: list[dict[str, RobotAction]]) -> None:
        self._actions = batches[-1]
        self._publish_if_complete()

    def _on_version(self, message: VersionMessage) -> None:
        if tuple(message.signals) == self._selection.names and message.version > self._version:
            self._received[message.version] = message
            self._publish_if_complete()

    def _has_version_for(self, tick: int) -> bool:
        """Return whether the version that is due for a tick has arrived; in real time, a tick does not wait for it."""
        waits = self._selection.learns and self.lockstep
        return not waits or max(self._version, *self._received, 1) >= self.fleet.version_due(tick)

    def _update(self, tick: int) -> None:
        """Use the versions that are due for a tick."""
        for version in sorted(version for version, message in self._received.items() if message.due_tick <= tick):
            message = self._received.pop(version)
            self._version = version
            try:
                self._provider.update(Path(message.path), message.digest)
                self._refusal = ""
            except InputError as error:
                self._refusal = f"version {version} is not served: {error}"
                self.get_logger().error(self._refusal)
            self.diagnose()

    def _publish_if_complete(self) -> None:
        """Publish when all observations of the policy's actions are there; actions for robots that came back later do not count."""
        tick = next(iter(self._actions.values())).tick if self._actions else -1
        robots = sorted(self.robot_index[name] for name in self._actions)
        if tick != self._tick or tick <= self._done or not self._observations.keys() >= set(robots):
            return
        if not self._has_version_for(tick):
            return
        self._update(tick)
        started_s = time.perf_counter()
        names = [self.fleet.robot_names[robot] for robot in robots]
        observations_n = np.stack([self._observations[robot] for robot in robots])
        actions_nA = np.array(
            [self._actions[name].values or [np.nan] * self.robot_contract.action_dim for name in names]
        )
        episodes_n = np.array([self._episodes[robot] for robot in robots])
        values = self._provider.values(Snapshot(tick, robots, episodes_n, observations_n, actions_nA))
        self._done, self._took_s = tick, time.perf_counter() - started_s
        for described in self._provider.signals:
            message = SignalMessage()
            signal = Signal(
                described.name,
                tick,
                tuple(names),
                values[described.name],
                unit=described.unit,
                provider=self._selection.provider,
                version=self._version if self._selection.learns else 0,
                threshold=described.threshold,
            )
            fill_signal(message, signal, self._stamp)
            self._topics[described.name].publish(message)
        alarms_n = np.any([values[own.name] > own.threshold for own in self._provider.signals], axis=0)
        self._publish_films({robot for robot, alarm in zip(robots, alarms_n.tolist(), strict=True) if alarm})

    def _publish_films(self, alarming: set[int]) -> None:
        """Publish what the provider expects of the robots whose alarm begins."""
        for robot in sorted(alarming - self._alarming):
            film = self._provider.film(robot)
            if film is not None and robot in self._films:
                self._films[robot].publish(
                    CompressedImage(header=Header(stamp=self._stamp), format=FORMAT, data=to_jpeg(film))
                )
        self._alarming = alarming


def main() -> NoReturn:
    """Run the node."""
    run_process(SignalNode)

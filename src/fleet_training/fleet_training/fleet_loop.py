"""The fleet in one process: the same objects as behind the nodes, composed as plain calls.

N robots, M supervisors, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.allocator import Allocator
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import AllocationConfig, Fleet, numbered
from fleet_contract.lease import Lease
from fleet_contract.lease_table import LeaseTable
from fleet_contract.robot import Stream
from fleet_contract.robot_states import RobotStates
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_learning.policy import Decider
from fleet_learning.randomness import torch_generator
from fleet_learning.robot_steps import RobotSteps
from fleet_learning.signal_provider import SignalProvider, Snapshot
from fleet_learning.step_join import StepJoin
from fleet_safety.gate import ActionGate
from fleet_supervisors.supervisors import make_supervisor
from robot_driver.robot_counters import RobotCounters
from robot_driver.step import Step
from sim_bridge.environment import Environment, observations
from teleop_gui.station import Station, holding
from teleop_gui.supervisor import Supervisor


@dataclass(frozen=True)
class TickResult:
    """The record of one tick."""

    observations_N: NDArray[np.generic]
    """Observations from which the policy decided."""
    states_NS: NDArray[np.float64]
    """States of the robots at these observations."""
    violated_N: NDArray[np.bool_]
    """Robots in constraint violation at these observations."""
    signals: Mapping[str, NDArray[np.float64]]
    """Values (N,) of all signals by name."""
    table: LeaseTable
    actions: tuple[RobotAction, ...]
    """Actions that the gate released, one per robot."""
    step: Step
    """Outcome of the actions."""

    @property
    def uncertainties_N(self) -> NDArray[np.float64]:  # noqa: N802 - shape suffix
        """The policy's uncertainties."""
        return self.signals[UNCERTAINTY]


class FleetLoop:
    """Runs a fleet tick by tick, with the same results as the nodes in lockstep for the same fleet, policy and seed."""

    def __init__(
        self,
        environment: Environment,
        supervisors: Mapping[str, Supervisor],
        decider: Decider,
        allocation: AllocationConfig,
        seed: int,
        providers: Sequence[SignalProvider] = (),
    ) -> None:
        """Create a fleet before its first tick.

        Args:
            environment: the robots.
            supervisors: the humans by name.
            decider: decides for all robots.
            allocation: how humans are allocated; an uncertainty with a calibrated threshold must have it as a number.
            seed: seed of all randomness.
            providers: critics and monitors, whose signals the allocation may rank by.

        Raises:
            ValueError: the allocation ranks by a signal that nobody provides.
            InputError: there is no such allocation rule, or its options do not fit.
        """
        described = {signal.name: signal for provider in providers for signal in provider.signals}
        missing = set(allocation.order).difference(described, (UNCERTAINTY, VIOLATION))
        if missing:
            raise ValueError(f"allocation.order: expected signals of this fleet, got {', '.join(sorted(missing))}")
        self.decider = decider
        self._providers = tuple(providers)
        self._calibrated = {name: signal.threshold for name, signal in described.items()}
        self.robots = numbered("robot", environment.robots)
        self.index = {name: robot for robot, name in enumerate(self.robots)}
        self.tally = RobotCounters(environment.robots)
        self._seed = seed
        self._environment = environment
        self._gate = ActionGate(environment.contract)
        self._action_dim = environment.contract.action_dim
        self._allocator = Allocator(allocation, self.robots, tuple(supervisors), seed)
        self._stations = {
            name: Station(supervisor, allocation.hard_reset_ticks) for name, supervisor in supervisors.items()
        }
        self._joins: list[tuple[StepJoin, Stream]] = []
        self._tick = 0
        self._step = environment.reset(seed)

    @property
    def states(self) -> RobotStates:
        """What the robots observe at the next tick, and what their last actions led to."""
        step, tally = self._step, self.tally
        return RobotStates(
            tick=self._tick,
            stamp=None,
            robots=self.robots,
            states_NS=step.states_NS,
            episodes_N=tally.episodes_N.copy(),
            violated_N=step.violated_N,
            succeeded_N=step.succeeded_N,
            rewards_N=step.rewards_N,
            successes_N=tally.successes_N.copy(),
            hard_resets_N=tally.hard_resets_N.copy(),
            unreachable=("",) * len(self.robots),
            resting=False,
        )

    def collect_into(self, join: StepJoin, observes: Stream) -> None:
        """Let a join collect what robots observe of a stream and do from the next tick on, as the nodes' messages in lockstep do."""
        join.add_states(self.states, self.index)
        self._joins.append((join, observes))

    def tick(self) -> TickResult:
        """Run one tick: robots observe, the policy decides, humans are assigned, the gate releases actions, robots move."""
        tick, states_NS, violated_N = self._tick, self._step.states_NS, self._step.violated_N
        observed = cache(partial(observations, self._environment, self._step))
        observations_N = observed(self.decider.policy.observes)
        decision = self.decider.decide(observations_N, range(len(self.robots)), torch_generator(self._seed, tick))
        signals = {UNCERTAINTY: decision.uncertainties_N, VIOLATION: violated_N.astype(np.float64)}
        for provider in self._providers:
            robots, episodes_N = range(len(self.robots)), self.tally.episodes_N.copy()
            observed_N = observed(provider.observes)
            signals |= provider.values(Snapshot(tick, robots, episodes_N, observed_N, decision.actions_NA))
        table = self._allocator.step(tick, signals, calibrated=self._calibrated)
        leases = table.by_robot
        actions = []
        for robot, name in enumerate(self.robots):
            values = tuple(decision.actions_NA[robot].tolist())
            lease = leases.get(name)
            actions.append(
                self._gate.release(
                    tick,
                    lease=lease,
                    violated=bool(violated_N[robot]),
                    policy=RobotAction(tick, ActionKind.MOVE, ActionSource.POLICY, values),
                    human=self._human_action(lease, tick, states_NS[robot]) if lease else None,
                )
            )
        kinds_N = np.array([action.kind for action in actions], dtype=np.int64)
        actions_NA = np.zeros((len(actions), self._action_dim))
        for robot, action in enumerate(actions):
            if action.kind is ActionKind.MOVE:
                actions_NA[robot] = action.values
        collected = [(join, observed(stream)) for join, stream in self._joins]
        self._step = self._environment.step(kinds_N, actions_NA)
        self.tally.add(self._step)
        self._tick += 1
        for join, observed_N in collected:
            self._collect(join, table, observed_N, actions)
        return TickResult(observations_N, states_NS, violated_N, signals, table, tuple(actions), self._step)

    def _collect(
        self, join: StepJoin, table: LeaseTable, observed_N: NDArray[np.generic], actions: Sequence[RobotAction]
    ) -> None:
        if isinstance(join, RobotSteps):
            join.add_leases(table, self.index)
        for robot, action in enumerate(actions):
            join.add_observation(table.tick, robot, observed_N[robot])
            join.add_action(robot, action)
        join.add_states(self.states, self.index)

    def _human_action(self, lease: Lease, tick: int, state_S: NDArray[np.float64]) -> RobotAction | None:
        """Return what the lease's human does; the robot of one who dismisses the alarm holds at this tick."""
        station = self._stations[lease.supervisor]
        if station.needs_help(lease, tick, state_S):
            return station.act(lease, tick, state_S)
        self._allocator.dismiss(lease.token)
        return holding(lease, tick)


def supervisors_of(fleet: Fleet, seed: int) -> dict[str, Supervisor]:
    """Make the scripted supervisors of a fleet file, by name."""
    contract = fleet.contract()
    return {
        name: make_supervisor(fleet.environment.task, fleet.style_of(index), contract, seed, index)
        for index, name in enumerate(fleet.supervisor_names)
    }

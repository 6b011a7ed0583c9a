"""The fleet in one process: the same objects as behind the nodes, composed as plain calls.

N robots, M supervisors, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet_allocator.allocator import Allocator, Table
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import AllocationConfig, Fleet, numbered
from fleet_learning.policy import Decider
from fleet_learning.randomness import torch_generator
from fleet_safety.gate import ActionGate
from fleet_supervisors.supervisors import make_supervisor
from iifl_policy.risk import Critic
from robot_driver.robot_counters import RobotCounters
from robot_driver.step import Step
from sim_bridge.environment import Environment, observations
from teleop_gui.station import Station
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
    uncertainties_N: NDArray[np.float64]
    risks_N: NDArray[np.float64] | None
    """Predicted risks of the policy's actions, 0 to 1; None without a critic."""
    table: Table
    actions: tuple[RobotAction, ...]
    """Actions that the gate released, one per robot."""
    step: Step
    """Outcome of the actions."""


class FleetLoop:
    """Runs a fleet tick by tick, with the same results as the nodes in lockstep for the same fleet, policy and seed."""

    def __init__(
        self,
        environment: Environment,
        supervisors: Mapping[str, Supervisor],
        decider: Decider,
        allocation: AllocationConfig,
        seed: int,
        critic: Critic | None = None,
    ) -> None:
        """`allocation` must hold a threshold as a number, or an online one.

        Raises:
            ValueError: the allocation needs risks, and there is no critic.
        """
        if allocation.needs_risk and critic is None:
            raise ValueError(f"order {allocation.order} needs a critic, found none")
        self.decider = decider
        self.critic = critic
        self.robots = numbered("robot", environment.robots)
        self.tally = RobotCounters(environment.robots)
        self._seed = seed
        self._environment = environment
        self._gate = ActionGate(environment.contract)
        self._action_dim = environment.contract.action_dim
        self._allocator = Allocator(allocation, self.robots, tuple(supervisors), seed)
        self._stations = {
            name: Station(supervisor, allocation.hard_reset_ticks) for name, supervisor in supervisors.items()
        }
        self._tick = 0
        self._step = environment.reset(seed)

    def tick(self) -> TickResult:
        """Run one tick: robots observe, the policy decides, humans are assigned, the gate releases actions, robots move."""
        tick, states_NS, violated_N = self._tick, self._step.states_NS, self._step.violated_N
        observations_N = observations(self._environment, self._step, self.decider.policy.observes)
        decision = self.decider.decide(observations_N, range(len(self.robots)), torch_generator(self._seed, tick))
        risks_N = self.critic.risks(states_NS, decision.actions_NA) if self.critic is not None else None
        table = self._allocator.step(tick, decision.uncertainties_N, violated_N, risks_N=risks_N)
        leases = {lease.robot: lease for lease in table.leases}
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
                    human=self._stations[lease.supervisor].act(lease, tick, states_NS[robot]) if lease else None,
                )
            )
        kinds_N = np.array([action.kind for action in actions], dtype=np.int64)
        actions_NA = np.zeros((len(actions), self._action_dim))
        for robot, action in enumerate(actions):
            if action.kind is ActionKind.MOVE:
                actions_NA[robot] = action.values
        self._step = self._environment.step(kinds_N, actions_NA)
        self.tally.add(self._step)
        self._tick += 1
        return TickResult(
            observations_N, states_NS, violated_N, decision.uncertainties_N, risks_N, table, tuple(actions), self._step
        )


def supervisors_of(fleet: Fleet, seed: int) -> dict[str, Supervisor]:
    """Make the scripted supervisors of a fleet file, by name."""
    contract = fleet.contract()
    return {
        name: make_supervisor(fleet.environment.task, fleet.style_of(index), contract, seed, index)
        for index, name in enumerate(fleet.supervisor_names)
    }

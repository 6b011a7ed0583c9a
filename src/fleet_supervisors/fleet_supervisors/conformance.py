"""Conformance tests of scripted supervisors: derive from `SupervisorConformance` and implement `make`.

S state dim, A action dim.
"""
# ruff: noqa: D102, S101 - these are tests

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from teleop_gui.supervisor import ScriptedSupervisor

STATES = 200
"""Number of states at which a supervisor acts."""
BEYOND = 10.0
"""Largest absolute value of a quantity in a test, for quantities whose range is wider."""


class SupervisorConformance:
    """Tests of a `ScriptedSupervisor`. Name the derived class Test..., so that pytest collects it."""

    contract: RobotContract
    """Contract of the robots."""

    def make(self, generator: np.random.Generator) -> ScriptedSupervisor:
        """Return a new supervisor with this source of random choices."""
        raise NotImplementedError

    def states(self) -> NDArray[np.float64]:
        """Return states (N, S) of robots; by default random ones in the contract's ranges."""
        quantities = self.contract.observation.state.quantities
        low_S = np.clip([quantity.low for quantity in quantities], -BEYOND, BEYOND)
        high_S = np.clip([quantity.high for quantity in quantities], -BEYOND, BEYOND)
        return np.random.default_rng(0).uniform(low_S, high_S, (STATES, len(quantities)))

    def test_actions_are_in_the_contracts_range(self) -> None:
        actions_NA = self._actions()
        assert actions_NA.shape[1:] == (self.contract.action_dim,)
        assert np.isfinite(actions_NA).all()
        assert (actions_NA >= self.contract.action_low_A - 1e-9).all()
        assert (actions_NA <= self.contract.action_high_A + 1e-9).all()

    def test_equal_generators_give_equal_actions(self) -> None:
        np.testing.assert_array_equal(self._actions(), self._actions())

    def test_states_are_only_read(self) -> None:
        states_NS = self.states()
        self._actions(states_NS)
        np.testing.assert_array_equal(states_NS, self.states())

    def test_an_intervention_has_no_memory_of_the_last_one(self) -> None:
        first_S, *_, last_S = self.states()
        source = np.random.default_rng(1)
        supervisor = self.make(source)
        supervisor.begin()
        supervisor.act(last_S)
        supervisor.begin()
        fresh = self.make(deepcopy(source))
        fresh.begin()
        np.testing.assert_array_equal(supervisor.act(first_S), fresh.act(first_S))

    def test_it_resets_at_once(self) -> None:
        assert self.make(np.random.default_rng(0)).has_reset()

    def _actions(self, states_NS: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        supervisor = self.make(np.random.default_rng(1))
        supervisor.begin()
        return np.stack([supervisor.act(state_S) for state_S in (self.states() if states_NS is None else states_NS)])

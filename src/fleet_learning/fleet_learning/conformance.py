"""Conformance tests of policies, uncertainties and providers of signals: derive from one of the classes and implement `make`.

E ensemble members, N robots, K actions per member, S state dim, A action dim.
"""
# ruff: noqa: D102, S101 - these are tests

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from fleet_learning.checkpoint import checkpoint_metadata, read_checkpoint, write_checkpoint
from fleet_learning.dataset import Dataset, empty_dataset, new_dataset
from fleet_learning.signal_provider import Snapshot
from fleet_learning.uncertainty import MemberActions, MemberEnergies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from fleet_contract.robot import RobotContract
    from fleet_learning.policy import Decision, Policy
    from fleet_learning.signal_provider import SignalProvider
    from fleet_learning.uncertainty import Uncertainty

ROBOTS = 5
"""N, number of robots."""
BEYOND = 10.0
"""Largest absolute value of a quantity in a test, for quantities whose range is wider."""


class PolicyConformance:
    """Tests of the `Policy` Protocol, of a kind that is registered. Name the derived class Test..., so that pytest collects it."""

    contract: RobotContract
    """Contract of the robots."""
    steps = 3
    """Gradient steps of a training."""

    def make(self) -> Policy:
        """Return a policy that can decide."""
        raise NotImplementedError

    def test_equal_generators_give_equal_decisions(self) -> None:
        first, second = (self._decide(self.make(), seed=1) for _ in range(2))
        self._assert_same(first, second)

    def test_actions_are_in_range_and_uncertainties_are_numbers(self) -> None:
        decision = self._decide(self.make())
        assert decision.actions_NA.shape == (ROBOTS, self.contract.action_dim)
        assert (decision.actions_NA >= self.contract.action_low_A).all()
        assert (decision.actions_NA <= self.contract.action_high_A).all()
        for values_N in (decision.uncertainties_N, decision.standard_errors_N, *decision.diagnostics.values()):
            assert values_N.shape == (ROBOTS,)
        assert np.isfinite(decision.uncertainties_N).all()
        assert (decision.standard_errors_N >= 0).all()

    def test_deciding_changes_neither_policy_nor_observations(self) -> None:
        policy, observations_N = self.make(), _observations(self.contract, self.make().observes, ROBOTS)
        tensors, before_N = _copies(policy), observations_N.copy()
        policy.decide(observations_N, torch.Generator().manual_seed(0))
        np.testing.assert_array_equal(observations_N, before_N)
        _assert_equal(policy.tensors(), tensors)

    def test_a_checkpoint_holds_the_whole_policy(self, tmp_path: Path) -> None:
        policy, dataset, path = self.make(), self._pairs(12), tmp_path / "policy.safetensors"
        about = checkpoint_metadata(policy, self.contract, calibrations=(), dataset=dataset, command="test")
        write_checkpoint(path, policy, about)
        restored, read = read_checkpoint(path, self.contract)
        assert (type(restored), restored.config, read) == (type(policy), policy.config, about)
        assert restored.optimizer_state.steps == policy.optimizer_state.steps
        _assert_equal(restored.tensors(), policy.tensors())
        self._assert_same(self._decide(restored), self._decide(policy))

    def test_a_training_returns_another_policy(self) -> None:
        policy, dataset = self.make(), self._pairs(24)
        tensors, decision, trained_steps = _copies(policy), self._decide(policy), policy.optimizer_state.steps
        trained = [policy.fit(dataset, steps=self.steps, seed=2) for _ in range(2)]
        assert policy.optimizer_state.steps == trained_steps
        _assert_equal(policy.tensors(), tensors)
        self._assert_same(self._decide(policy), decision)
        for fitted in trained:
            assert type(fitted.policy) is type(policy)
            assert fitted.policy.optimizer_state.steps == trained_steps + self.steps
            assert np.isfinite(fitted.loss)
        self._assert_same(self._decide(trained[0].policy), self._decide(trained[1].policy))

    def test_a_training_needs_pairs(self) -> None:
        policy = self.make()
        empty = empty_dataset(self.contract.observed_shape(policy.observes), self.contract.action_dim)
        with pytest.raises(ValueError, match="expected"):
            policy.fit(empty, steps=self.steps, seed=0)

    def test_tensors_that_are_missing_are_refused(self) -> None:
        with pytest.raises(KeyError):
            self.make().with_state({}, self.make().optimizer_state)

    def test_its_deciders_decide_with_it(self) -> None:
        policy = self.make()
        assert "full" in policy.deciders
        for kind in policy.deciders:
            decider = policy.decider(kind, humans=2, threshold=0.0)
            assert decider.policy is policy
            observations_N = _observations(self.contract, policy.observes, ROBOTS)
            decision = decider.decide(observations_N, range(ROBOTS), torch.Generator().manual_seed(0))
            assert decision.actions_NA.shape == (ROBOTS, self.contract.action_dim)

    def _pairs(self, count: int) -> Dataset:
        generator = np.random.default_rng(5)
        low_A, high_A = self.contract.action_low_A, self.contract.action_high_A
        observations_B = _observations(self.contract, self.make().observes, count, seed=4)
        return new_dataset(observations_B, generator.uniform(low_A, high_A, (count, self.contract.action_dim)))

    def _decide(self, policy: Policy, seed: int = 0) -> Decision:
        observations_N = _observations(self.contract, policy.observes, ROBOTS)
        return policy.decide(observations_N, torch.Generator().manual_seed(seed))

    @staticmethod
    def _assert_same(one: Decision, other: Decision) -> None:
        np.testing.assert_array_equal(one.actions_NA, other.actions_NA)
        np.testing.assert_array_equal(one.uncertainties_N, other.uncertainties_N)
        np.testing.assert_array_equal(one.standard_errors_N, other.standard_errors_N)


class UncertaintyConformance:
    """Tests of the `Uncertainty` Protocol, with two members. Name the derived class Test..., so that pytest collects it."""

    def make(self) -> Uncertainty:
        """Return the uncertainty."""
        raise NotImplementedError

    def test_it_has_a_unit(self) -> None:
        assert self.make().unit

    def test_every_robot_has_an_uncertainty_with_an_error(self) -> None:
        for found_N in self._estimate(_centres(ROBOTS)):
            assert found_N.shape == (ROBOTS,)
            assert found_N.isfinite().all()
        assert (found_N >= 0).all()

    def test_members_that_agree_are_certain(self) -> None:
        centres_EN = _centres(ROBOTS)
        agreed_N, _ = self._estimate(centres_EN[:1].expand_as(centres_EN))
        torch.testing.assert_close(agreed_N, torch.zeros_like(agreed_N), rtol=0, atol=1e-12)
        assert (self._estimate(centres_EN)[0].abs() > 1e-3).all()

    def test_a_robot_does_not_depend_on_the_others(self) -> None:
        centres_EN, some = _centres(ROBOTS), [3, 1]
        for all_N, some_N in zip(self._estimate(centres_EN), self._estimate(centres_EN[:, some], some), strict=True):
            torch.testing.assert_close(some_N, all_N[some])

    def _estimate(self, centres_EN: torch.Tensor, robots: Sequence[int] = range(ROBOTS)) -> tuple[torch.Tensor, ...]:
        """Return uncertainty and error, (N,) each, of members that prefer actions around these centres."""
        actions_NKA = torch.rand(ROBOTS, 64, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64) * 2 - 1
        actions_ENKA = actions_NKA[list(robots)].expand(len(centres_EN), -1, -1, -1).clone()

        def energies(some_ENKA: torch.Tensor) -> torch.Tensor:
            return 4 * (some_ENKA - centres_EN[..., None, None]).square().sum(-1)

        own_ENK, before_ENKA = energies(actions_ENKA), actions_ENKA.clone()
        members = MemberActions(actions_ENKA, torch.softmax(-own_ENK, -1), MemberEnergies(own_ENK, energies))
        found = self.make()(members)
        assert torch.equal(actions_ENKA, before_ENKA)
        return found


class SignalConformance:
    """Tests of the `SignalProvider` Protocol. Name the derived class Test..., so that pytest collects it."""

    contract: RobotContract
    """Contract of the robots."""
    ticks = 20
    """Number of ticks of a run."""

    def make(self) -> SignalProvider:
        """Return a provider before its first tick."""
        raise NotImplementedError

    def test_its_signals_have_names_and_units(self) -> None:
        signals = self.make().signals
        assert signals
        assert len({signal.name for signal in signals}) == len(signals)
        assert all(signal.name and signal.unit for signal in signals)

    def test_every_signal_has_a_value_per_robot(self) -> None:
        names = {signal.name for signal in self.make().signals}
        for robots, values in self._run():
            assert values.keys() == names
            for values_n in values.values():
                assert values_n.shape == (len(robots),)
                assert values_n.dtype == np.float64

    def test_the_same_run_gives_the_same_values(self) -> None:
        for (_, values), (_, again) in zip(self._run(), self._run(), strict=True):
            for name, values_n in values.items():
                np.testing.assert_array_equal(values_n, again[name])

    def _run(self) -> list[tuple[list[int], dict[str, NDArray[np.float64]]]]:
        """Return the robots and the values of every tick; robots are missing at times, and what is passed stays as it is."""
        provider, generator, found = self.make(), np.random.default_rng(3), []
        low_A, high_A = self.contract.action_low_A, self.contract.action_high_A
        for tick in range(self.ticks):
            robots = [robot for robot in range(ROBOTS) if generator.random() < 0.8 or robot == tick % ROBOTS]
            observations_n = _observations(self.contract, provider.observes, len(robots), seed=tick)
            actions_nA = generator.uniform(low_A, high_A, (len(robots), self.contract.action_dim))
            episodes_n = np.full(len(robots), tick // 12)
            snapshot = Snapshot(tick, robots, episodes_n, observations_n, actions_nA)
            before_n, actions_before_nA = observations_n.copy(), actions_nA.copy()
            found.append((robots, dict(provider.values(snapshot))))
            np.testing.assert_array_equal(observations_n, before_n)
            np.testing.assert_array_equal(actions_nA, actions_before_nA)
        return found


def _centres(robots: int) -> torch.Tensor:
    """Return what two members prefer in every action dimension, (E, N)."""
    return torch.linspace(-0.6, 0.5, 2 * robots, dtype=torch.float64).view(2, robots)


def _observations(contract: RobotContract, stream: str, count: int, seed: int = 0) -> NDArray[Any]:
    """Return random observations: images (N, H, W, 3), or states (N, S) in the contract's ranges."""
    generator = np.random.default_rng(seed)
    if stream == "camera":
        return generator.integers(0, 256, (count, *contract.observed_shape("camera")), dtype=np.uint8)
    quantities = contract.observation.state.quantities
    low_S, high_S = ([getattr(quantity, end) for quantity in quantities] for end in ("low", "high"))
    low_S, high_S = (np.clip(bound_S, -BEYOND, BEYOND) for bound_S in (low_S, high_S))
    return generator.uniform(low_S, high_S, (count, contract.state_dim))


def _copies(policy: Policy) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in policy.tensors().items()}


def _assert_equal(tensors: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> None:
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())

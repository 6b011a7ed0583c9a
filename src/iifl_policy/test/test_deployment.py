"""A fleet file chooses decider, sampler, precision and uncertainty; what does not fit the checkpoint is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import Calibration, checkpoint_metadata, read_checkpoint, write_checkpoint
from fleet_learning.dataset import Dataset
from fleet_learning.deployment import CASCADE_ABOVE, deployed, with_policy
from fleet_learning.precision import multiplies_bfloat16
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import contract_scaling
from iifl_policy.cascade import Cascade
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import Langevin

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")
CONTRACT = FLEET.contract()
PAIRS = Dataset(np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32), np.zeros((9, 2), np.float32))
SCALING = contract_scaling(CONTRACT, PAIRS)
NATIVE = "bfloat16" if multiplies_bfloat16(torch.device("cpu")) else "float32"
FULL, CASCADED, UNIFORM, VARIANCE = (
    Calibration(decider=decider, sampler=sampler, uncertainty=uncertainty, threshold=threshold)
    for decider, sampler, uncertainty, threshold in (
        ("full", "langevin", "jeffreys", 1.0),
        ("cascade", "langevin", "jeffreys", 2.0),
        ("full", "uniform", "jeffreys", 3.0),
        ("full", None, "variance", 0.5),
    )
)


def implicit():
    config = ImplicitConfig(EnergyShape(6, 2, width=8, depth=2), sampler=Langevin(iterations=3), chains=8)
    return new_implicit(config, SCALING, torch_generator(0))


def explicit():
    return new_explicit(ExplicitConfig(ExplicitShape(6, 2, members=2, width=8)), SCALING, torch_generator(0))


@pytest.fixture
def fleet_of(tmp_path):
    """Makes a fleet whose checkpoint has these calibrations."""

    def make(*calibrations, policy=implicit, robots=4, mode="lockstep", threshold="calibrated", **selection) -> Fleet:
        path = tmp_path / "policy.safetensors"
        made = policy()
        write_checkpoint(
            path,
            made,
            checkpoint_metadata(made, CONTRACT, calibrations=calibrations, dataset=PAIRS, command="made by hand"),
        )
        keys = {"checkpoint": path, "sampler": None, "chains": 8, "iterations": 3} | selection
        return FLEET.with_changes(
            source="test",
            robots={"count": robots},
            policy=keys,
            allocation={"threshold": threshold},
            tick={"mode": mode},
        )

    return make


def resolved(fleet: Fleet) -> Fleet:
    policy, metadata = read_checkpoint(fleet.policy.require_checkpoint(), CONTRACT)
    return with_policy(fleet, policy, metadata, source="fleet.yaml")


def refusal(fleet: Fleet) -> str:
    with pytest.raises(InputError) as caught:
        resolved(fleet)
    return str(caught.value).replace(str(fleet.policy.checkpoint), "CHECKPOINT")


@pytest.mark.parametrize(
    ("robots", "mode", "calibrations", "decider", "threshold"),
    [
        (4, "lockstep", (FULL, CASCADED), "full", 1.0),
        (CASCADE_ABOVE, "lockstep", (FULL, CASCADED), "full", 1.0),
        (CASCADE_ABOVE + 1, "lockstep", (FULL, CASCADED), "cascade", 2.0),
        (4, "real_time", (FULL, CASCADED), "cascade", 2.0),
        (4, "real_time", (FULL,), "full", 1.0),
    ],
)
def test_the_cascade_is_the_default_where_it_pays_and_is_calibrated(
    fleet_of, robots, mode, calibrations, decider, threshold
):
    fleet = resolved(fleet_of(*calibrations, robots=robots, mode=mode))
    assert (fleet.policy.decider, fleet.allocation.threshold("uncertainty")) == (decider, threshold)
    assert (fleet.policy.sampler, fleet.policy.uncertainty) == ("langevin", "jeffreys")
    assert fleet.policy.precision == NATIVE


def test_a_fleet_file_chooses_and_gets_the_calibration_of_its_choice(fleet_of):
    chosen = resolved(fleet_of(FULL, CASCADED, UNIFORM, decider="cascade"))
    assert (chosen.policy.decider, chosen.allocation.threshold("uncertainty")) == ("cascade", 2.0)
    chosen = resolved(fleet_of(FULL, CASCADED, UNIFORM, sampler="uniform", mode="real_time", precision="float32"))
    assert (chosen.policy.decider, chosen.policy.precision, chosen.allocation.threshold("uncertainty")) == (
        "full",
        "float32",
        3.0,
    )


def test_a_threshold_that_is_set_needs_no_calibration(fleet_of):
    fleet = resolved(fleet_of(mode="real_time", threshold=0.7, uncertainty="variance"))
    assert (fleet.policy.decider, fleet.allocation.threshold("uncertainty")) == ("cascade", 0.7)
    assert resolved(fleet_of(threshold="online")).allocation.threshold("uncertainty") == "online"


def test_explicit_policies_decide_fully_in_every_mode(fleet_of):
    fleet = resolved(fleet_of(VARIANCE, policy=explicit, mode="real_time", robots=30, sampler="uniform"))
    selection = fleet.policy
    assert (selection.decider, selection.sampler, selection.precision) == ("full", None, "float32")
    assert (selection.uncertainty, fleet.allocation.threshold("uncertainty")) == ("variance", 0.5)


@pytest.mark.parametrize(
    ("calibrations", "changes", "sentence"),
    [
        (
            (VARIANCE,),
            {"policy": explicit, "decider": "cascade"},
            "fleet.yaml: policy.decider: expected full for a policy of kind explicit, got cascade.",
        ),
        (
            (UNIFORM,),
            {"sampler": "uniform", "decider": "cascade"},
            "fleet.yaml: policy.decider: expected full for a policy of kind implicit with sampler uniform, got cascade.",
        ),
        (
            (FULL,),
            {"decider": "cascade"},
            (
                "CHECKPOINT: calibrations: expected one for decider cascade, sampler langevin, uncertainty jeffreys, which "
                "./fleet calibrate adds, or a number as allocation.thresholds.uncertainty in the fleet file, got decider full, sampler langevin, "
                "uncertainty jeffreys."
            ),
        ),
        (
            (),
            {"sampler": "uniform", "uncertainty": "variance"},
            (
                "CHECKPOINT: calibrations: expected one for decider full, sampler uniform, uncertainty variance, which "
                "./fleet calibrate adds, or a number as allocation.thresholds.uncertainty in the fleet file, got none."
            ),
        ),
        (
            (FULL,),
            {"uncertainty": "entropy"},
            "fleet.yaml: policy.uncertainty: expected one of jeffreys, variance, or module:Class, got 'entropy'.",
        ),
    ],
)
def test_a_choice_that_does_not_fit_the_policy_is_refused(fleet_of, calibrations, changes, sentence):
    assert refusal(fleet_of(*calibrations, **changes)) == sentence


def test_a_resolved_fleet_resolves_to_itself(fleet_of):
    fleet = resolved(fleet_of(FULL, CASCADED, mode="real_time"))
    assert resolved(fleet) == fleet


def test_the_deployed_decider_is_the_one_of_the_resolved_fleet(fleet_of):
    fleet = resolved(fleet_of(FULL, CASCADED, mode="real_time", precision="bfloat16"))
    decider = deployed(implicit(), fleet)
    assert isinstance(decider, Cascade)
    assert decider.policy.model.between == torch.bfloat16
    assert (decider._config.watched, decider._config.threshold) == (FLEET.supervisors.count, 2.0)


def test_a_fleet_file_of_version_0_1_0_decides_as_it_did(fleet_of):
    """It names neither decider nor precision: what is recorded with it is replayed bit for bit."""
    fleet, states = fleet_of(robots=CASCADE_ABOVE + 1, mode="real_time", threshold=1.0), PAIRS.observations_B
    found = deployed(implicit(), fleet).decide(states, range(9), torch_generator(0, 5))
    expected = implicit().with_sampling(8, 3).decide(states, torch_generator(0, 5))
    np.testing.assert_array_equal(found.actions_NA, expected.actions_NA)
    np.testing.assert_array_equal(found.uncertainties_N, expected.uncertainties_N)


def test_rounding_changes_uncertainties_less_than_sampling_does():
    policy, states = implicit().with_sampling(512, 1, "uniform"), PAIRS.observations_B
    exact, rounded = (each.decide(states, torch_generator(0)) for each in (policy, policy.rounded()))
    assert (np.abs(rounded.uncertainties_N - exact.uncertainties_N) < exact.standard_errors_N).all()
    assert explicit().rounded().net.weights[1].dtype == torch.float32

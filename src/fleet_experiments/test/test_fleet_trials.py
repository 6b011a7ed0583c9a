"""The experiment of table 2 follows the fleet file, for policies that observe states and images."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.validation import InputError
from fleet_experiments.fleet.fleet_run import read_tick_counts
from fleet_experiments.fleet.fleet_trials import TICK_COUNTS, fleet_trials
from fleet_experiments.results import Row, read_results
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = """
fleet: tiny
robots: {contract: CONTRACT, count: 3}
environment: {backend: mujoco, task: block_push}
supervisors: {count: 2, styles: [clockwise, counterclockwise]}
policy: {checkpoint: made/policy.safetensors, chains: 4, iterations: 2}
allocation: {intervention_ticks: 2, hard_reset_ticks: 2}
training: {demonstrations: made/pairs.npz, update_ticks: [3, 6], gradient_steps: 4}
pretraining:
  {pairs: 10, width: 8, depth: 1, state_depth: 1, gradient_steps: 3, batch_size: 4, counter_example_iterations: 2,
   calibration_ticks: 4, calibration_percentile: 50, observes: OBSERVES, filters: [2, 2, 4]}
"""


def tiny(tmp_path, observes):
    file = tmp_path / "tiny.yaml"
    contract = str(CONFIG / "robots/push_cell.yaml")
    file.write_text(FLEET.replace("CONTRACT", contract).replace("OBSERVES", observes), encoding="utf-8")
    return read_fleet(file)


def trials(fleet: Fleet, folder: Path, algorithms: list[str], seeds: list[int], ticks: int) -> list[Row]:
    folder.mkdir(exist_ok=True)
    results = fleet_trials(
        "tiny", fleet, folder, ticks=ticks, algorithms=algorithms, seeds=seeds, command="test", address=None
    )
    assert read_results(folder) == results
    return results.rows


def assert_consistent(row: Row, folder: Path, ticks: int) -> None:
    """Assert that a row agrees with its counts per tick and its data."""
    assert row["pairs"] == 10 + row["teleoperation_ticks"]
    name = row["algo"].lower().replace("-", "_")
    counts = read_tick_counts(folder / "runs" / f"{name}_{row['seed']}" / TICK_COUNTS)
    assert len(counts.successes_T) == ticks
    assert counts.successes_T.sum() == row["successes"]
    assert counts.hard_resets_T.sum() == row["hard_resets"]
    assert counts.human_actions_T.sum() == row["human_actions"]


def test_every_algorithm_and_seed_is_a_trial(tmp_path):
    rows = trials(tiny(tmp_path, "camera"), tmp_path / "out", ["ifl", "iifl"], [0, 1], 8)
    assert [(row["algo"], row["seed"]) for row in rows] == [("IFL", 0), ("IFL", 1), ("IIFL", 0), ("IIFL", 1)]
    for row in rows:
        assert_consistent(row, tmp_path / "out", 8)


def test_random_allocation_gets_as_many_human_actions_as_iifl(tmp_path):
    fleet, folder = tiny(tmp_path, "state"), tmp_path / "out"
    with pytest.raises(InputError, match=r"^--algo: expected iifl beside iifl_random, .+, got no iifl with seed 3"):
        trials(fleet, folder, ["iifl_random"], [3], 60)
    rows = trials(fleet, folder, ["iifl_random", "ifl", "iifl"], [3], 60)
    assert [row["algo"] for row in rows] == ["IIFL-Random", "IFL", "IIFL"], "in the requested order"
    for row in rows:
        assert_consistent(row, folder, 60)
    human_actions = {row["algo"]: row["human_actions"] for row in rows}
    assert human_actions["IIFL"] > 20
    assert human_actions["IIFL-Random"] == pytest.approx(human_actions["IIFL"], rel=0.3)
    read_fleet(folder / "runs" / "iifl_random_3" / "fleet.yaml")


@pytest.mark.parametrize(("observes", "shape"), [("state", (6,)), ("camera", (96, 96, 3))])
def test_both_kinds_of_policies_learn_equally_often_from_the_same_observations(tmp_path, observes, shape):
    setup = learning_setup(tiny(tmp_path, observes), ticks=8)
    due = {name: [setup.steps_after(ALGORITHMS[name], tick) for tick in range(1, 9)] for name in ("ifl", "iifl")}
    assert due["iifl"] == [0, 0, 4, 0, 0, 4, 0, 0]
    assert due["ifl"] == [1] * 8
    for name in ("ifl", "iifl"):
        policy = setup.new_policy(ALGORITHMS[name], None, 0)
        assert policy.observes == observes
        encoder = policy.config.encoder
        assert (encoder.observed if encoder else (policy.config.shape.state_dim,)) == shape
        assert policy.config.shape.state_dim == (8 if encoder else 6)

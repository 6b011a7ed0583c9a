"""The benchmark's fleet files follow the paper, and all completed runs are read and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_experiments.fleet.benchmark import TICKS, fleet_file, is_benchmark, read_benchmark
from fleet_experiments.fleet.benchmark_figure import MEASURES
from fleet_experiments.fleet.fleet_run import TickCounts
from fleet_experiments.fleet.fleet_trials import TICK_COUNTS
from fleet_experiments.results import run_of
from fleet_experiments.sweep import ROWS
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup
from sim_bridge.backends import BENCHMARK

CONFIG = Path(__file__).parents[3] / "launch/config"
PRETRAINING_STEPS = {"ball_balance": 2500, "ant": 5000, "anymal": 12_500, "franka_cube_stack": 5000}
"""Half of the pairs of ten demonstrations, or of the arm's 25 episodes, which end early."""


@pytest.mark.parametrize("env", BENCHMARK)
def test_the_papers_scale_has_the_papers_numbers(env):
    fleet = read_fleet(CONFIG / fleet_file(env, "paper"))
    setup = learning_setup(fleet, ticks=TICKS["paper"])
    allocation, pretraining = fleet.allocation, fleet.pretraining
    frozen = env == "franka_cube_stack"
    assert (fleet.robots.count, fleet.supervisors.count, setup.ticks) == (100, 10, 10_000)
    assert (allocation.intervention_ticks, allocation.hard_reset_ticks) == (5, 5)
    assert pretraining.gradient_steps == pretraining.pairs / 2 == PRETRAINING_STEPS[env]
    assert setup.implicit.optimizer.batch_size == setup.explicit.optimizer.batch_size == 512
    assert (setup.implicit.chains, setup.implicit.sampler.iterations) == (512, 100)
    assert (setup.implicit.shape.width, setup.implicit.shape.depth) == (256, 6)
    assert (pretraining.calibration_ticks, pretraining.calibration_percentile) == (1000, 99.0)
    assert allocation.threshold("uncertainty") == (0.0 if frozen else "calibrated")
    assert allocation.idle_humans != frozen
    learned = {name: [setup.steps_after(of, tick) for tick in range(1, 10_001)] for name, of in ALGORITHMS.items()}
    for name in ("ifl", "iifl", "iifl_random"):
        assert sum(learned[name]) == pytest.approx(0 if frozen else 20_000, rel=1e-3)
    if not frozen:
        assert np.flatnonzero(learned["iifl"]).tolist() == list(range(999, 9000, 1000))
        assert set(learned["ifl"]) <= {1, 2}


@pytest.mark.parametrize("env", BENCHMARK)
def test_the_processors_scale_has_the_papers_ratios(env):
    small, large = (read_fleet(CONFIG / fleet_file(env, scale)) for scale in ("cpu", "paper"))
    assert small.supervisors.count / small.robots.count == large.supervisors.count / large.robots.count
    assert small.allocation == large.allocation
    assert small.supervisors.styles == large.supervisors.styles


def write_run(folder: Path, env: str, name: str, seed: int, counts: TickCounts) -> None:
    """Write a run as the experiment does."""
    run = folder / "cpu" / env / "runs" / f"{name}_{seed}"
    run.mkdir(parents=True)
    measurements = {
        "successes": int(counts.successes_T.sum()),
        "human_actions": int(counts.human_actions_T.sum()),
        "rohe": 0.25,
    }
    row = run_of(env, ALGORITHMS[name].name, seed, env) | measurements
    (run / ROWS).write_text(json.dumps([row]))
    counts.write(run / TICK_COUNTS)


def test_completed_runs_are_read_and_the_others_are_missing(tmp_path):
    counts = TickCounts(np.array([0, 2, 1]), np.array([1, 0, 0]), np.array([2, 2, 0]))
    write_run(tmp_path, "ant", "iifl", 0, counts)
    write_run(tmp_path, "ant", "iifl", 2, counts)
    write_run(
        tmp_path, "anymal", "bc", 1, TickCounts(counts.successes_T, np.zeros(3, dtype=int), np.zeros(3, dtype=int))
    )
    write_run(tmp_path, "anymal", "iifl_random", 7, counts)
    (scale,) = read_benchmark(tmp_path)
    assert [(row["env"], row["algo"], row["seed"]) for row in scale.rows] == [
        ("ant", "IIFL", 0),
        ("ant", "IIFL", 2),
        ("anymal", "BC", 1),
        ("anymal", "IIFL-Random", 7),
    ]
    assert [row["rohe"] for row in scale.rows] == [0.25, 0.25, None, 0.25], "no human acted for BC"
    assert [panel.has_human_actions for panel in scale.panels] == [True, False, True]
    assert len(scale.missing) == 4 * 5 * 3 - 3
    assert {"ant iifl 1", "anymal bc 0", "ball_balance ifl 2"} <= set(scale.missing)
    assert not {"ant iifl 0", "anymal bc 1"} & set(scale.missing)
    assert scale.draw().stat().st_size > 10_000


def test_measures_of_the_figure():
    counts = TickCounts(np.array([0, 2, 1]), np.array([1, 0, 0]), np.array([2, 3, 0]))
    drawn = {label: measure(counts).tolist() for label, measure in MEASURES.items()}
    assert drawn["completed tasks"] == [0, 2, 3]
    assert drawn["hard resets"] == [1, 1, 1]
    assert drawn["return on human effort,\nas the paper plots it"] == [0, 100 * 2 / 25, 100 * 3 / 25]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("rows", "expected the rows of a run"),
        ("row of another version", "expected the row of a trial of this version"),
        ("counts", "expected the counts of a run"),
        ("counts of another version", "expected the counts of a run"),
    ],
)
def test_runs_of_another_version_are_refused_in_one_sentence(tmp_path, damage, sentence):
    counts = TickCounts(np.array([0]), np.array([1]), np.array([2]))
    write_run(tmp_path, "ant", "iifl", 0, counts)
    run = tmp_path / "cpu" / "ant" / "runs" / "iifl_0"
    if damage == "rows":
        (run / ROWS).write_text("{")
    elif damage == "row of another version":
        (run / ROWS).write_text('[{"effort": 3}]')
    elif damage == "counts":
        (run / TICK_COUNTS).write_bytes(b"no zip")
    else:
        np.savez(run / TICK_COUNTS, successes=np.zeros(3))
    with pytest.raises(InputError, match=sentence):
        read_benchmark(tmp_path)


def test_a_folder_without_runs_is_refused(tmp_path):
    assert not is_benchmark(tmp_path)
    (tmp_path / "cpu").mkdir()
    assert is_benchmark(tmp_path)
    with pytest.raises(InputError, match="got one without runs of the benchmark"):
        read_benchmark(tmp_path)


@pytest.mark.parametrize(
    ("env", "scale", "sentence"),
    [
        ("pong", "cpu", "--env: expected one of ball_balance, ant, anymal, franka_cube_stack, got 'pong'."),
        ("ant", "huge", "--scale: expected one of paper, cpu, got 'huge'."),
    ],
)
def test_unknown_environments_and_scales_are_refused(env, scale, sentence):
    with pytest.raises(InputError) as refused:
        fleet_file(env, scale)
    assert str(refused.value) == sentence

"""From a run's bag: the same decisions again, a training set, a policy, and a fleet that is served by it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from bags import human_pairs
from conftest import ROOT, Ended, fleet, up

from fleet_bags.recording import read_recording
from fleet_bags.samples import read_samples
from fleet_learning.dataset import read_dataset

TICKS = 24


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Ended:
    """Past two retrainings."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    ended = up(folder, "--fleet", str(tiny), "--ticks", str(TICKS), "--headless", "--seed", "2")
    assert ended.code == 0, ended.err
    return ended


def test_a_replay_decides_what_was_decided_to_the_last_bit(run: Ended) -> None:
    """Also where the checkpoints of the run are no longer where they were written."""
    moved = run.folder.with_name("moved")
    run.folder.rename(moved)
    try:
        done = fleet("replay", "moved", "--headless", "--report", "again", cwd=moved.parent)
    finally:
        moved.rename(run.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((moved.parent / "again/comparison.json").read_text())
    assert found["same"], found
    assert (found["actions"]["equal"], found["leases"]["equal"]) == (4 * TICKS, TICKS)
    assert json.loads((moved.parent / "again/summary.json").read_text())["policy_versions"] == [1, 2, 3]


def test_in_a_hurry_and_with_another_policy_a_replay_says_what_differs(run: Ended) -> None:
    checkpoint = run.folder / "policies/version_003.safetensors"
    words = ("--policy", str(checkpoint), "--speed", "5", "--headless", "--report", "other")
    done = fleet("replay", str(run.folder), *words, cwd=run.folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((run.folder.parent / "other/comparison.json").read_text())
    assert not found["same"]
    assert found["actions"]["compared"] > found["actions"]["equal"]
    assert f"{found['actions']['equal']} of {4 * TICKS} the same" in done.stdout


def test_what_bags_show_is_what_the_trainer_received(run: Ended, tmp_path: Path) -> None:
    about = read_recording(run.folder).metadata
    heard = read_dataset(run.folder / "policies/version_003_dataset.npz", (96, 96, 3), 2)
    offline = len(read_dataset(about.fleet.training.demonstrations, (96, 96, 3), 2))
    shown = human_pairs(run.folder, tmp_path / "set", "camera")
    assert 0 < len(heard) - offline <= len(shown)
    # In the order of the updates, and of ticks and robots: what came after the last update was not learned from.
    np.testing.assert_array_equal(shown.observations_B[: len(heard) - offline], heard.observations_B[offline:])
    np.testing.assert_array_equal(shown.actions_BA[: len(heard) - offline], heard.actions_BA[offline:])


def test_a_policy_from_a_bag_serves_a_fleet(run: Ended, tiny: Path) -> None:
    here, made = run.folder.parent, str(tiny.parent / "made/pairs.npz")
    for words in (
        ("dataset", "build", "run", "-o", "set"),
        ("train", "set", made, "--fleet", str(tiny), "-o", "trained"),
        ("up", "--fleet", "trained/fleet.yaml", "--ticks", "3", "--headless", "--report", "served"),
    ):
        done = fleet(*words, cwd=here)
        assert done.returncode == 0, done.stdout + done.stderr
    samples = read_samples(here / "set")
    assert len(samples) == 4 * TICKS
    about = json.loads((here / "trained/training.json").read_text())
    assert about["pairs"] + about["held_out_pairs"] == int(samples.columns["shown"].sum()) + 40
    summary = json.loads((here / "served/summary.json").read_text())
    assert (summary["ticks"], summary["threshold"]) == (3, pytest.approx(about["threshold"]))


def test_the_commands_of_the_page_about_training_sets_work(run: Ended, tiny: Path, tmp_path: Path) -> None:
    """But for those that run fleets: they are as in the tests before."""
    blocks = re.findall(r"```bash\n(.+?)```", (ROOT / "docs/how-to/datasets.md").read_text(), re.DOTALL)
    commands = [line.split()[1:] for block in blocks for line in block.splitlines() if "--map" not in line]
    (tmp_path / "run").symlink_to(run.folder)
    (tmp_path / "launch").symlink_to(ROOT / "launch")
    for words in (words for words in commands if words[0] not in {"up", "replay"}):
        small = ["--fleet", str(tiny), "--steps", "12"]
        few = [str(tiny.parent / "made/pairs.npz"), *small] if words[0] == "train" else []
        done = fleet(*words, *few, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    first, again = (
        json.loads((tmp_path / name / "training.json").read_text()) for name in ("trained", "trained_again")
    )
    assert (first["pairs"], first["held_out_pairs"]) == (again["pairs"], again["held_out_pairs"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "."), ".: expected the folder of a recorded run or of its bag, got a path without a bag."),
        (("dataset", "build", ".", "-o", "set"), ".: expected the folder of a recorded run or of its bag"),
        (("train", ".", "-o", "policy"), ".: samples.json is missing, expected a folder that ./fleet dataset build"),
        (("dataset", "export", ".", "-o", "out"), ".: samples.json is missing, expected a folder that ./fleet dataset"),
        (
            ("dataset", "build", ".", "--map", "x.yaml", "-o", "set"),
            "x.yaml: cannot be read: No such file or directory",
        ),
        (("train", "x.npz", "-o", "policy"), "x.npz: there is no such file."),
        (("train", ".", "-o", "policy", "--algo", "gpt"), "--algo: expected one of bc, ibc, ifl, iifl_random"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing_behind(tmp_path: Path, words, said: str) -> None:
    done = fleet(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())

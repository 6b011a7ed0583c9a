"""From a run's bag: the same decisions again, a training set, a policy, and a fleet that is served by it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from bags import human_pairs
from conftest import ROOT, TINY_TICKS, Ended, call, fleet

from fleet_bags.recording import read_recording
from fleet_bags.samples import read_samples
from fleet_learning.dataset import read_dataset

pytestmark = pytest.mark.slow


def test_a_replay_decides_what_was_decided_to_the_last_bit(tiny_run: Ended) -> None:
    """Also where the checkpoints of the run are no longer where they were written."""
    moved = tiny_run.folder.with_name("moved")
    tiny_run.folder.rename(moved)
    try:
        done = fleet("replay", "moved", "--headless", "--report", "again", cwd=moved.parent)
    finally:
        moved.rename(tiny_run.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((moved.parent / "again/comparison.json").read_text())
    assert found["same"], found
    assert (found["actions"]["equal"], found["leases"]["equal"]) == (4 * TINY_TICKS, TINY_TICKS)
    assert json.loads((moved.parent / "again/summary.json").read_text())["policy_versions"] == [1, 2, 3]


def test_in_a_hurry_and_with_another_policy_a_replay_says_what_differs(tiny_run: Ended) -> None:
    checkpoint = tiny_run.folder / "policies/version_003.safetensors"
    words = ("--policy", str(checkpoint), "--speed", "5", "--headless", "--report", "other")
    done = fleet("replay", str(tiny_run.folder), *words, cwd=tiny_run.folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tiny_run.folder.parent / "other/comparison.json").read_text())
    assert not found["same"]
    assert found["actions"]["compared"] > found["actions"]["equal"]
    assert f"{found['actions']['equal']} of {4 * TINY_TICKS} equal" in done.stdout


def test_what_bags_show_is_what_the_trainer_received(tiny_run: Ended, tmp_path: Path) -> None:
    about = read_recording(tiny_run.folder).metadata
    heard = read_dataset(tiny_run.folder / "policies/version_003_dataset.npz", (96, 96, 3), 2)
    offline = len(read_dataset(about.fleet.training.demonstrations, (96, 96, 3), 2))
    shown = human_pairs(tiny_run.folder, tmp_path / "set", "camera")
    assert 0 < len(heard) - offline <= len(shown)
    # In the order of the updates, and of ticks and robots: what came after the last update was not learned from.
    np.testing.assert_array_equal(shown.observations_B[: len(heard) - offline], heard.observations_B[offline:])
    np.testing.assert_array_equal(shown.actions_BA[: len(heard) - offline], heard.actions_BA[offline:])


@pytest.fixture(scope="module")
def worked(tiny_run: Ended, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of the page about training sets were typed, with a smaller policy and fewer steps.

    Without the first, which records a run, and the replay, which is in the tests before. The last fleet is shorter.
    """
    folder = tmp_path_factory.mktemp("page")
    blocks = re.findall(r"```bash\n(.+?)```", (ROOT / "docs/how-to/datasets.md").read_text(), re.DOTALL)
    commands = [line.split()[1:] for block in blocks for line in block.splitlines() if "--map" not in line]
    (folder / "run").symlink_to(tiny_run.folder)
    (folder / "launch").symlink_to(ROOT / "launch")
    assert {words[0] for words in commands} == {"up", "dataset", "train", "replay"}
    for words in commands:
        if words[0] == "replay" or "run" in words[-1:]:
            continue
        changes = {
            "train": [str(tiny.parent / "made/pairs.npz"), "--fleet", str(tiny), "--steps", "12"],
            "up": ["--ticks", "3"],
        }.get(words[0], [])
        done = fleet(*words, *changes, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_policy_from_a_bag_serves_a_fleet(worked: Path) -> None:
    samples = read_samples(worked / "set")
    assert len(samples) == 4 * TINY_TICKS
    about = json.loads((worked / "trained/training.json").read_text())
    offline = 40 + len(read_dataset(worked / "launch/config/policies/block_push_demonstrations.npz", (96, 96, 3), 2))
    assert about["pairs"] + about["held_out_pairs"] == int(samples.columns["shown"].sum()) + offline
    summary = json.loads((worked / "served/summary.json").read_text())
    assert (summary["ticks"], summary["threshold"]) == (3, pytest.approx(about["threshold"]))


def test_a_training_from_an_exported_set_has_the_same_pairs(worked: Path) -> None:
    first, again = (json.loads((worked / name / "training.json").read_text()) for name in ("trained", "trained_again"))
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
    done = call(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())

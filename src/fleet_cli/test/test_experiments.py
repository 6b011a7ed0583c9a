"""The command line of the experiments: results where they are wanted, and one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import fleet


def test_figure_2_is_one_command(tmp_path: Path) -> None:
    done = fleet("experiment", "jeffreys", "--report", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["command"] == "./fleet experiment jeffreys --report out"
    assert (tmp_path / "out" / "jeffreys.png").stat().st_size > 10_000
    for row in results["rows"]:
        allowed = max(0.05 * row["integrated_nats"], 4 * row["standard_error_nats"])
        assert abs(row["langevin_nats"] - row["integrated_nats"]) <= allowed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("navigation", "--seeds", "0,x"), "--seeds: found '0,x', allowed are whole numbers with commas between them."),
        (("navigation", "--report", "file/in"), "file/in: cannot be made a folder: Not a directory."),
        (("block_push", "--algo", "bc,ibcc"), "--algo: found 'ibcc', allowed are bc, ibc, ifl, iifl_random, iifl."),
        (
            ("block_push", "--fleet", "none"),
            "fleet: found 'none', allowed is a path to a YAML file or one of ant_100, block_push, mobile_base, yumi_sim.",
        ),
        (
            ("benchmark", "--env", "ant,pong"),
            "--env: found 'pong', allowed are ball_balance, ant, anymal, franka_cube_",
        ),
        (("benchmark", "--algo", "dagger"), "--algo: found 'dagger', allowed are bc, ibc, ifl, iifl_random, iifl."),
        (("benchmark", "--scale", "huge"), "--scale: found 'huge', allowed are paper, cpu."),
        (("expert", "block_push"), "ENV: found block_push, allowed are ball_balance, ant, anymal, franka_cube_stack."),
        (("expert", "ball_balance", "--train", "9"), "--train: found ball_balance, whose expert is a script; allowed"),
        (("offline", "--data", "none.npz"), "none.npz: there is no such file."),
        (("offline", "--data", "file"), "file: found no arrays observations, actions, dones"),
        (("offline", "--data", "good.npz", "--steps", ""), "--steps: found '', allowed are whole numbers"),
        (("offline", "--data", "good.npz", "--rotation", "0"), "--rotation: found 0, where no quaternion begins"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a text")
    np.savez(tmp_path / "good.npz", observations=np.zeros((4, 1)), actions=np.zeros((4, 1)), dones=[0, 1, 0, 1])
    done = fleet("experiment", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "good.npz"}

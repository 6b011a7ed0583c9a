"""The command line of the experiments: results where they are wanted, and one sentence for bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import call


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("navigation", "--seeds", "0,x"), "--seeds: expected whole numbers separated by commas, got '0,x'."),
        (("navigation", "--report", "file/in"), "file/in: cannot be made a folder: Not a directory."),
        (
            ("block_push", "--algo", "bc,ibcc"),
            "--algo: expected one of bc, ibc, ifl, iifl_random, iifl, iifl_firework, got 'ibcc'.",
        ),
        (
            ("block_push", "--algo", "iifl,iifl_firework"),
            "--algo: expected some of bc, ibc, ifl, iifl_random, iifl with robots that have a camera, got iifl_firework.",
        ),
        (
            ("navigation", "--algo", "iifl_random"),
            "--algo: expected one of bc, ibc, ifl, iifl, iifl_firework, got 'iifl_random'.",
        ),
        (
            ("block_push", "--fleet", "none"),
            "--fleet: expected a path to a YAML file or one of ant_100, block_push, metaworld, mobile_base, tabletop, yumi_sim, got 'none'.",
        ),
        (
            ("benchmark", "--env", "ant,pong"),
            "--env: expected one of ball_balance, ant, anymal, franka_cube_stack, got 'pong'.",
        ),
        (
            ("benchmark", "--algo", "dagger"),
            "--algo: expected one of bc, ibc, ifl, iifl_random, iifl, iifl_firework, got 'dagger'.",
        ),
        (("benchmark", "--scale", "huge"), "--scale: expected one of paper, cpu, got 'huge'."),
        (
            ("expert", "block_push"),
            "ENV: expected one of ball_balance, ant, anymal, franka_cube_stack, got block_push.",
        ),
        (
            ("expert", "ball_balance", "--train", "9"),
            "--train: expected one of ant, anymal, got ball_balance, whose expert is a script.",
        ),
        (("offline", "--data", "none.npz"), "none.npz: there is no such file."),
        (("offline", "--data", "file"), "file: expected a .npz file with the arrays observations, actions, dones"),
        (
            ("offline", "--data", "good.npz", "--steps", ""),
            "--steps: expected whole numbers separated by commas, got ''.",
        ),
        (
            ("offline", "--data", "good.npz", "--rotation", "0"),
            "--rotation: expected an index in the observations at which 4 values form a unit quaternion, got 0.",
        ),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a text")
    np.savez(tmp_path / "good.npz", observations=np.zeros((4, 1)), actions=np.zeros((4, 1)), dones=[0, 1, 0, 1])
    done = call("experiment", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "good.npz"}

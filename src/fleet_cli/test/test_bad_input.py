"""Bad input from outside is one sentence that names file, key, found and allowed; exit code 2; nothing half-written."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from conftest import call, fleet

from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import config_folder, prepare

SHIPPED = config_folder()


def write(tmp_path: Path, change) -> Path:
    content = yaml.safe_load((SHIPPED / "block_push.yaml").read_text())
    for section, key in (("robots", "contract"), ("policy", "checkpoint"), ("training", "demonstrations")):
        content[section][key] = str(SHIPPED / content[section][key])
    change(content)
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def refused(tmp_path: Path, *words: str) -> str:
    done = call("up", "--ticks", "1", "--headless", "--report", "out", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert done.stderr.strip().endswith(".")
    assert not (tmp_path / "out").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["robots"].update(colour="red"), ["fleet.yaml", "robots.colour", "contract, count"]),
        (
            lambda c: c["robots"].update(count=0),
            ["fleet.yaml", "robots.count", "got 0", "greater than or equal to 1"],
        ),
        (lambda c: c["supervisors"].update(count=4), ["fleet.yaml", "supervisors.count", "got 4", "less than"]),
        (lambda c: c.pop("policy"), ["fleet.yaml", "policy is missing"]),
        (
            lambda c: c["environment"].update(backend="gazebo"),
            [
                "environment.backend: expected one of isaacgym, metaworld, mujoco, mujoco_warp, numpy, replay, ros, yumi, yumi_sim",
                "got 'gazebo'",
            ],
        ),
        (
            lambda c: c["environment"].update(backend="replay", bag="bag"),
            ["environment.backend: expected robots for a new run, got replay", "./fleet replay"],
        ),
        (
            lambda c: c["environment"].update(task="tennis"),
            [
                "environment.task: expected one of ant, anymal, ball_balance, block_push, franka_cube_stack",
                "got tennis",
            ],
        ),
        (
            lambda c: c["environment"].update(task="tennis:Court"),
            ["environment.task", "module:Class", "'tennis:Court'", "No module named 'tennis'"],
        ),
        (
            lambda c: c["environment"].update(episode_ticks=5),
            ["environment.episode_ticks: expected none with task block_push, got 5"],
        ),
        (
            lambda c: c["supervisors"].update(styles=["sideways"]),
            ["supervisors.styles: expected styles of block_push (clockwise, counterclockwise)", "got sideways"],
        ),
        (
            lambda c: c["supervisors"].update(styles=["os:Human"]),
            ["supervisors.styles", "module:Class", "'os:Human'", "has no attribute 'Human'"],
        ),
        (
            lambda c: c["environment"].update(backend="yumi"),
            ["fleet.yaml", "environment", "environment.gateways", "got null"],
        ),
        (lambda c: c["environment"].update(backend="yumi", gateways="g.yaml"), ["g.yaml", "cannot be read"]),
        (
            lambda c: c["allocation"].update(order=["risk", "violation"]),
            ["fleet.yaml", "allocation", "this fleet (uncertainty, violation)", "got 'risk'"],
        ),
        (lambda c: c["allocation"].update(thresholds={"novelty": 1.0}), ["fleet.yaml", "allocation", "got 'novelty'"]),
        (lambda c: c["allocation"].update(rule="best"), ["allocation.rule", "priority, random, td", "got 'best'"]),
        (lambda c: c["allocation"].update(rule="os:nothing"), ["allocation.rule", "module:Class", "'os:nothing'"]),
        (lambda c: c["allocation"].update(options={"speed": 1}), ["allocation.options", "unknown key speed"]),
        (
            lambda c: c["allocation"].update(rule="random", order=[]),
            ["allocation.options.budget_per_tick", "expected a number", "None"],
        ),
        (
            lambda c: c.update(signals=[{"provider": "oracle"}]),
            ["signals.provider", "risk_critic", "got 'oracle'"],
        ),
        (lambda c: c.update(signals=[{"provider": "risk_critic"}]), ["signals.checkpoint", "got null"]),
        (
            lambda c: c.update(
                signals=[{"provider": "risk_critic", "checkpoint": str(SHIPPED / "policies/block_push.safetensors")}]
            ),
            ["block_push.safetensors", "format", "fleet-critic-1", "fleet-policy-1"],
        ),
    ],
)
def test_a_fleet_file_that_cannot_be_used(tmp_path: Path, change, said: list[str]) -> None:
    path = write(tmp_path, change)
    sentence = refused(tmp_path, "--fleet", str(path))
    assert all(word in sentence for word in said), sentence


def test_arms_behind_gateways_wait_for_each_other(tmp_path: Path) -> None:
    assert "tick.mode: expected lockstep" in refused(tmp_path, "--fleet", "yumi_sim", "--real-time")


def test_a_truncated_checkpoint(tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((SHIPPED / "policies/block_push.safetensors").read_bytes()[:-1000])
    assert "cut.safetensors" in refused(tmp_path, "--policy", str(cut))


def test_a_refusal_in_a_process_of_its_own_leaves_none_behind(tmp_path: Path) -> None:
    """A checkpoint is read while supervisor's process is there already."""
    done = fleet("up", "--policy", "missing", "--report", "out", cwd=tmp_path)
    # Its output has ended, which no process of it can write to any more.
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path / 'missing'}: there is no such checkpoint.\n"
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_for_other_dimensions(tmp_path: Path) -> None:
    contract = yaml.safe_load((SHIPPED / "robots/push_cell.yaml").read_text())
    del contract["operation"]
    contract["action"]["quantities"].append({"name": "dz", "unit": "m", "low": -1.0, "high": 1.0})
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(contract))
    path = write(tmp_path, lambda content: content["robots"].update(contract="other.yaml"))
    sentence = refused(tmp_path, "--fleet", str(path))
    assert all(
        word in sentence
        for word in ("block_push.safetensors", "expected 96x96x3 observation and 3", "got 96x96x3 and 2")
    )


def test_an_unwritable_report_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call("up", "--ticks", "1", "--headless", "--report", str(tmp_path / "file" / "out"), cwd=tmp_path)
    assert done.returncode == 2
    assert "--report: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_fleet_and_an_unknown_option(tmp_path: Path) -> None:
    assert "block_push" in refused(tmp_path, "--fleet", "tennis")
    (tmp_path / "tennis").mkdir()
    assert "expected a path to a YAML file or one of ant_100, block_push" in refused(tmp_path, "--fleet", "tennis")
    assert call("up", "--colour", "red", cwd=tmp_path).returncode == 2


def test_the_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    """All other tests here call it in this process."""
    done = fleet("up", "--fleet", "tennis", "--report", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == call("up", "--fleet", "tennis", "--report", "out", cwd=tmp_path).stderr
    assert not list(tmp_path.iterdir())


def test_an_earlier_run_in_the_folder_is_kept(tmp_path: Path) -> None:
    options = RunOptions(report=tmp_path / "out", seed=1)
    (prepare(options).folder / "summary.json").write_text("the first run's")
    later = prepare(RunOptions(report=tmp_path / "out", seed=2))
    assert {path.name for path in later.folder.iterdir()} == {"fleet.yaml"}
    (kept,) = tmp_path.glob("out.until-*")
    assert (kept / "summary.json").read_text() == "the first run's"


def test_an_address_at_which_foxglove_cannot_be_served(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        sentence = refused(tmp_path, "--foxglove", "--foxglove-port", str(port))
    assert sentence == (
        f"foxglove: expected a free address of this machine, got '127.0.0.1' and port {port}: Address already in use.\n"
    )
    assert "got 'nowhere.invalid'" in refused(tmp_path, "--foxglove", "--foxglove-host", "nowhere.invalid")

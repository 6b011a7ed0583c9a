"""Robots that know nothing of the fleet: recorded, driven by policy and humans, learned from, and refused where they do not fit."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rclpy
import yaml
from bags import counts, human_pairs, messages
from conftest import Ended, call, fleet, up
from fleet_interfaces.msg import RobotStatus
from running import TIMEOUT_S, started, wait_for
from test_operators import moves, page, push_up

from fleet_bags.build import build
from fleet_bringup.graph import arguments, node_graph, write_parameters
from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import fleet_file, prepare
from fleet_common.jpeg import to_jpeg
from fleet_common.qos import TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_learning.dataset import read_dataset
from fleet_training.offline_training import read_training_data

FILE = fleet_file("mobile_base")
FLEET = read_fleet(FILE)
TICKS = 36
TICKS_TO_LEARN_FROM = 64
pytestmark = pytest.mark.slow
ROBOTS = FLEET.robot_names


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("bases") / "out"
    return up(folder, "--fleet", "mobile_base", "--ticks", str(TICKS), "--headless")


def test_every_tick_of_every_base_is_in_the_bag(run: Ended) -> None:
    assert run.code == 0, run.out + run.err
    found = counts(run.folder / "bag")
    topics = ("observation", "camera/image_raw", "policy_action", "action")
    expected = {f"/{robot}/{topic}": TICKS for robot in ROBOTS for topic in topics}
    assert {topic: found[topic] for topic in expected} == expected
    image = messages(run.folder / "bag", "_01/camera/image_raw")["/robot_01/camera/image_raw"][0]
    assert (image.width, image.height, len(np.unique(image.data)) > 3) == (64, 64, True)


def test_every_node_but_the_bases_themselves_tells_how_it_is(run: Ended, tmp_path: Path) -> None:
    nodes = node_graph(prepare(RunOptions(fleet="mobile_base", report=tmp_path / "out")), headless=True)
    told = {name.split(":")[0] for name in run.summary["diagnostics"]}
    assert told == {node.name for node in nodes} - set(ROBOTS)


def test_policy_and_humans_both_drive_and_a_new_version_serves(run: Ended) -> None:
    robots = run.summary["per_robot"].values()
    assert all(robot["policy_ticks"] for robot in robots)
    assert any(robot["human_ticks"] for robot in robots)
    assert run.summary["policy_versions"] == [1, 2]
    assert run.summary["successes"] >= 1


def test_a_robot_that_is_moved_is_somewhere_else_at_the_next_tick(run: Ended) -> None:
    bag = run.folder / "bag"
    for robot in ROBOTS:
        values = [m.values for m in messages(bag, f"{robot}/observation")[f"/{robot}/observation"]]
        actions = messages(bag, f"{robot}/action")[f"/{robot}/action"]
        pairs = zip(values, values[1:], actions, strict=False)
        moved = [
            float(np.abs(after - before).max())
            for before, after, action in pairs
            if action.kind == ActionKind.MOVE and abs(action.values[0]) > 0.2
        ]
        assert np.median(moved) > 0.02


def test_pairs_that_humans_showed_are_those_that_the_trainer_heard(run: Ended, tmp_path: Path) -> None:
    contract = FLEET.contract()
    (update,) = FLEET.training.update_ticks
    shown = human_pairs(run.folder, tmp_path / "states", "state")
    dims = contract.observed_shape("state"), contract.action_dim
    trained = read_dataset(run.folder / "policies/version_002_dataset.npz", *dims)
    offline = read_dataset(FLEET.training.demonstrations, *dims)
    heard = trained[np.arange(len(offline), len(trained))]
    early = sum(
        message.source == ActionSource.HUMAN and message.kind == ActionKind.MOVE and message.tick < update
        for stream in messages(run.folder / "bag", "/action").values()
        for message in stream
    )
    assert len(heard) == early > 0
    rows = {row.tobytes() for row in np.hstack([shown.observations_B, shown.actions_BA])}
    assert all(row.tobytes() in rows for row in np.hstack([heard.observations_B, heard.actions_BA]))
    images = human_pairs(run.folder, tmp_path / "images", "camera")
    assert images.observations_B.shape == (len(shown), 64, 64, 3)
    np.testing.assert_array_equal(images.actions_BA, shown.actions_BA)
    assert len(to_jpeg(images.observations_B[0]))


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a policy: a person in a browser points up, then the program of one base hangs for a while."""
    folder = tmp_path_factory.mktemp("demonstrated") / "out"
    words = ("--fleet", "mobile_base", "--demonstrate", "--supervisors", "3", "--operators", "1", "--no-window")
    with pytest.MonkeyPatch.context() as patch, started(folder, *words) as process:
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        domain = int(re.findall(r"ROS_DOMAIN_ID=(\d+)", wait_for(process, "ROS_DOMAIN_ID"))[0])
        wait_for(process, "tick ")
        with page(folder) as (url, token):
            asyncio.run(asyncio.wait_for(push_up(url, token, 5), TIMEOUT_S))
        with rclpy.init(domain_id=domain):
            base = pid_of_base("robot_04")
            os.kill(base, signal.SIGSTOP)
            lost = wait_for_status("robot_04", lambda status: bool(status.unreachable))
            wait_for_status("robot_01", lambda status: status.tick > lost.tick + 5)
            os.kill(base, signal.SIGCONT)
            wait_for_status("robot_04", lambda status: status.unreachable.startswith("reachable again"))
            resumed = fleet("readmit", "robot_04", "--run", str(folder), cwd=folder.parent)
            assert (resumed.returncode, resumed.stdout) == (0, "robot_04: is coming back\n"), resumed.stderr
            wait_for_status("robot_04", lambda status: not status.unreachable)
            wait_for_status("robot_01", lambda status: status.tick >= TICKS_TO_LEARN_FROM)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    return folder


def test_a_person_drives_a_base_from_a_browser(demonstrated: Path) -> None:
    diagnostics = json.loads((demonstrated / "summary.json").read_text())["diagnostics"]
    assert "web: human_01 station" in diagnostics
    assert not diagnostics["web: human_01 station"]["stale"], "who has closed the page is not missed"
    driven = moves(demonstrated, "human_01")
    assert len(driven) >= 5
    assert all(action.values[0] > 0.5 and abs(action.values[1]) < 0.1 for action in driven)
    bag = demonstrated / "bag"
    sources = {m.source for stream in messages(bag, "/action").values() for m in stream if m.values.size}
    assert sources == {ActionSource.HUMAN}


def test_the_fleet_goes_on_without_a_base_that_hangs(demonstrated: Path) -> None:
    diagnostics = json.loads((demonstrated / "summary.json").read_text())["diagnostics"]
    assert diagnostics["bridge: robot_04 presence"]["error"] >= 1
    assert diagnostics["bridge: robot_04 presence"]["not_ok_s"] > 1
    assert not diagnostics["bridge: robot_01 presence"]["error"]
    statuses = messages(demonstrated / "bag", "/status")
    reasons = [status.unreachable for status in statuses["/robot_04/status"] if status.unreachable]
    assert re.fullmatch(r"no /robot_04/\S+ for 1 s.*", reasons[0])
    assert reasons[-1].startswith("reachable again, waiting to be readmitted; it was lost: no /robot_04/")
    assert not any(status.unreachable for status in statuses["/robot_01/status"])


def wait_for_status(robot: str, fits: Callable[[RobotStatus], bool]) -> RobotStatus:
    """Listen to a robot until it says something that fits."""
    node, heard = rclpy.create_node("listener"), []
    node.create_subscription(RobotStatus, f"{robot}/status", heard.append, TRANSIENT_LOCAL_1000)
    end = time.monotonic() + TIMEOUT_S
    try:
        while not (heard and fits(heard[-1])):
            assert time.monotonic() < end, heard[-3:]
            rclpy.spin_once(node, timeout_sec=0.1)
        return heard[-1]
    finally:
        node.destroy_node()


def pid_of_base(robot: str) -> int:
    """Of the program that is this robot, in the fleet that this process has started."""
    mine = str(os.getpid())
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_text().replace("\0", " ").split()
            if f"__ns:=/{robot}" in words and mine in ancestors(place):
                return int(place.name)
        except OSError:
            continue
    raise AssertionError(f"{robot} does not run")


def ancestors(place: Path) -> list[str]:
    found = []
    while place.name not in {"0", "1"}:
        parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
        found.append(parent)
        place = place.with_name(parent)
    return found


def test_runs_of_other_robots_and_folders_without_runs_are_not_learned_from(tmp_path: Path, run: Ended) -> None:
    with pytest.raises(InputError, match="expected the folder of a recorded run or of its bag"):
        build([tmp_path], tmp_path / "none")
    build([run.folder], tmp_path / "set")
    with pytest.raises(InputError, match=r"set: contract: expected \w+ \(robot push_cell: .+\), got \w+"):
        read_training_data([tmp_path / "set"], read_fleet(fleet_file("block_push")).contract(), "state", seed=0)


def test_every_base_is_a_program_in_its_namespace_with_a_seed_of_its_own(tmp_path: Path) -> None:
    specs = node_graph(prepare(RunOptions(fleet="mobile_base", report=tmp_path / "out", seed=3)), headless=True)
    parameters = yaml.safe_load(write_parameters(specs, tmp_path / "out").read_text())
    bases = [spec for spec in specs if spec.package == "mobile_base"]
    assert [spec.name for spec in bases] == list(ROBOTS)
    assert [parameters[f"/{name}/{name}"]["ros__parameters"] for name in ROBOTS] == [{"seed": 3 + i} for i in range(4)]
    assert "__ns:=/robot_02" in arguments(bases[1], [], "info")
    bridge = next(spec for spec in specs if spec.name == "bridge")
    assert (bridge.package, bridge.executable) == ("robot_driver", "adapter_node")
    assert not set(bridge.parameters["await_nodes"]) & set(ROBOTS)


def test_without_a_policy_only_humans_drive_and_nothing_is_trained(tmp_path: Path) -> None:
    run = prepare(RunOptions(fleet="mobile_base", report=tmp_path / "out", demonstrate=True))
    assert (run.fleet.policy.checkpoint, run.fleet.training.update_ticks) == (None, ())
    assert "trainer" not in {spec.name for spec in node_graph(run, headless=True)}
    assert read_fleet(tmp_path / "out/fleet.yaml") == run.fleet


def test_a_task_that_only_people_know_needs_no_script(tmp_path: Path) -> None:
    content = yaml.safe_load(Path(changed(tmp_path, "environment", "task", value="tidy_up")).read_text())
    content["supervisors"] = {"count": 2, "operators": 2}
    (tmp_path / "people.yaml").write_text(yaml.safe_dump(content))
    run = prepare(RunOptions(fleet=str(tmp_path / "people.yaml"), report=tmp_path / "out"))
    assert "stations" not in {spec.name for spec in node_graph(run, headless=True)}


def changed(tmp_path: Path, *place: str, value: object) -> str:
    content = yaml.safe_load(FILE.read_text())
    for section, key in (("robots", "contract"), ("policy", "checkpoint"), ("training", "demonstrations")):
        content[section][key] = str(FILE.parent / content[section][key])
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(content))
    return str(tmp_path / "fleet.yaml")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("robots", "contract"), str(FILE.parent / "robots/pointbot.yaml"), "robot pointbot: native is missing"),
        (
            ("environment", "backend"),
            "numpy",
            "environment.program: expected null with backend numpy, got base_node.",
        ),
        (
            ("environment", "program", "package"),
            "tennis",
            "program.package: expected a built package, got tennis.",
        ),
        (("environment", "program", "executable"), "base", "program.executable: expected one of base_node, got base."),
        (("environment", "task"), "tennis", "environment.task: expected one of ant, anymal, ball_balance, beacon, "),
    ],
)
def test_a_fleet_of_robots_that_cannot_be_reached_is_refused(tmp_path: Path, place, value, said: str) -> None:
    wishes = RunOptions(fleet=changed(tmp_path, *place, value=value), report=tmp_path / "out")
    with pytest.raises(InputError) as caught:
        prepare(wishes)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_contract_that_cannot_be_translated_ends_the_command_with_one_sentence(tmp_path: Path) -> None:
    contract = yaml.safe_load((FILE.parent / "robots/mobile_base.yaml").read_text())
    contract["native"]["state"][0]["quantities"]["beacon_left"]["unit"] = "deg"
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(contract))
    path = changed(tmp_path, "robots", "contract", value="base.yaml")
    done = call("up", "--ticks", "1", "--headless", "--report", "out", "--fleet", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{tmp_path / 'base.yaml'}: native.state.quantities.beacon_left.unit: expected one of m, cm, mm, km "
        "for a quantity in 'm', got 'deg'.\n"
    )


def test_there_is_no_pretraining_without_a_simulation(tmp_path: Path) -> None:
    done = call("pretrain", "--fleet", "mobile_base", cwd=tmp_path)
    assert done.returncode == 2
    assert "environment.backend: expected a simulation, got ros; record human actions with" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_first_policy_is_trained_on_what_supervisors_demonstrate(demonstrated: Path, tmp_path: Path) -> None:
    for words in (
        ("dataset", "build", str(demonstrated), "-o", "set"),
        ("train", "set", "--fleet", "mobile_base", "--steps", "4", "-o", "trained"),
    ):
        done = fleet(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    training = json.loads((tmp_path / "trained/training.json").read_text())
    assert training["held_out_pairs"] >= 1
    run = prepare(RunOptions(fleet=str(tmp_path / "trained/fleet.yaml"), report=tmp_path / "out"))
    assert run.fleet.allocation.threshold("uncertainty") == pytest.approx(training["threshold"])

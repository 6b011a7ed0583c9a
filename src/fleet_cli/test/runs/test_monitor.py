"""A monitor works over ROS 2 as in one process, and is made, calibrated and judged from what the fleet recorded."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bags import messages
from conftest import up
from PIL import Image

from fleet_contract.fleet import read_fleet
from fleet_contract.lease_table import lease_table_of
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import deployed
from fleet_learning.signal_provider import read_provider
from fleet_monitor.monitor import DETECTORS
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from sim_bridge.backends import make_environment

pytestmark = pytest.mark.slow
TICKS = 60
SIGNALS = ("failure", "novelty")


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run of the shipped tabletop with its monitor."""
    ended = up(
        tmp_path_factory.mktemp("watched") / "run",
        *("--fleet", "tabletop", "--monitor", "firework", "--ticks", str(TICKS), "--headless", "--seed", "5"),
    )
    assert ended.code == 0, ended.err
    return ended


def test_a_monitor_calls_over_ros_2_whom_it_calls_in_process(watched):
    fleet = read_fleet(watched.folder / "fleet.yaml")
    assert fleet.allocation.order == (*SIGNALS, "uncertainty", "violation")
    streams = messages(watched.folder / "bag", "/fleet/leases", *(f"/fleet/signals/{name}" for name in SIGNALS))
    contract = fleet.contract()
    policy, _ = read_checkpoint(fleet.policy.require_checkpoint(), contract)
    environment = make_environment(
        fleet.environment.backend, fleet.environment.task, contract, fleet.robots.count, tasks=fleet.robots.tasks
    )
    loop = FleetLoop(
        environment,
        supervisors_of(fleet, 5),
        deployed(policy, fleet),
        fleet.allocation,
        5,
        [read_provider(fleet.signals[0], fleet)],
    )
    called = set()
    for tick in range(TICKS):
        result = loop.tick()
        for name in SIGNALS:
            signal = streams[f"/fleet/signals/{name}"][tick]
            assert (signal.tick, signal.provider, signal.unit, signal.threshold) == (tick, "monitor", "1", 1.0)
            np.testing.assert_allclose(signal.values, result.signals[name], rtol=1e-3)
        leases = lease_table_of(streams["/fleet/leases"][tick]).leases
        assert _without_values(leases) == _without_values(result.table.leases)
        called |= {lease.signal for lease in leases}
    assert called & set(SIGNALS)


def _without_values(leases):
    """Leases without the values that called the humans, whose last digits depend on how many robots are computed together."""
    return [replace(lease, value=0.0) for lease in leases]


def test_imagined_futures_are_recorded_when_an_alarm_begins(watched):
    streams = messages(watched.folder / "bag", "/futures/compressed", *(f"/fleet/signals/{name}" for name in SIGNALS))
    signals = [streams[f"/fleet/signals/{name}"] for name in SIGNALS]
    begins, before = [], set()
    for at in zip(*signals, strict=True):
        alarming = {
            robot for own in at for robot, value in zip(own.robots, own.values, strict=True) if value > own.threshold
        }
        begins += [(at[0].header.stamp.sec, at[0].header.stamp.nanosec, robot) for robot in alarming - before]
        before = alarming
    films = {topic: found for topic, found in streams.items() if topic.endswith("/futures/compressed")}
    shown = [
        (film.header.stamp.sec, film.header.stamp.nanosec, topic.split("/")[1])
        for topic, found in films.items()
        for film in found
    ]
    assert begins
    assert sorted(shown) == sorted(begins)
    for film in next(iter(films.values())):
        assert Image.open(io.BytesIO(bytes(film.data))).size == (9 * 64, 3 * 64)


@pytest.fixture(scope="module")
def dataset(watched, tmp_path_factory):
    """The dataset of that run."""
    folder = tmp_path_factory.mktemp("dataset") / "set"
    fleet("dataset", "build", watched.folder, "-o", folder)
    return folder


def fleet(*words, code=0):
    """Run the command, and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "fleet_cli.main", *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == code, ended.stderr
    return ended.stdout + ended.stderr


def shipped(folder):
    """A copy of the shipped monitor."""
    source = Path(__file__).parents[4] / "launch/config/monitors/tabletop"
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / "monitor.safetensors"


def test_a_monitor_is_judged_by_a_recording(dataset, tmp_path):
    table = fleet("monitor", "evaluate", shipped(tmp_path), dataset)
    episodes = int(re.search(r"(\d+) episodes without help", table).group(1))
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines() if line.startswith(" all")]
    assert [row[1] for row in rows] == ["failure, novelty", *DETECTORS]
    assert {int(row[2]) + int(row[6]) for row in rows} == {episodes}


def test_thresholds_are_written_into_the_monitor(dataset, tmp_path):
    file = shipped(tmp_path)
    before = file.read_bytes()
    fleet("monitor", "calibrate", file, dataset, "--percentile", "80")
    assert file.read_bytes() != before
    said = fleet("monitor", "calibrate", file, dataset, "--rule", "conformal", "--false-alarms", "0.01", code=2)
    assert re.match(r"failure: task \w+: scores: expected at least 99 successful episodes", said)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--monitor", "cassandra"), "--monitor: expected one of firework, got cassandra."),
        (
            ("--monitor", "firework", "--fleet", "block_push"),
            "--monitor: expected one of none, because the fleet file has no",
        ),
    ],
)
def test_unknown_monitors_are_refused_before_any_process_starts(tmp_path, words, sentence):
    said = fleet("up", "--fleet", "tabletop", "--ticks", "3", "--report", tmp_path / "out", *words, code=2)
    assert said.startswith(sentence)
    assert not (tmp_path / "out").exists()

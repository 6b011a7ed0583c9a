"""Measures the recorder: with the topics of a fleet from other processes, and its writer alone with messages in memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from ament_index_python.packages import get_package_prefix
from mcap.reader import make_reader
from rich.progress import Progress

from fleet_bags.bag import files_of
from fleet_bags.bag_metadata import Topic, reliable_qos
from fleet_bags.bag_writer import BagWriter
from fleet_bringup.graph import ENVIRONMENT
from fleet_cli.runner.domain import own_domain
from fleet_contract.fleet import Fleet, RecordingConfig, RobotsConfig
from fleet_experiments.results import Results, Row, new_results, run_of

RETRANSMISSION_S = 2.0
"""Time in which DDS sends lost messages again, s."""
STAMP = slice(4, 8)
"""Bytes of a serialized message with a header that hold the seconds of its stamp, which are its tick."""


@dataclass(frozen=True)
class RecorderLoad:
    """A fleet whose topics are recorded."""

    name: str
    robots: int
    side: tuple[int, int]
    """Width and height of the rgb8 images, pixels."""
    rate_hz: float
    """Ticks per second of the robots."""
    all_topics: bool
    """Whether all topics of the robots are published; otherwise images alone."""


@dataclass(frozen=True)
class RecorderBenchPlan:
    """The measurements."""

    loads: tuple[RecorderLoad, ...] = (
        RecorderLoad("cameras", robots=4, side=(640, 480), rate_hz=30.0, all_topics=False),
        RecorderLoad("fleet", robots=100, side=(96, 96), rate_hz=10.0, all_topics=True),
    )
    speeds: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    """Multiples of the robots' rate."""
    generators: int = 4
    """Number of load generator processes."""
    seconds: float = 20.0
    """Length of each measurement, s."""


QUICK = RecorderBenchPlan(
    loads=(RecorderLoad("fleet", robots=4, side=(96, 96), rate_hz=10.0, all_topics=True),),
    speeds=(1.0,),
    generators=2,
    seconds=1.0,
)


def recorder_bench(fleet: Fleet, plan: RecorderBenchPlan, folder: Path, *, command: str) -> Results:
    """Measure the recorder node, and its writer alone. Results are written into the folder, bags too, which are removed."""
    rows: list[Row] = []
    with Progress() as progress:
        for load in progress.track(plan.loads, description="loads"):
            rows.append(_writer_alone(load, plan, folder))
            rows.extend(_recorded(fleet, load, speed, plan, folder) for speed in plan.speeds)
    results = new_results("recorder bench", command, rows)
    results.write(folder)
    return results


def _recorded(fleet: Fleet, load: RecorderLoad, speed: float, plan: RecorderBenchPlan, folder: Path) -> Row:
    """Measure a recorder node with robots in other processes."""
    run = (folder / "run").absolute()
    ticks = max(1, round(load.rate_hz * speed * plan.seconds))
    shutil.rmtree(run, ignore_errors=True)
    with own_domain(None, run) as domain:
        environment = ENVIRONMENT | os.environ | {"ROS_DOMAIN_ID": str(domain)}
        _write_run(fleet, load, speed, run)
        executable = f"{get_package_prefix('fleet_bags')}/lib/fleet_bags/recorder_node"
        recorder = [executable, "--ros-args", "-p", f"run_dir:={run}"]
        with (
            _process(recorder, environment) as process,
            _generators(load, ticks, plan.generators, run, environment) as generators,
        ):
            before_s = _busy_s(process.pid)
            seconds = _publish(generators)
            time.sleep(RETRANSMISSION_S)
            cores = (_busy_s(process.pid) - before_s) / seconds
            process.send_signal(signal.SIGINT)
            process.wait()
    row = run_of("recorder", "node", 0, f"{load.name} x {speed:g}") | _recording_row(
        load, len(generators), ticks, seconds, run
    )
    return row | {"share_of_pace": ticks / (load.rate_hz * speed * seconds), "cores": cores}


def _write_run(fleet: Fleet, load: RecorderLoad, speed: float, run: Path) -> None:
    """Write the folder of a run of such a fleet."""
    width, height = load.side
    contract = fleet.contract()
    camera = contract.require_camera().model_copy(update={"width": width, "height": height})
    observation = contract.observation.model_copy(update={"camera": camera})
    changed = {"observation": observation, "operation": None, "rate_hz": load.rate_hz * speed}
    run.mkdir(parents=True)
    path = run / "contract.yaml"
    path.write_text(yaml.safe_dump(contract.model_copy(update=changed).model_dump(mode="json")), encoding="utf-8")
    fleet.model_copy(update={"robots": RobotsConfig(contract=path, count=load.robots)}).write(run / "fleet.yaml")


@contextmanager
def _process(words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is killed at the end of the block."""
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _generators(
    load: RecorderLoad, ticks: int, number: int, run: Path, environment: dict[str, str]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start load generators that have subscriptions, and wait for a line."""
    count = load.robots // number
    with ExitStack() as stack:
        generators = []
        for first in range(0, load.robots, count):
            numbers = map(str, (first, count, ticks, int(load.all_topics)))
            words = [sys.executable, "-m", "fleet_cli.bench.load_generator", str(run), *numbers]
            generators.append(stack.enter_context(_process(words, environment)))
        for generator in generators:
            _line(generator)
        yield generators


def _publish(generators: list[subprocess.Popen[str]]) -> float:
    """Start the load generators, and return the time that the slowest one took, s."""
    for generator in generators:
        if generator.stdin:
            generator.stdin.write("\n")
            generator.stdin.flush()
    return max(float(_line(generator)) for generator in generators)


def _line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints.

    Raises:
        RuntimeError: the process has exited.
    """
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"{process.args!r} has exited")
    return line


def _busy_s(process: int) -> float:
    """Return the processor time of a process and its threads, s."""
    numbers = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _recording_row(load: RecorderLoad, generators: int, ticks: int, seconds: float, run: Path) -> Row:
    """Return rate, loss and delay of the recorded messages, and remove the bag."""
    ticks_of: dict[str, Counter[int]] = defaultdict(Counter)
    delays_s, size = [], 0
    for path in files_of(run / "bag"):
        with path.open("rb") as file:
            for _, channel, message in make_reader(file).iter_messages(log_time_order=False):
                if channel.topic.startswith(("/robot_", "/fleet/")):
                    ticks_of[channel.topic][int.from_bytes(message.data[STAMP], "little")] += 1
                    delays_s.append((message.log_time - message.publish_time) / 1e9)
                    size += len(message.data)
    shutil.rmtree(run)
    # Each load generator publishes the shared topics for its robots.
    topics = load.robots * 2 + generators * 3 if load.all_topics else load.robots
    recorded = sum(
        min(count, generators if topic.startswith("/fleet/") else 1)
        for topic, counts in ticks_of.items()
        for count in counts.values()
    )
    return {
        "messages_per_s": topics * ticks / seconds,
        "mb_per_s": size / seconds / 1e6,
        "lost": topics * ticks - recorded,
        "delay_p99_s": float(np.percentile(delays_s, 99)),
    }


def _writer_alone(load: RecorderLoad, plan: RecorderBenchPlan, folder: Path) -> Row:
    """Measure the writer alone, with messages of the same sizes, as fast as it takes them."""
    width, height = load.side
    sizes = {f"/robot_{robot}/image": 3 * width * height + 100 for robot in range(load.robots)}
    if load.all_topics:
        sizes |= {f"/robot_{robot}/info": 300 for robot in range(load.robots)}
        sizes |= {f"/fleet/{name}": 150 * load.robots for name in ("states", "policy_actions", "actions")}
    topics = [Topic(name, "x/msg/X", "", "", reliable_qos(100)) for name in sizes]
    messages = {name: bytes(size) for name, size in sizes.items()}
    bag = folder / "alone"
    shutil.rmtree(bag, ignore_errors=True)
    started, busy = time.perf_counter(), time.process_time()
    writer, written, size = BagWriter(bag, topics, {}, RecordingConfig(), now_s=started), 0, 0
    while (now_s := time.perf_counter()) < started + plan.seconds / 4:
        for name, message in messages.items():
            writer.write(name, message, received_ns=written, published_ns=written)
            written, size = written + 1, size + len(message)
        writer.advance(now_s)
    writer.close()
    seconds = time.perf_counter() - started
    cores = (time.process_time() - busy) / seconds
    shutil.rmtree(bag)
    measured = {"messages_per_s": written / seconds, "mb_per_s": size / seconds / 1e6, "lost": 0, "cores": cores}
    return run_of("recorder", "writer alone", 0, load.name) | measured

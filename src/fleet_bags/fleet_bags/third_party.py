"""Makes samples from third-party bags, as described by a mapping file.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from fleet_bags.bag_reader import BACK_NS, error_context, messages, opened, require_one_clock, timed_messages
from fleet_bags.mapping import BagMapping
from fleet_bags.native_robot_series import NativeRobotSeries
from fleet_bags.samples import SourceRun
from fleet_bags.samples_writer import RunSamples
from fleet_bags.topic_series import StampPair
from fleet_contract.action import ActionSource
from fleet_contract.robot import RobotContract
from fleet_contract.translation import picture_of
from fleet_contract.validation import InputError

SUPERVISOR = "human"
"""Name of the only supervisor: third-party bags do not say who drove."""
RATE_TOLERANCE = 0.2
"""Largest difference between the rate of a topic's ticks and the contract's rate, as a fraction of the latter."""
DAY_NS = 24 * 3600 * 10**9
LONGEST_GAP_NS = DAY_NS
"""Longest time without a message of the robots, ns: a longer one is a wrong clock, and ticks would fill it."""
ImageRows = Mapping[str, Mapping[int, Sequence[int]]]
"""Rows that observe an image, by camera topic and number of the message."""


def third_party_samples(bag: Path, mapping: BagMapping) -> RunSamples:
    """Return the rows of a bag that become samples.

    Raises:
        InputError: the bag cannot be read; a topic is missing, has another type or no messages; ticks are not at the contract's
            rate; a command is out of range; or no tick has a sample of every topic.
    """
    robots = [NativeRobotSeries(mapping, namespace) for namespace in mapping.robots]
    require_one_clock(bag)
    with opened(bag) as reader:
        span_ns = _read_series(reader, bag, robots)
    rows: list[dict[str, Any]] = []
    image_rows: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    missing = Counter[str]()
    for number, robot in enumerate(robots):
        ticks, resets, was_violated = _ticks(bag, robot, mapping, span_ns), 0, False
        for tick, instant in enumerate(ticks):
            if topic := robot.missing_topic(instant):
                missing[topic] += 1
                continue
            with error_context(bag, robot.command_topic):
                row = _row(robot, ticks, tick)
            resets += was_violated and not row["violated"]
            was_violated = row["violated"]
            if robot.camera_topic:
                image_rows[robot.camera_topic][robot.image_number(instant)].append(len(rows))
            rows.append({**row, "robots": number, "attempts": (number, robot.successes(instant), resets)})
    if not rows:
        raise InputError(
            f"{bag}: expected at least one tick with a sample of every observed topic, got none; missing most often is "
            f"{missing.most_common(1)[0][0]}."
        )
    return RunSamples(
        source=SourceRun(bag=str(bag), task=mapping.task, robots=mapping.robot_names, supervisors=(SUPERVISOR,)),
        contract=mapping.contract,
        rows=rows,
        left_out=missing.total(),
        images=partial(_images, bag, mapping.contract, image_rows),
    )


def _read_series(reader: AnyReader, bag: Path, robots: Sequence[NativeRobotSeries]) -> tuple[int, int]:
    """Read all messages of the robots; return when the first one was received and when the last one had been, ns."""
    types = {connection.topic: connection.msgtype for connection in reader.connections}
    all_series = {topic: series for robot in robots for topic, series in robot.series.items()}
    for topic, kind in (item for robot in robots for item in robot.types.items()):
        if topic not in types:
            raise InputError(f"{bag}: topic {topic} is missing, the bag has {', '.join(sorted(types)) or 'no topics'}.")
        if types[topic] != kind:
            raise InputError(f"{bag}: {topic}: type: expected {kind}, got {types[topic]}.")
    first_ns = last_ns = 0
    for number, (topic, time_ns, message) in enumerate(timed_messages(reader, bag, all_series)):
        first_ns = first_ns if number else time_ns
        if number and time_ns - last_ns > LONGEST_GAP_NS:
            raise InputError(
                f"{bag}: expected messages without a gap of more than {LONGEST_GAP_NS / DAY_NS:g} day, got one of "
                f"{(time_ns - last_ns) / DAY_NS:.0f} days after {_utc(last_ns)}, before a message of {topic}."
            )
        last_ns = time_ns
        with error_context(bag, topic):
            all_series[topic].add(message, time_ns)
    for robot in robots:
        for topic, series in robot.series.items():
            if series.step_back_ns > BACK_NS:
                raise InputError(
                    f"{bag}: {topic}: expected stamps in the order of recording, got one {series.step_back_ns / 1e9:.1f} s before an "
                    "earlier one: the robot's clock was set back. Cut the bag there."
                )
            if not series.samples and not robot.may_be_silent(topic):
                why = f" that can be used ({series.errors[-1]})" if series.errors else ""
                raise InputError(f"{bag}: {topic}: expected at least one message{why}, got none.")
    return first_ns, last_ns + 1


def _ticks(bag: Path, robot: NativeRobotSeries, mapping: BagMapping, span_ns: tuple[int, int]) -> list[StampPair]:
    rate_hz = mapping.contract.rate_hz
    if mapping.ticks is None:
        first_ns, last_ns = span_ns
        elapsed_ns = np.rint(np.arange(0, (last_ns - first_ns) * 1e-9 * rate_hz) / rate_hz * 1e9).astype(np.int64)
        return [StampPair(first_ns + passed_ns, first_ns + passed_ns) for passed_ns in elapsed_ns.tolist()]
    topic = robot.topic(mapping.ticks)
    series = robot.series[topic]
    measured_hz = 1e9 / float(np.median(np.diff(series.stamps_ns))) if len(series.samples) > 1 else rate_hz
    if abs(measured_hz - rate_hz) > RATE_TOLERANCE * rate_hz:
        raise InputError(
            f"{bag}: {topic}: expected about {rate_hz:g} messages per second for ticks, as the contract's rate_hz, "
            f"got {measured_hz:.3g}."
        )
    return series.instants


def _row(robot: NativeRobotSeries, ticks: Sequence[StampPair], tick: int) -> dict[str, Any]:
    """Return the values of all columns that depend on this robot alone."""
    instant, after = ticks[tick], ticks[tick + 1] if tick + 1 < len(ticks) else None
    action, violated = robot.action(tick, instant), robot.violated(instant)
    succeeded = after is not None and robot.successes(after) > robot.successes(instant)
    no_action_A = np.full(robot.contract.action_dim, np.nan)
    return {
        "ticks": tick,
        "stamps_ns": instant.header_ns,
        "states": robot.state(instant),
        "kinds": action.kind,
        "sources": action.source,
        "shown": action.shows,
        "actions": action.values or no_action_A,
        "proposals": no_action_A,
        "versions": 0,
        "supervisors": 0 if action.source is ActionSource.HUMAN else -1,
        "uncertainties": np.nan,
        "thresholds": np.nan,
        "violated": violated,
        "rewards": float(succeeded) if after else np.nan,
        "succeeded": succeeded,
        "broken": after is not None and robot.violated(after) and not violated,
        "dismissed": False,
    }


def _images(bag: Path, contract: RobotContract, image_rows: ImageRows) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    camera, received = contract.require_camera(), Counter[str]()
    with opened(bag) as reader:
        for topic, message in messages(reader, bag, image_rows):
            rows = image_rows[topic].get(received[topic], ())
            received[topic] += 1
            if rows:
                with error_context(bag, topic):
                    image = picture_of(message, width=camera.width, height=camera.height, encoding=camera.encoding)
                for row in rows:
                    yield row, image


def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).isoformat()

"""Samples from bags that somebody else recorded, as a mapping file says what is what in them.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from fleet_bags.bag_reader import messages, named, opened, timed_messages
from fleet_bags.mapping import BagMapping
from fleet_bags.native_robot_series import NativeRobotSeries
from fleet_bags.samples import SourceRun
from fleet_bags.topic_series import StampPair
from fleet_bags.writing import RunSamples
from fleet_contract.action import ActionSource
from fleet_contract.robot import RobotContract
from fleet_contract.translation import picture_of
from fleet_contract.validation import InputError

SUPERVISOR = "human"
"""Bags do not say which one."""
RATE_TOLERANCE = 0.2
"""By which the ticks of a topic may differ from the contract's rate, as a share of it."""
Shown = Mapping[str, Mapping[int, Sequence[int]]]
"""By camera topic and number of the message: rows that observe it."""


def foreign_samples(bag: Path, mapping: BagMapping) -> RunSamples:
    """What becomes samples of a bag.

    Raises:
        BadInput: the bag cannot be read; a topic is missing, of another type or silent; ticks are not at the contract's rate; a
            command is out of range; or there is no tick at which all is there.
    """
    robots = [NativeRobotSeries(mapping, namespace) for namespace in mapping.robots]
    with opened(bag) as reader:
        span_ns = _hear(reader, bag, robots)
    rows: list[dict[str, Any]] = []
    shown: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    missing = Counter[str]()
    for number, robot in enumerate(robots):
        ticks, resets, was_violated = _ticks(bag, robot, mapping, span_ns), 0, False
        for tick, instant in enumerate(ticks):
            if unreachable := robot.missing(instant):
                missing[unreachable] += 1
                continue
            with named(bag, robot.command):
                row = _row(robot, ticks, tick)
            resets += was_violated and not row["violated"]
            was_violated = row["violated"]
            if robot.camera:
                shown[robot.camera][robot.picture(instant)].append(len(rows))
            rows.append({**row, "robots": number, "attempts": (number, robot.successes(instant), resets)})
    if not rows:
        raise InputError(
            f"{bag}: found no tick at which all is there that a robot observes, allowed is one at least; most often "
            f"{missing.most_common(1)[0][0]} had said nothing."
        )
    return RunSamples(
        names=SourceRun(bag=str(bag), task=mapping.task, robots=mapping.robot_names, supervisors=(SUPERVISOR,)),
        contract=mapping.contract,
        rows=rows,
        left_out=missing.total(),
        images=partial(_images, bag, mapping.contract, shown),
    )


def _hear(reader: AnyReader, bag: Path, robots: Sequence[NativeRobotSeries]) -> tuple[int, int]:
    """Let the robots tell everything; when the bag begins and ends, ns."""
    types = {connection.topic: connection.msgtype for connection in reader.connections}
    told = {topic: told for robot in robots for topic, told in robot.told.items()}
    for topic, kind in (item for robot in robots for item in robot.types.items()):
        if topic not in types:
            raise InputError(f"{bag}: topic {topic} is missing, allowed are {', '.join(sorted(types)) or 'none'}.")
        if types[topic] != kind:
            raise InputError(f"{bag}: {topic}: type found {types[topic]}, allowed is {kind}.")
    for topic, time_ns, message in timed_messages(reader, bag, told):
        with named(bag, topic):
            told[topic].hear(message, time_ns)
    for robot in robots:
        for topic, said in robot.told.items():
            if not said.samples and not robot.may_be_silent(topic):
                why = f" that can be read ({said.refused[-1]})" if said.refused else ""
                raise InputError(f"{bag}: {topic}: found no message{why}, allowed is one at least.")
    return reader.start_time, reader.end_time


def _ticks(bag: Path, robot: NativeRobotSeries, mapping: BagMapping, span_ns: tuple[int, int]) -> list[StampPair]:
    rate_hz = mapping.contract.rate_hz
    if mapping.ticks is None:
        first_ns, last_ns = span_ns
        after_ns = np.rint(np.arange(0, (last_ns - first_ns) * 1e-9 * rate_hz) / rate_hz * 1e9).astype(np.int64)
        return [StampPair(first_ns + passed_ns, first_ns + passed_ns) for passed_ns in after_ns.tolist()]
    topic = robot.topic(mapping.ticks)
    told = robot.told[topic]
    found_hz = 1e9 / float(np.median(np.diff(told.stamps_ns))) if len(told.samples) > 1 else rate_hz
    if abs(found_hz - rate_hz) > RATE_TOLERANCE * rate_hz:
        raise InputError(
            f"{bag}: {topic}: found {found_hz:.3g} messages per second for ticks, allowed is the contract's rate_hz, "
            f"{rate_hz:g}, or near it."
        )
    return told.instants


def _row(robot: NativeRobotSeries, ticks: Sequence[StampPair], tick: int) -> dict[str, Any]:
    """Values of all columns that the robot alone tells."""
    instant, after = ticks[tick], ticks[tick + 1] if tick + 1 < len(ticks) else None
    action, violated = robot.action(tick, instant), robot.violated(instant)
    succeeded = after is not None and robot.successes(after) > robot.successes(instant)
    nothing_A = np.full(robot.contract.action_dim, np.nan)
    return {
        "ticks": tick,
        "stamps_ns": instant.header_ns,
        "states": robot.state(instant),
        "kinds": action.kind,
        "sources": action.source,
        "shown": action.shows,
        "actions": action.values or nothing_A,
        "proposals": nothing_A,
        "versions": 0,
        "supervisors": 0 if action.source is ActionSource.HUMAN else -1,
        "uncertainties": np.nan,
        "thresholds": np.nan,
        "violated": violated,
        "rewards": float(succeeded) if after else np.nan,
        "succeeded": succeeded,
        "broken": after is not None and robot.violated(after) and not violated,
    }


def _images(bag: Path, contract: RobotContract, shown: Shown) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    camera, heard = contract.require_camera(), Counter[str]()
    with opened(bag) as reader:
        for topic, message in messages(reader, bag, shown):
            rows = shown[topic].get(heard[topic], ())
            heard[topic] += 1
            if rows:
                with named(bag, topic):
                    image = picture_of(message, width=camera.width, height=camera.height, encoding=camera.encoding)
                for row in rows:
                    yield row, image

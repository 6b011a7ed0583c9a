"""What humans showed in runs: training data from bags, by the code that reads them live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from fleet_contract.action import action_of
from fleet_contract.door import BadInput, validated
from fleet_contract.fleet import Fleet
from fleet_contract.observation import image_of, state_of
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.stamps import StampJoin
from iifl_policy.dataset import Dataset, empty
from iifl_policy.human_pairs import HumanPairs


def shown_in(runs: Iterable[Path], contract: RobotContract, stream: Stream) -> Dataset:
    """The pairs of all ticks and robots that humans drove in these runs' folders: by run, tick and robot.

    Raises:
        BadInput: a folder holds no bag of a run with robots of this contract.
    """
    pairs = empty(contract.observed_shape(stream), contract.action_dim)
    for run in runs:
        pairs += _shown(run / "bag", contract, stream)
    return pairs


def _shown(bag: Path, contract: RobotContract, stream: Stream) -> Dataset:
    said = _said_of(bag)
    contract.require_same(said["contract_digest"], owner=str(bag))
    robots = validated(yaml.safe_load(said["fleet"]), Fleet, source=f"{bag} (fleet)").robot_names
    pairs = HumanPairs(len(robots), contract.observed_shape(stream), contract.action_dim)
    ticks = 0
    with AnyReader([bag]) as reader:
        for robot, name in enumerate(robots):
            images = StampJoin[NDArray[np.uint8]]()
            for topic, message in _messages(reader, name, contract, stream):
                if topic == contract.action.topic:
                    pairs.add_action(robot, action_of(message))
                elif stream == "state":
                    pairs.add_observation(message.tick, robot, state_of(message, contract))
                else:
                    stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
                    ticked = topic == contract.observation.state.topic
                    joined = (
                        images.add_tick(stamp, message.tick)
                        if ticked
                        else images.add_sample(stamp, image_of(message, contract).copy())
                    )
                    if joined:
                        pairs.add_observation(joined[0], robot, joined[1])
                ticks = max(ticks, getattr(message, "tick", 0) + 1)
    return pairs.between(0, ticks)


def _messages(reader: AnyReader, robot: str, contract: RobotContract, stream: Stream) -> Iterable[tuple[str, Any]]:
    topics = {contract.action.topic, contract.observation.state.topic}
    topics |= {contract.camera.topic} if stream == "camera" else set()
    absolute = {f"/{robot}/{topic}": topic for topic in topics}
    connections = [connection for connection in reader.connections if connection.topic in absolute]
    for connection, _, raw in reader.messages(connections):
        yield absolute[connection.topic], reader.deserialize(raw, connection.msgtype)


def _said_of(bag: Path) -> Mapping[str, str]:
    """What the recorder wrote about the run."""
    try:
        content = yaml.safe_load((bag / "metadata.yaml").read_text(encoding="utf-8"))
        said = content["rosbag2_bagfile_information"]["custom_data"]
        return {key: said[key] for key in ("fleet", "contract_digest")}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise BadInput(f"{bag}: found no bag of a run, allowed is the folder of a run that was recorded.") from None

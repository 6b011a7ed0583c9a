"""Writes bags with known messages, and reads bags with two readers that are independent of the writer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader

from fleet_bags.bag import files_of
from fleet_bags.bag_metadata import Topic, reliable_qos
from fleet_bags.bag_writer import BagWriter
from fleet_common.message_definitions import typestore_for
from fleet_contract.fleet import RecordingConfig

KIND = "std_msgs/msg/String"
STORE = typestore_for({KIND})
TOPICS = [
    Topic(name, KIND, STORE.generate_msgdef(KIND, ros_version=2)[0], STORE.hash_rihs01(KIND), reliable_qos(100))
    for name in ("/robot_01/status", "/robot_02/status", "/fleet/leases")
]
CUSTOM_DATA = {"fleet": "fleet: known\n", "contract": "{}", "contract_digest": "0123", "seed": "7"}
BEGIN_NS = 1_800_000_000 * 10**9
Messages = dict[str, list[tuple[int, str]]]
"""Receive time in ns and text of the messages, by topic."""


@dataclass
class Feed:
    """Feeds a bag, and remembers its messages and the sizes of its files over time."""

    folder: Path
    limits: RecordingConfig = field(default_factory=RecordingConfig)
    now_s: float = 0.0
    written: list[tuple[float, str, int, str]] = field(default_factory=list)
    """Time in s, topic, receive time in ns, text."""
    sizes: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = BagWriter(self.folder, TOPICS, CUSTOM_DATA, self.limits, now_s=self.now_s)

    def write(self, topic: str, text: str) -> None:
        received_ns = BEGIN_NS + int(self.now_s * 1e9)
        data = bytes(STORE.serialize_cdr(STORE.types[KIND](data=text), KIND))
        self.writer.write(topic, data, received_ns=received_ns, published_ns=received_ns - 1000)
        self.written.append((self.now_s, topic, received_ns, text))

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of a recorder."""
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s = min(until, self.now_s + 0.05)
            self.writer.advance(self.now_s)
            self.sizes.append((self.now_s, {path.name: path.stat().st_size for path in files_of(self.folder)}))

    def close(self) -> None:
        self.writer.close()
        self.sizes.append((self.now_s, {path.name: path.stat().st_size for path in files_of(self.folder)}))

    def messages(self, until_s: float = float("inf")) -> Messages:
        """Return the messages that were written until then."""
        messages = defaultdict(list)
        for now_s, topic, received_ns, text in self.written:
            if now_s <= until_s:
                messages[topic].append((received_ns, text))
        return dict(messages)


def read_by_rosbags(folder: Path) -> Messages:
    messages = defaultdict(list)
    with AnyReader([folder]) as reader:
        for connection, received_ns, raw in reader.messages():
            messages[connection.topic].append((received_ns, reader.deserialize(raw, connection.msgtype).data))
        assert {c.topic: c.msgcount for c in reader.connections if c.msgcount} == {
            t: len(m) for t, m in messages.items()
        }
    return dict(messages)


def read_by_mcap(folder: Path) -> Messages:
    """Read every file by its index, verify all checksums, and decode messages by the definitions in the file."""
    messages = defaultdict(list)
    for path in files_of(folder):
        with path.open("rb") as file:
            reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
            for _, channel, message, decoded in reader.iter_decoded_messages():
                messages[channel.topic].append((message.log_time, decoded.data))
    return dict(messages)

"""Messages that have arrived together are handled together, and none is lost."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from std_msgs.msg import UInt64

from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_common.subscriptions import PolledGroup, arrived, subscribe, subscribe_polled


@pytest.fixture
def peers(start):
    return start(lambda: rclpy.create_node("subscriber"))


def number_of(message: UInt64) -> int:
    return message.data


def even_number_of(message: UInt64) -> int:
    if message.data % 2:
        raise ValueError(f"data: expected an even number, got {message.data}")
    return message.data


def numbers(count: int) -> list[UInt64]:
    return [UInt64(data=number) for number in range(count)]


@pytest.mark.parametrize(
    ("qos", "count"), [(TRANSIENT_LOCAL_100, 1), (TRANSIENT_LOCAL_100, 100), (TRANSIENT_LOCAL_1000, 700)]
)
def test_messages_that_arrive_together_are_handled_together(peers, qos, count):
    handled = []
    subscribe(peers.node, UInt64, "numbers", number_of, handled.append, qos)
    peers.deliver(peers.rest.create_publisher(UInt64, "numbers", qos), *numbers(count))
    assert not handled
    peers.wait_for(lambda: handled)
    peers.spin(0.2)
    assert handled == [list(range(count))]


def test_the_newest_message_is_handled_if_only_one_is_stored(peers):
    handled = []
    subscribe(peers.node, UInt64, "numbers", number_of, handled.append, TRANSIENT_LOCAL_1)
    peers.deliver(peers.rest.create_publisher(UInt64, "numbers", TRANSIENT_LOCAL_100), *numbers(50))
    peers.wait_for(lambda: handled)
    peers.spin(0.2)
    assert handled == [[49]]


def test_unreadable_messages_are_logged_and_dropped(peers, capfd):
    handled = []
    subscribe(peers.node, UInt64, "numbers", even_number_of, handled.append, TRANSIENT_LOCAL_100)
    publisher = peers.rest.create_publisher(UInt64, "numbers", TRANSIENT_LOCAL_100)
    peers.deliver(publisher, UInt64(data=7))
    peers.spin(0.2)
    assert handled == [], "nothing could be read"
    peers.deliver(publisher, *numbers(6))
    peers.wait_for(lambda: handled)
    assert handled == [[0, 2, 4]]
    logged = capfd.readouterr().err
    assert [number for number in range(10) if f"numbers: data: expected an even number, got {number}\n" in logged] == [
        1,
        3,
        5,
        7,
    ]


def test_nothing_is_lost_while_messages_keep_arriving(peers):
    """The publisher stores 1000 messages, and is never further ahead than 700."""
    handled, sizes, count = [], [], 5000

    def handle(batch: list[int]) -> None:
        handled.extend(batch)
        sizes.append(len(batch))

    subscribe(peers.node, UInt64, "numbers", number_of, handle, TRANSIENT_LOCAL_1000)
    publisher = peers.rest.create_publisher(UInt64, "numbers", TRANSIENT_LOCAL_1000)
    ended = threading.Event()

    def publish() -> None:
        for message in numbers(count):
            while message.data - len(handled) > 700 and not ended.is_set():
                time.sleep(0.001)
            publisher.publish(message)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        peers.wait_for(lambda: len(handled) >= count)
    finally:
        ended.set()
        thread.join()
    assert handled == list(range(count))
    assert len(sizes) < count


def test_polled_messages_are_taken_by_their_node_alone(peers):
    subscription = subscribe_polled(peers.node, UInt64, "numbers", TRANSIENT_LOCAL_10, PolledGroup())
    before_ns = time.time_ns()
    peers.deliver(peers.rest.create_publisher(UInt64, "numbers", TRANSIENT_LOCAL_100), *numbers(30))
    peers.spin(0.2)
    taken = list(arrived(subscription))
    assert [message.data for message, _ in taken] == list(range(20, 30)), "the last messages that the queue holds"
    stamps = [info["source_timestamp"] for _, info in taken]
    assert stamps == sorted(stamps)
    assert before_ns <= stamps[0] <= stamps[-1] <= time.time_ns()
    assert list(arrived(subscription)) == []

"""Takes the messages that have arrived at a subscription, with as few wake-ups of the executor as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

Read = TypeVar("Read")


class PolledGroup(CallbackGroup):
    """A callback group whose subscriptions the executor never waits for: its node takes their messages itself.

    Waiting for hundreds of subscriptions takes ten times as much processor time as polling them.
    """

    def can_execute(self, entity: object) -> bool:  # noqa: ARG002
        """Return False: the executor never takes a message."""
        return False

    def beginning_execution(self, entity: object) -> bool:  # noqa: ARG002
        """Return False: the executor never takes a message."""
        return False

    def ending_execution(self, entity: object) -> None:
        """Do nothing."""


def subscribe_polled(
    node: Node, kind: type, topic: str, qos: QoSProfile, group: PolledGroup, *, raw: bool = False
) -> Subscription[Any]:
    """Subscribe to a topic whose messages the node takes itself, with `arrived`.

    Args:
        node: node that subscribes.
        kind: message class.
        topic: name of the topic.
        qos: QoS profile; its depth limits how many messages wait.
        group: callback group of the subscription.
        raw: whether messages are taken serialized.
    """
    return node.create_subscription(kind, topic, _never_called, qos, callback_group=group, raw=raw)


def subscribe(
    node: Node,
    kind: type,
    topic: str,
    read: Callable[[Any], Read],
    handle: Callable[[list[Read]], None],
    qos: QoSProfile,
) -> Subscription[Any]:
    """Subscribe to a topic; messages that have arrived together are handled together.

    Args:
        node: node that subscribes.
        kind: message class.
        topic: name of the topic.
        read: converts a message; one for which it raises ValueError is logged and dropped.
        handle: called with everything that could be read, in order of arrival; not called if there is nothing.
        qos: QoS profile.
    """

    def on_message(first: Any) -> None:
        readable = []
        for message in (first, *(message for message, _ in arrived(subscription))):
            try:
                readable.append(read(message))
            except ValueError as error:
                node.get_logger().error(f"{topic}: {error}")
        if readable:
            handle(readable)

    subscription: Subscription[Any] = node.create_subscription(kind, topic, on_message, qos)
    return subscription


def arrived(subscription: Subscription[Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield the messages of a subscription and their timestamps, at most as many as its queue can hold."""
    handle: Any = subscription.handle
    with handle:
        taken = iter(lambda: handle.take_message(subscription.msg_type, subscription.raw), None)
        yield from islice(taken, subscription.qos_profile.depth)


def _never_called(_: Any) -> None:
    """Do nothing: the node takes the messages itself."""

"""QoS profiles of the fleet's topics, named by their policies."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy


def _transient_local(depth: int) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def liveliness(lease_s: float) -> QoSProfile:
    """Return the profile of the gate's emergency stop, without which robots must not move.

    Both sides notice when the other's process hangs or has ended.

    Args:
        lease_s: time after which they notice, s.
    """
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(seconds=lease_s),
    )


TRANSIENT_LOCAL_1 = _transient_local(1)
"""For subscribers that act on the latest message."""
TRANSIENT_LOCAL_10 = _transient_local(10)
"""For publishers of large messages, such as camera images, and of diagnostics."""
TRANSIENT_LOCAL_100 = _transient_local(100)
"""For publishers of one small message per tick: a subscriber that starts late or restarts receives the last ones."""
TRANSIENT_LOCAL_1000 = _transient_local(1000)
"""For subscribers that must not miss a message."""
BEST_EFFORT_1 = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""For video that people watch: only the latest image matters."""

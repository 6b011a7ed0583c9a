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


TRANSIENT_LOCAL_1 = _transient_local(1)
"""For subscribers that act on the latest message."""
TRANSIENT_LOCAL_10 = _transient_local(10)
"""For publishers of large messages, such as camera images, and of diagnostics."""
TRANSIENT_LOCAL_100 = _transient_local(100)
"""For publishers of one small message per tick: a subscriber that starts late or restarts receives the last ones."""
TRANSIENT_LOCAL_1000 = _transient_local(1000)
"""For subscribers that must not miss a message."""
LIVELINESS = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=Duration(seconds=0.2),
)
"""For the emergency stop: drivers and gate notice within the lease duration when the other's process hangs or exits."""
BEST_EFFORT_1 = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""For video that people watch: only the latest image matters."""

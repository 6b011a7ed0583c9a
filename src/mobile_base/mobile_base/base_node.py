"""One mobile base on its own topics. Start it in its namespace: `--ros-args -r __ns:=/robot_01`."""

from __future__ import annotations

import time
from array import array

import cv2
import numpy as np
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import Bool, Empty, Float64MultiArray

from mobile_base.arena import Arena
from mobile_base.picture import picture

STEP_S = 0.02
SENSE_S = 0.04
SEE_S = 0.08
WATCHDOG_S = 0.5
"""Without a command for so long the base stops by itself."""
CELEBRATE_S = 0.2
"""How long the base says that it is at the beacon, before it looks for another."""


class BaseNode(Node):
    """Drives as `cmd_vel` says, and tells what it senses."""

    def __init__(self) -> None:
        super().__init__("base")
        self._arena = Arena(self.declare_parameter("seed", 0).value)
        self._twist = Twist()
        self._heard_s = self._stepped_s = time.monotonic()
        self._found_s = 0.0
        self.create_subscription(Twist, "cmd_vel", self._on_twist, 1)
        self.create_subscription(Empty, "put_back", self._on_put_back, 1)
        self._beacon = self.create_publisher(Float64MultiArray, "beacon", qos_profile_sensor_data)
        self._sonar = self.create_publisher(Float64MultiArray, "sonar", qos_profile_sensor_data)
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._velocity = self.create_publisher(TwistStamped, "velocity", 10)
        self._at_beacon = self.create_publisher(Bool, "at_beacon", 10)
        self._bumper = self.create_publisher(Bool, "bumper", 10)
        self._camera = self.create_publisher(CompressedImage, "camera/color/compressed", qos_profile_sensor_data)
        self.create_timer(STEP_S, self._step)
        self.create_timer(SENSE_S, self._sense)
        self.create_timer(SEE_S, self._see)

    def _on_twist(self, message: Twist) -> None:
        self._twist, self._heard_s = message, time.monotonic()

    def _on_put_back(self, _: Empty) -> None:
        self._twist = Twist()
        self._arena.put_back()

    def _step(self) -> None:
        now_s = time.monotonic()
        if now_s - self._heard_s > WATCHDOG_S:
            self._twist = Twist()
        self._arena.drive(self._twist.linear.x, self._twist.angular.z, now_s - self._stepped_s)
        self._stepped_s = now_s
        if self._arena.at_beacon:
            self._found_s = self._found_s or now_s
            if now_s - self._found_s > CELEBRATE_S:
                self._found_s = 0.0
                self._arena.light_another()

    def _sense(self) -> None:
        arena, stamp = self._arena, self.get_clock().now().to_msg()
        self._beacon.publish(Float64MultiArray(data=(arena.seen_beacon_2 * 1000).tolist()))
        self._sonar.publish(Float64MultiArray(data=(arena.ranges * 100).tolist()))
        joints = JointState(name=["wheel_left", "wheel_right"], position=arena.wheels_rad.tolist())
        velocity = TwistStamped(twist=Twist() if arena.bumped else self._twist)
        joints.header.stamp = velocity.header.stamp = stamp
        self._joints.publish(joints)
        self._velocity.publish(velocity)
        self._at_beacon.publish(Bool(data=arena.at_beacon))
        self._bumper.publish(Bool(data=arena.bumped))

    def _see(self) -> None:
        _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(picture(self._arena)[..., ::-1]))
        message = CompressedImage(format="jpeg", data=array("B", jpeg.tobytes()))
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), "camera_optical_frame"
        self._camera.publish(message)


def main() -> None:
    """Run the base until it is stopped."""
    rclpy.init()
    node = BaseNode()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()

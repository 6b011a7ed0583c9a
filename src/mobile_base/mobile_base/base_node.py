"""The node of one simulated mobile base. Start it in a namespace: `--ros-args -r __ns:=/robot_01`."""

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
from mobile_base.camera import image

STEP_S = 0.02
"""Period of the simulation."""
SENSE_S = 0.04
"""Period of the sensors."""
CAMERA_S = 0.08
"""Period of the camera."""
WATCHDOG_S = 0.5
"""Time without a command after which the base stops by itself."""
BEACON_S = 0.2
"""Time for which the base reports that it is at the beacon, before another one is lit."""


class BaseNode(Node):
    """Follows `cmd_vel`, and publishes its sensors, camera, bumper and whether it is at the beacon."""

    def __init__(self) -> None:
        super().__init__("base")
        self._arena = Arena(self.declare_parameter("seed", 0).value)
        self._twist = Twist()
        self._received_s = self._stepped_s = time.monotonic()
        self._reached_s = 0.0
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
        self.create_timer(SENSE_S, self._publish_sensors)
        self.create_timer(CAMERA_S, self._publish_image)

    def _on_twist(self, message: Twist) -> None:
        self._twist, self._received_s = message, time.monotonic()

    def _on_put_back(self, _: Empty) -> None:
        self._twist = Twist()
        self._arena.put_back()

    def _step(self) -> None:
        now_s = time.monotonic()
        if now_s - self._received_s > WATCHDOG_S:
            self._twist = Twist()
        self._arena.drive(self._twist.linear.x, self._twist.angular.z, now_s - self._stepped_s)
        self._stepped_s = now_s
        if self._arena.at_beacon:
            self._reached_s = self._reached_s or now_s
            if now_s - self._reached_s > BEACON_S:
                self._reached_s = 0.0
                self._arena.light_beacon()

    def _publish_sensors(self) -> None:
        arena, stamp = self._arena, self.get_clock().now().to_msg()
        self._beacon.publish(Float64MultiArray(data=(arena.beacon_in_base_2 * 1000).tolist()))
        self._sonar.publish(Float64MultiArray(data=(arena.ranges * 100).tolist()))
        joints = JointState(name=["wheel_left", "wheel_right"], position=arena.wheels_rad.tolist())
        velocity = TwistStamped(twist=Twist() if arena.bumped else self._twist)
        joints.header.stamp = velocity.header.stamp = stamp
        self._joints.publish(joints)
        self._velocity.publish(velocity)
        self._at_beacon.publish(Bool(data=arena.at_beacon))
        self._bumper.publish(Bool(data=arena.bumped))

    def _publish_image(self) -> None:
        _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(image(self._arena)[..., ::-1]))
        message = CompressedImage(format="jpeg", data=array("B", jpeg.tobytes()))
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), "camera_optical_frame"
        self._camera.publish(message)


def main() -> None:
    """Run the node."""
    rclpy.init()
    node = BaseNode()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()

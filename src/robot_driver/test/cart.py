"""A simulated robot with its own topics: a cart on a rail, in millimetres, with a camera that sees a lamp."""

from __future__ import annotations

import time
from array import array

import cv2
import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import Bool, Empty, Float64MultiArray

PERIOD_S = 0.02
SENSED = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
GOAL_MM, WALL_MM = 300.0, 400.0

CONTRACT = {
    "robot": "cart",
    "rate_hz": 10.0,
    "observation": {
        "state": {
            "topic": "observation",
            "type": "fleet_interfaces/msg/Observation",
            "field": "values",
            "quantities": [
                {"name": "place", "unit": "m", "low": -1.0, "high": 1.0},
                {"name": "wheel", "unit": "rad", "low": -10.0, "high": 10.0},
            ],
            "align": {"rule": "tick"},
        },
        "camera": {
            "topic": "camera/image_raw",
            "type": "sensor_msgs/msg/Image",
            "width": 16,
            "height": 12,
            "encoding": "rgb8",
            "align": {"rule": "tick"},
        },
    },
    "action": {
        "topic": "action",
        "type": "fleet_interfaces/msg/RobotAction",
        "field": "values",
        "meaning": "twist",
        "quantities": [
            {"name": "speed", "unit": "m/s", "low": -0.5, "high": 0.5},
            {"name": "turn", "unit": "rad/s", "low": -1.0, "high": 1.0},
        ],
        "hold": "stay",
    },
    "violation": {"topic": "status", "type": "fleet_interfaces/msg/RobotStatus", "field": "violated"},
    "success": {"topic": "status", "type": "fleet_interfaces/msg/RobotStatus", "field": "succeeded"},
    "operation": {
        "video": {
            "topic": "video/compressed",
            "type": "sensor_msgs/msg/CompressedImage",
            "width": 32,
            "height": 24,
            "rate_hz": 10.0,
        }
    },
    "native": {
        "state": [
            {
                "topic": "odometer",
                "type": "std_msgs/msg/Float64MultiArray",
                "align": {"rule": "gap", "timeline": "receive", "tolerance_s": 0.3},
                "quantities": {"place": {"field": "data[1]", "unit": "mm"}},
            },
            {
                "topic": "joint_states",
                "type": "sensor_msgs/msg/JointState",
                "align": {"rule": "nearest", "timeline": "header", "tolerance_s": 0.3},
                "quantities": {"wheel": {"field": "position[wheel]", "unit": "deg"}},
            },
        ],
        "camera": {
            "topic": "front/compressed",
            "type": "sensor_msgs/msg/CompressedImage",
            "align": {"rule": "gap", "timeline": "header", "tolerance_s": 0.3},
        },
        "action": {
            "topic": "cmd_vel",
            "type": "geometry_msgs/msg/TwistStamped",
            "quantities": {
                "speed": {"field": "twist.linear.x", "unit": "mm/s"},
                "turn": {"field": "twist.angular.z", "unit": "deg/s"},
            },
            "rate_hz": 20.0,
            "stops_within_s": 0.05,
        },
        "success": {"topic": "at_goal", "type": "std_msgs/msg/Bool", "align": {"rule": "hold", "timeline": "receive"}},
        "violation": {"topic": "bumper", "type": "std_msgs/msg/Bool", "align": {"rule": "hold", "timeline": "receive"}},
        "hard_reset": {"topic": "put_back", "type": "std_msgs/msg/Empty"},
    },
}


class Cart(Node):
    """Follows its last command without a timeout. The bumper stays pressed until the cart is put back."""

    radius_mm = 50.0

    def __init__(self, name):
        super().__init__("cart", namespace=name)
        self.publishes = True
        self.place_mm = self._speed_mm_per_s = self._wheel_deg = 0.0
        self.commands = []
        self._then_s = time.monotonic()
        self.create_subscription(TwistStamped, "cmd_vel", self._on_command, 1)
        self.create_subscription(Empty, "put_back", self._on_put_back, 1)
        self._odometer = self.create_publisher(Float64MultiArray, "odometer", 1)
        self._joints = self.create_publisher(JointState, "joint_states", SENSED)
        self._camera = self.create_publisher(CompressedImage, "front/compressed", SENSED)
        self._at_goal = self.create_publisher(Bool, "at_goal", 1)
        self._bumper = self.create_publisher(Bool, "bumper", 1)
        self.create_timer(PERIOD_S, self._step)

    @property
    def bumped(self):
        return abs(self.place_mm) >= WALL_MM

    def _on_command(self, message):
        self._speed_mm_per_s = message.twist.linear.x
        self.commands.append((time.monotonic(), message))

    def _on_put_back(self, _):
        self.place_mm = self._speed_mm_per_s = 0.0

    def _step(self):
        now_s = time.monotonic()
        if not self.bumped:
            path_mm = self._speed_mm_per_s * (now_s - self._then_s)
            self.place_mm = float(np.clip(self.place_mm + path_mm, -WALL_MM, WALL_MM))
            self._wheel_deg += np.degrees(path_mm / self.radius_mm)
        self._then_s = now_s
        if not self.publishes:
            return
        self._odometer.publish(Float64MultiArray(data=[0.0, self.place_mm]))
        joints = JointState(name=["lid", "wheel"], position=[0.0, float(self._wheel_deg)])
        joints.header.stamp = self.get_clock().now().to_msg()
        self._joints.publish(joints)
        picture = np.zeros((24, 32, 3), np.uint8)
        picture[:, :16] = (0, 0, 200)  # blue, green, red: the lamp
        image = CompressedImage(format="png", data=array("B", cv2.imencode(".png", picture)[1].tobytes()))
        image.header.stamp = joints.header.stamp
        self._camera.publish(image)
        self._at_goal.publish(Bool(data=self.place_mm >= GOAL_MM))
        self._bumper.publish(Bool(data=self.bumped))

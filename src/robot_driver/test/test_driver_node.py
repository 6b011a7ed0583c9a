"""The node that serves any driver: what it lets robots do, and when not."""

import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import Observation, RobotAction, RobotStatus
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from fleet_common.qos import LIVELINESS, TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_100, TRANSIENT_LOCAL_1000
from fleet_contract.action import ActionKind
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from robot_driver.driver_node import DriverNode
from robot_driver.frames import frames
from robot_driver.template import NOT_READMITTED, Point, PointDriver

CONFIG = Path(__file__).parents[3] / "launch/config"
CONTRACT = read_yaml(CONFIG / "robots/pointbot.yaml", RobotContract)
NAMES = ("robot_01", "robot_02")
PATIENCE_S = 10.0


class Around:
    """Gate and fleet, as far as the node hears of them."""

    def __init__(self, folder):
        self.points = [Point(np.array([5.0, 5.0 + robot])) for robot in range(2)]
        self.node = DriverNode("driver")
        self.node.serve(PointDriver(CONTRACT, self.points))
        self.fleet = rclpy.create_node("fleet")
        self.stopped = self.fleet.create_publisher(Bool, "fleet/emergency_stopped", LIVELINESS)
        self.actions = [
            self.fleet.create_publisher(RobotAction, f"{name}/action", TRANSIENT_LOCAL_100) for name in NAMES
        ]
        self.statuses, self.seen, self.diagnosed = {name: [] for name in NAMES}, {name: [] for name in NAMES}, []
        for name in NAMES:
            self.fleet.create_subscription(
                RobotStatus, f"{name}/status", self.statuses[name].append, TRANSIENT_LOCAL_1000
            )
            self.fleet.create_subscription(
                Observation, f"{name}/observation", self.seen[name].append, TRANSIENT_LOCAL_1000
            )
        self.fleet.create_subscription(DiagnosticArray, "/diagnostics", self.diagnosed.append, TRANSIENT_LOCAL_1000)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.fleet)

    def close(self):
        self.executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self.fleet.destroy_node()

    def wait_for(self, condition):
        until_s = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < until_s, "in vain"
            self.executor.spin_once(timeout_sec=0.02)
        return found

    def at_tick(self, tick):
        self.wait_for(lambda: all(of and of[-1].tick == tick for of in self.statuses.values()))

    def tell(self, robot, tick, kind=ActionKind.MOVE):
        values = [0.5, 0.5] if kind is ActionKind.MOVE else []
        self.actions[robot].publish(RobotAction(tick=tick, kind=int(kind), values=values))

    def say_stopped(self, latched):
        self.stopped.publish(Bool(data=latched))
        self.wait_for(lambda: self.node._stopped is latched)

    def readmit(self, name):
        client = self.fleet.create_client(Trigger, f"{name}/readmit")
        self.wait_for(client.service_is_ready)
        answer = client.call_async(Trigger.Request())
        self.wait_for(answer.done)
        return answer.result()

    @property
    def places(self):
        return np.array([point.position_2 for point in self.points])


@pytest.fixture
def around(tmp_path):
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"] = {"contract": str(CONFIG / "robots/pointbot.yaml"), "count": 2}
    tree["environment"] = {"backend": "numpy", "task": "navigation"}
    tree["supervisors"] = {"count": 1, "styles": ["up"]}
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    around = Around(tmp_path)
    yield around
    around.close()
    rclpy.shutdown()


def test_robots_act_together_when_all_have_been_told(around):
    around.at_tick(0)
    start = around.places
    around.tell(0, 0)
    around.wait_for(lambda: around.node._heard == {0})
    np.testing.assert_array_equal(around.places, start)
    around.tell(1, 0, ActionKind.HOLD)
    around.at_tick(1)
    np.testing.assert_allclose(around.places - start, [[0.5, 0.5], [0.0, 0.0]])
    assert around.seen["robot_01"][-1].values.tolist() == around.places[0].tolist()


@pytest.mark.parametrize("stale", [False, True])
def test_what_was_told_before_an_emergency_stop_is_not_done_after_it(around, stale):
    around.at_tick(0)
    start = around.places
    if not stale:
        around.tell(0, 0)
        around.wait_for(lambda: around.node._heard == {0})
    around.say_stopped(True)
    if stale:
        around.tell(0, 0)
    around.tell(1, 0, ActionKind.HOLD)
    around.at_tick(1)
    np.testing.assert_array_equal(around.places, start)
    around.say_stopped(False)
    around.tell(0, 1)
    around.tell(1, 1)
    around.at_tick(2)
    np.testing.assert_allclose(around.places - start, 0.5)


def test_a_lost_robot_is_told_of_and_the_other_goes_on(around):
    around.at_tick(0)
    around.points[1].answers = False
    around.wait_for(lambda: around.statuses["robot_02"][-1].unreachable)
    around.wait_for(lambda: any(status.level == DiagnosticStatus.ERROR for status in around.diagnosed[-1].status))
    (status,) = (status for status in around.diagnosed[-1].status if status.level == DiagnosticStatus.ERROR)
    assert (status.name, status.hardware_id) == ("driver: robot_02 presence", "robot_02")
    assert status.message == around.statuses["robot_02"][-1].unreachable
    start, observed = around.places, len(around.seen["robot_02"])
    around.tell(0, 0)
    around.tell(1, 0, ActionKind.HOLD)
    around.at_tick(1)
    assert around.places[0, 0] != start[0, 0]
    assert len(around.seen["robot_02"]) == observed, "nothing is seen of a robot that is not there"


def test_a_robot_that_comes_back_does_not_do_what_it_was_told_before(around):
    around.at_tick(0)
    start = around.places
    around.tell(1, 0)
    around.wait_for(lambda: around.node._heard == {1})
    around.points[1].answers = False
    around.wait_for(lambda: around.statuses["robot_02"][-1].unreachable)
    around.points[1].answers = True
    around.wait_for(lambda: around.statuses["robot_02"][-1].unreachable == NOT_READMITTED)
    assert around.readmit("robot_02").success
    around.wait_for(lambda: not around.statuses["robot_02"][-1].unreachable)
    around.wait_for(lambda: {status.level for status in around.diagnosed[-1].status} == {DiagnosticStatus.OK})
    around.tell(0, 0)
    around.at_tick(1)
    np.testing.assert_allclose(around.places - start, [[0.5, 0.5], [0.0, 0.0]])


def test_nobody_comes_back_while_the_fleet_is_stopped(around):
    around.at_tick(0)
    around.points[1].answers = False
    around.wait_for(lambda: around.statuses["robot_02"][-1].unreachable)
    around.points[1].answers = True
    around.say_stopped(True)
    answer = around.readmit("robot_02")
    assert (answer.success, answer.message) == (False, "emergency stop")
    around.say_stopped(False)
    assert around.readmit("robot_02").success


def test_an_action_of_no_known_kind_is_holding(around):
    around.at_tick(0)
    start = around.places
    around.actions[0].publish(RobotAction(tick=0, kind=200, values=[0.5, 0.5]))
    around.tell(1, 0, ActionKind.HOLD)
    around.at_tick(1)
    np.testing.assert_array_equal(around.places, start)


def test_who_comes_late_hears_where_the_robots_are(around):
    around.at_tick(0)
    heard = []
    around.fleet.create_subscription(TFMessage, "/tf_static", heard.append, TRANSIENT_LOCAL_1)
    around.wait_for(lambda: heard)
    found = {at.child_frame_id: (at.header.frame_id, at.transform) for at in heard[0].transforms}
    assert found.keys() == {"robot_01/base_link", "robot_02/base_link"}
    for frame in frames(NAMES, NAMES, CONTRACT, None):
        parent, transform = found[frame.name]
        at, turn = transform.translation, transform.rotation
        assert (parent, (at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w)) == (
            frame.parent,
            frame.position,
            frame.quaternion,
        )

"""The node that serves a driver: when robots move and when they must not."""

import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import Observation, RobotStatus
from fleet_topics import ActionPublisher, RobotRow, subscribe_to_rows
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from fleet_common.qos import TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_1000, liveliness
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


class FleetAround:
    """The gate and the other nodes that the driver node communicates with."""

    def __init__(self, folder):
        self.points = [Point(np.array([5.0, 5.0 + robot])) for robot in range(2)]
        self.node = DriverNode("driver")
        self.node.serve(PointDriver(CONTRACT, self.points))
        self.peer = rclpy.create_node("fleet")
        self.stopped = self.peer.create_publisher(Bool, "fleet/emergency_stopped", liveliness(0.2))
        self.actions = ActionPublisher(self.peer)
        self.statuses: dict[str, list[RobotRow]] = {name: [] for name in NAMES}
        self.observations: dict[str, list[RobotRow]] = {name: [] for name in NAMES}
        self.diagnostics = []
        subscribe_to_rows(self.peer, self.add)
        self.peer.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, TRANSIENT_LOCAL_1000)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.peer)

    def add(self, row):
        self.statuses[row.robot].append(row)
        if row.observed:
            self.observations[row.robot].append(row)

    def close(self):
        self.executor.shutdown()
        self.node.close()
        self.node.destroy_node()
        self.peer.destroy_node()

    def wait_for(self, condition):
        until_s = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < until_s, "timeout"
            self.executor.spin_once(timeout_sec=0.02)
        return found

    def at_tick(self, tick):
        self.wait_for(lambda: all(of and of[-1].tick == tick for of in self.statuses.values()))

    def publish_action(self, robot, tick, kind=ActionKind.MOVE):
        self.actions.publish(tick, {NAMES[robot]: [0.5, 0.5] if kind is ActionKind.MOVE else []})

    def publish_stopped(self, latched):
        self.stopped.publish(Bool(data=latched))
        self.wait_for(lambda: self.node._stopped is latched)

    def readmit(self, name):
        client = self.peer.create_client(Trigger, f"{name}/readmit")
        self.wait_for(client.service_is_ready)
        answer = client.call_async(Trigger.Request())
        self.wait_for(answer.done)
        return answer.result()

    @property
    def places(self):
        return np.array([point.position_2 for point in self.points])


@pytest.fixture
def fleet(tmp_path):
    tree = read_fleet(CONFIG / "block_push.yaml").model_dump(mode="json")
    tree["robots"] = {"contract": str(CONFIG / "robots/pointbot.yaml"), "count": 2}
    tree["environment"] = {"backend": "numpy", "task": "navigation"}
    tree["supervisors"] = {"count": 1, "styles": ["up"]}
    Fleet.model_validate(tree).write(tmp_path / "fleet.yaml")
    rclpy.init(args=["--ros-args", "-p", f"run_dir:={tmp_path}"])
    fleet = FleetAround(tmp_path)
    yield fleet
    fleet.close()
    rclpy.shutdown()


def test_robots_act_together_when_all_actions_have_arrived(fleet):
    fleet.at_tick(0)
    start = fleet.places
    fleet.publish_action(0, 0)
    fleet.wait_for(lambda: fleet.node._received == {0})
    np.testing.assert_array_equal(fleet.places, start)
    fleet.publish_action(1, 0, ActionKind.HOLD)
    fleet.at_tick(1)
    np.testing.assert_allclose(fleet.places - start, [[0.5, 0.5], [0.0, 0.0]])
    assert fleet.observations["robot_01"][-1].values == fleet.places[0].tolist()


@pytest.mark.parametrize("stale", [False, True])
def test_actions_from_before_an_emergency_stop_are_dropped(fleet, stale):
    fleet.at_tick(0)
    start = fleet.places
    if not stale:
        fleet.publish_action(0, 0)
        fleet.wait_for(lambda: fleet.node._received == {0})
    fleet.publish_stopped(True)
    if stale:
        fleet.publish_action(0, 0)
    fleet.publish_action(1, 0, ActionKind.HOLD)
    fleet.at_tick(1)
    np.testing.assert_array_equal(fleet.places, start)
    fleet.publish_stopped(False)
    fleet.publish_action(0, 1)
    fleet.publish_action(1, 1)
    fleet.at_tick(2)
    np.testing.assert_allclose(fleet.places - start, 0.5)


def test_a_lost_robot_is_reported_and_the_other_continues(fleet):
    fleet.at_tick(0)
    fleet.points[1].answers = False
    fleet.wait_for(lambda: fleet.statuses["robot_02"][-1].unreachable)
    fleet.wait_for(lambda: any(status.level == DiagnosticStatus.ERROR for status in fleet.diagnostics[-1].status))
    (status,) = (status for status in fleet.diagnostics[-1].status if status.level == DiagnosticStatus.ERROR)
    assert (status.name, status.hardware_id) == ("driver: robot_02 presence", "robot_02")
    assert status.message == fleet.statuses["robot_02"][-1].unreachable
    start, observed = fleet.places, len(fleet.observations["robot_02"])
    fleet.publish_action(0, 0)
    fleet.publish_action(1, 0, ActionKind.HOLD)
    fleet.at_tick(1)
    assert fleet.places[0, 0] != start[0, 0]
    assert len(fleet.observations["robot_02"]) == observed, "an unreachable robot is not observed"


def test_a_readmitted_robot_drops_its_previous_action(fleet):
    fleet.at_tick(0)
    start = fleet.places
    fleet.publish_action(1, 0)
    fleet.wait_for(lambda: fleet.node._received == {1})
    fleet.points[1].answers = False
    fleet.wait_for(lambda: fleet.statuses["robot_02"][-1].unreachable)
    fleet.points[1].answers = True
    fleet.wait_for(lambda: fleet.statuses["robot_02"][-1].unreachable == NOT_READMITTED)
    assert fleet.readmit("robot_02").success
    fleet.wait_for(lambda: not fleet.statuses["robot_02"][-1].unreachable)
    fleet.wait_for(lambda: {status.level for status in fleet.diagnostics[-1].status} == {DiagnosticStatus.OK})
    fleet.publish_action(0, 0)
    fleet.at_tick(1)
    np.testing.assert_allclose(fleet.places - start, [[0.5, 0.5], [0.0, 0.0]])


def test_no_robot_is_readmitted_during_an_emergency_stop(fleet):
    fleet.at_tick(0)
    fleet.points[1].answers = False
    fleet.wait_for(lambda: fleet.statuses["robot_02"][-1].unreachable)
    fleet.points[1].answers = True
    fleet.publish_stopped(True)
    answer = fleet.readmit("robot_02")
    assert (answer.success, answer.message) == (False, "emergency stop")
    fleet.publish_stopped(False)
    assert fleet.readmit("robot_02").success


@pytest.mark.parametrize(
    "invalid",
    [
        {"actions": {"robot_01": [0.5, 0.5]}, "kind": 200},
        {"actions": {"robot_01": [0.5, 0.5], "robot_03": [0.5, 0.5]}},
        {"actions": {"robot_01": [0.5, 0.5, 0.5]}},
        {"actions": {"robot_01": [0.5, float("nan")]}},
        {"actions": {"robot_01": [1e3, 0.5]}},
    ],
    ids=["unknown kind", "unknown robot", "too many values", "not a number", "outside of the limits"],
)
def test_an_invalid_action_is_a_hold(fleet, invalid):
    fleet.at_tick(0)
    start = fleet.places
    fleet.actions.publish(0, **invalid)
    fleet.publish_action(1, 0, ActionKind.HOLD)
    fleet.at_tick(1)
    np.testing.assert_array_equal(fleet.places, start)


def test_actions_of_all_robots_in_one_message_begin_at_once(fleet):
    fleet.at_tick(0)
    start = fleet.places
    fleet.actions.publish(0, {"robot_02": [0.25, 0.5], "robot_01": []})
    fleet.at_tick(1)
    np.testing.assert_allclose(fleet.places - start, [[0.0, 0.0], [0.25, 0.5]])


def subscribed(fleet, kind, topic):
    """Subscribe to a topic in a robot's namespace, and return its messages, of which one has arrived."""
    received = []
    fleet.peer.create_subscription(kind, topic, received.append, TRANSIENT_LOCAL_1000)
    fleet.wait_for(lambda: received)
    return received


def require_row(row, status=None, observation=None):
    """Compare what the messages of a robot say with its row."""
    for message in filter(None, (status, observation)):
        assert (message.tick, message.episode) == (row.tick, row.episode)
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == row.stamp
        assert message.header.frame_id == f"{row.robot}/base_link"
    if status:
        names = ("violated", "succeeded", "reward", "successes", "hard_resets", "unreachable", "resting")
        assert [getattr(status, name) for name in names] == [getattr(row, name) for name in names]
    if observation:
        assert observation.values.tolist() == row.values


def test_topics_in_the_robots_namespaces_are_the_rows_of_the_states(fleet):
    fleet.at_tick(0)
    statuses = subscribed(fleet, RobotStatus, "robot_02/status")
    observations = subscribed(fleet, Observation, "robot_02/observation")
    for tick in range(3):
        fleet.publish_action(0, tick)
        fleet.publish_action(1, tick)
        fleet.at_tick(tick + 1)
    fleet.wait_for(lambda: statuses[-1].tick == observations[-1].tick == 3)
    rows = fleet.statuses["robot_02"]
    assert [row.tick for row in rows] == [status.tick for status in statuses] == [at.tick for at in observations]
    for row, status, observation in zip(rows, statuses, observations, strict=True):
        require_row(row, status, observation)


def test_late_subscribers_get_the_last_observation_of_an_unreachable_robot(fleet):
    """Not that of a later tick, at which only the other robot was observed."""
    fleet.at_tick(0)
    fleet.publish_action(0, 0)
    fleet.publish_action(1, 0)
    fleet.at_tick(1)
    fleet.points[1].answers = False
    fleet.wait_for(lambda: fleet.statuses["robot_02"][-1].unreachable)
    # Somebody pushes it away.
    fleet.points[1]._start_2 = fleet.points[1]._target_2 = fleet.points[1].position_2 + 3
    fleet.publish_action(0, 1)
    fleet.publish_action(1, 1, ActionKind.HOLD)
    fleet.at_tick(2)
    (observation,) = subscribed(fleet, Observation, "robot_02/observation")
    (status,) = subscribed(fleet, RobotStatus, "robot_02/status")
    assert fleet.observations["robot_02"][-1].tick == 1
    require_row(fleet.observations["robot_02"][-1], observation=observation)
    require_row(fleet.statuses["robot_02"][-1], status=status)


def test_late_subscribers_receive_the_frames_of_the_robots(fleet):
    fleet.at_tick(0)
    received = []
    fleet.peer.create_subscription(TFMessage, "/tf_static", received.append, TRANSIENT_LOCAL_1)
    fleet.wait_for(lambda: received)
    found = {at.child_frame_id: (at.header.frame_id, at.transform) for at in received[0].transforms}
    assert found.keys() == {"robot_01/base_link", "robot_02/base_link"}
    for frame in frames(NAMES, NAMES, CONTRACT, None):
        parent, transform = found[frame.name]
        at, turn = transform.translation, transform.rotation
        assert (parent, (at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w)) == (
            frame.parent,
            frame.position,
            frame.quaternion,
        )

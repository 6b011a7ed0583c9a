"""Checks the Foxglove server with a client that knows only the protocol and the advertised schemas."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fleet_interfaces.msg import Lease, LeaseTable, Signal
from foxglove_client import FoxgloveClient
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from fleet_common.qos import BEST_EFFORT_1, TRANSIENT_LOCAL_1, TRANSIENT_LOCAL_10, TRANSIENT_LOCAL_100
from fleet_contract.images import fill_message
from fleet_contract.validation import InputError
from fleet_views.bridged_topics import bridged_topics
from fleet_views.foxglove_node import FoxgloveNode

IMAGE = "/robot_02/camera/image_raw"
SIGNAL = "/fleet/signals/uncertainty"


@pytest.fixture
def running(started):
    return started(FoxgloveNode, port=0)


@pytest.fixture
def connect(running):
    clients = []

    def make():
        clients.append(FoxgloveClient(running.node.port))
        running.wait_for(
            lambda: len(clients[-1].channels) == len(bridged_topics(running.node.fleet, running.node.robot_contract))
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_every_topic_is_advertised_with_its_type(running, connect):
    channels = connect().channels
    expected = {
        name: topic.type for name, topic in bridged_topics(running.node.fleet, running.node.robot_contract).items()
    }
    assert {topic: channel["schemaName"] for topic, channel in channels.items()} == expected
    assert {"/fleet/leases", "/fleet/markers", "/tf_static", "/diagnostics", IMAGE} <= expected.keys()


def test_messages_arrive_unchanged(running, connect):
    client = connect()
    tables = running.fleet.create_publisher(LeaseTable, "/fleet/leases", TRANSIENT_LOCAL_100)
    markers = running.fleet.create_publisher(MarkerArray, "/fleet/markers", TRANSIENT_LOCAL_1)
    diagnostics = running.fleet.create_publisher(DiagnosticArray, "/diagnostics", TRANSIENT_LOCAL_100)
    client.subscribe("/fleet/leases", "/fleet/markers", "/diagnostics")
    running.wait_for(diagnostics.get_subscription_count)
    lease = Lease(robot="robot_01", supervisor="human_01", token=7, kind=Lease.HARD_RESET, since_tick=40)
    tables.publish(
        LeaseTable(tick=41, signals=["uncertainty"], thresholds=[0.25], leases=[lease], waiting=["robot_02"])
    )
    marker = Marker(ns="driver", id=1000, text="robot_02\nnobody: ä", type=Marker.TEXT_VIEW_FACING)
    marker.pose.position.x, marker.color.r = 0.125, 0.5
    markers.publish(MarkerArray(markers=[marker]))
    status = DiagnosticStatus(level=DiagnosticStatus.WARN, name="bridge: robot_01", message="far away")
    diagnostics.publish(DiagnosticArray(status=[status]))
    running.wait_for(lambda: client.frames.keys() == {"/fleet/leases", "/fleet/markers", "/diagnostics"})

    table, array, report = (_newest(client, topic) for topic in ("/fleet/leases", "/fleet/markers", "/diagnostics"))
    assert (table.tick, table.waiting) == (41, ["robot_02"])
    assert (table.signals, table.thresholds.tolist()) == (["uncertainty"], [0.25])
    (found,) = table.leases
    assert (found.robot, found.supervisor, found.token, found.kind, found.since_tick) == (
        "robot_01",
        "human_01",
        7,
        1,
        40,
    )
    (found,) = array.markers
    assert (found.ns, found.id, found.text, found.type) == ("driver", 1000, "robot_02\nnobody: ä", 9)
    assert (found.pose.position.x, found.color.r) == (0.125, 0.5)
    (found,) = report.status
    assert (found.level, found.name, found.message) == (1, "bridge: robot_01", "far away")


def test_images_are_subscribed_to_only_while_a_client_views_them(running, connect):
    client = connect()
    images = running.fleet.create_publisher(Image, IMAGE, TRANSIENT_LOCAL_10)
    video = running.fleet.create_publisher(CompressedImage, "/robot_01/camera/video/compressed", BEST_EFFORT_1)
    pixels_HWC = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    message = Image(header=Header(frame_id="robot_02/camera_optical_frame"))
    fill_message(message, pixels_HWC, "rgb8")
    images.publish(message)
    assert images.get_subscription_count() == 0
    client.subscribe(IMAGE, "/robot_01/camera/video/compressed")
    running.wait_for(lambda: IMAGE in client.frames)
    seen = client.read(IMAGE, client.frames[IMAGE][0])
    assert (seen.height, seen.width, seen.encoding, seen.step) == (96, 96, "rgb8", 288)
    assert seen.header.frame_id == "robot_02/camera_optical_frame"
    np.testing.assert_array_equal(seen.data.reshape(96, 96, 3), pixels_HWC)
    running.wait_for(video.get_subscription_count)
    video.publish(CompressedImage(format="jpeg", data=b"picture"))
    running.wait_for(lambda: "/robot_01/camera/video/compressed" in client.frames)
    client.unsubscribe(IMAGE)
    running.wait_for(lambda: images.get_subscription_count() == 0)
    assert video.get_subscription_count() == 1
    client.close()
    running.wait_for(lambda: video.get_subscription_count() == 0)


def _newest(client, topic):
    return client.read(topic, client.frames[topic][-1])


def test_late_clients_receive_stored_messages(running, connect):
    signals = running.fleet.create_publisher(Signal, SIGNAL, TRANSIENT_LOCAL_100)
    for tick in range(3):
        signals.publish(Signal(tick=tick, robots=["robot_01"], values=[0.5 * tick], standard_errors=[0.1]))
    frames = [running.fleet.create_publisher(TFMessage, "/tf_static", TRANSIENT_LOCAL_1) for _ in range(3)]
    for number, publisher in enumerate(frames):
        at = Transform(translation=Vector3(x=float(number)))
        publisher.publish(TFMessage(transforms=[TransformStamped(child_frame_id=f"robot_{number}", transform=at)]))
    for _ in range(2):
        client = connect()
        client.subscribe(SIGNAL, "/tf_static")
        running.wait_for(lambda client=client: len(client.frames.get("/tf_static", [])) >= len(frames))
        found = {}
        for frame in client.frames["/tf_static"]:
            for transform in client.read("/tf_static", frame).transforms:
                found[transform.child_frame_id] = transform.transform.translation.x
        assert found == {"robot_0": 0.0, "robot_1": 1.0, "robot_2": 2.0}
        running.wait_for(lambda client=client: len(client.frames.get(SIGNAL, [])) >= 3)
        received = [client.read(SIGNAL, frame) for frame in client.frames[SIGNAL]]
        assert [(signal.tick, signal.values.tolist()) for signal in received] == [
            (0, [0.0]),
            (1, [0.5]),
            (2, [1.0]),
        ]
    # Two clients share one subscription of the node.
    running.wait_for(lambda: signals.get_subscription_count() == 1)


def test_a_port_in_use_is_reported_in_one_sentence_with_exit_code_2(run_dir):
    with closing(socket.create_server(("127.0.0.1", 0))) as used:
        port = used.getsockname()[1]
        program = "from fleet_views.foxglove_node import main; main()"
        words = [sys.executable, "-c", program, "--ros-args", "-p", f"run_dir:={run_dir}", "-p", f"port:={port}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    address = f"'127.0.0.1' and port {port}"
    assert done.stderr == (
        f"foxglove: expected a free address of this machine, got {address}: Address already in use.\n"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"port": 65536}, "foxglove: expected a port from 0 to 65535, got 65536."),
        ({"port": -1}, "foxglove: expected a port from 0 to 65535, got -1."),
        (
            {"host": "nowhere.invalid", "port": 0},
            "foxglove: expected a free address of this machine, got 'nowhere.invalid' and port 0: ",
        ),
    ],
)
def test_an_invalid_address_is_refused(started, parameters, message):
    with pytest.raises(InputError) as caught:
        started(FoxgloveNode, **parameters)
    assert str(caught.value).startswith(message)

"""What RViz and Foxglove are given to open fits them and this fleet, and what the document says of them is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import foxglove.layouts as fl
import numpy as np
import pytest
import yaml
from rosbags.interfaces import Nodetype
from typer.testing import CliRunner

from fleet_bringup.run_options import LaunchOptions, RunOptions, launch_arguments
from fleet_bringup.run_setup import config_folder, fleet_file
from fleet_cli.main import app
from fleet_common.message_definitions import typestore_for
from fleet_common.palette import DRIVER_COLOURS, GREEN, ORANGE, SKY, VERMILION, YELLOW, as_hex
from fleet_contract.action import ActionKind, ActionSource, RobotAction
from fleet_contract.fleet import read_fleet
from fleet_views.bridged_topics import bridged_topics, fleet_topics
from fleet_views.robot_snapshot import RobotSnapshot
from fleet_views.scene import Scene
from robot_driver.frames import FLEET as FIXED_FRAME
from robot_driver.frames import frames

ROOT = Path(__file__).resolve().parents[3]
FLEET = read_fleet(fleet_file("block_push"))
CONTRACT = FLEET.contract()
TOPICS = bridged_topics(FLEET, CONTRACT)
RVIZ = yaml.safe_load((config_folder() / "fleet.rviz").read_text(encoding="utf-8"))
LAYOUT = json.loads((config_folder() / "foxglove_layout.json").read_text(encoding="utf-8"))
DOCUMENT = (ROOT / "docs/how-to/views.md").read_text(encoding="utf-8")

DISPLAY = {"Class", "Enabled", "Name", "Value"}
RVIZ_DISPLAYS = {
    "rviz_default_plugins/Grid": {
        "Alpha",
        "Cell Size",
        "Color",
        "Line Style",
        "Normal Cell Count",
        "Offset",
        "Plane",
        "Plane Cell Count",
        "Reference Frame",
    },
    "rviz_default_plugins/Image": {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"},
    "rviz_default_plugins/MarkerArray": {"Namespaces", "Topic"},
    "rviz_default_plugins/TF": {
        "Filter (blacklist)",
        "Filter (whitelist)",
        "Frame Timeout",
        "Frames",
        "Marker Scale",
        "Show Arrows",
        "Show Axes",
        "Show Names",
        "Tree",
        "Update Interval",
    },
}
"""Properties that RViz 2 writes of its displays, by its source; on top of those of DISPLAY."""
RVIZ_TOPIC = {"Depth", "Durability Policy", "History Policy", "Reliability Policy", "Value"}
RVIZ_TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}
RVIZ_VIEW = {"Angle", "Class", "Name", "Near Clip Distance", "Scale", "Target Frame", "Value", "X", "Y"}
FOXGLOVE_CONFIGS = {
    "3D": fl.ThreeDeeConfig,
    "Image": fl.ImageConfig,
    "Plot": fl.PlotConfig,
    "RawMessages": fl.RawMessagesConfig,
    "DiagnosticSummary": fl.DiagnosticsSummaryConfig,
}
"""By the names that Foxglove calls panels in the layouts that it exports."""
FOXGLOVE_PARTS = {
    "cameraState": fl.ThreeDeeCameraState,
    "imageMode": fl.ImageModeConfig,
    "scene": fl.BaseRendererSceneSettings,
    "paths": fl.PlotSeries,
}


def rviz_displays(kind: str) -> list[dict[str, Any]]:
    return [display for display in RVIZ["Visualization Manager"]["Displays"] if display["Class"].endswith(f"/{kind}")]


def test_rviz_displays_have_the_properties_that_rviz_knows() -> None:
    manager = RVIZ["Visualization Manager"]
    assert {panel["Class"] for panel in RVIZ["Panels"]} <= {"rviz_common/Displays", "rviz_common/Views"}
    for display in manager["Displays"]:
        assert display.keys() == DISPLAY | RVIZ_DISPLAYS[display["Class"]], display["Name"]
        if "Topic" in display:
            assert display["Topic"].keys() == RVIZ_TOPIC
    assert manager["Views"]["Current"].keys() == RVIZ_VIEW
    assert manager["Views"]["Current"]["Class"] == "rviz_default_plugins/TopDownOrtho"
    names = [display["Name"] for display in manager["Displays"]]
    assert len(set(names)) == len(names)


def test_rviz_shows_what_this_fleet_publishes() -> None:
    shown = {
        display["Topic"]["Value"]: RVIZ_TYPES[display["Class"]]
        for display in (*rviz_displays("Image"), *rviz_displays("MarkerArray"))
    }
    assert shown == {
        "/fleet/markers": fleet_topics(FLEET)["/fleet/markers"].type,
        **{
            f"/{name}/{CONTRACT.require_camera().topic}": CONTRACT.require_camera().type
            for name in FLEET.robot_names[:4]
        },
    }
    assert RVIZ["Visualization Manager"]["Global Options"]["Fixed Frame"] == FIXED_FRAME
    assert len(rviz_displays("TF")) == 1


def test_rviz_asks_for_no_more_than_is_offered_and_who_comes_late_sees_the_present() -> None:
    for display in (*rviz_displays("Image"), *rviz_displays("MarkerArray")):
        asked = display["Topic"]["Reliability Policy"], display["Topic"]["Durability Policy"]
        assert asked == ("Reliable", "Transient Local")


def panels(node: Any) -> Iterator[str]:
    """Leaves of the mosaic."""
    if isinstance(node, str):
        yield node
    else:
        assert node["direction"] in {"row", "column"}
        assert 0 < node.get("splitPercentage", 50) < 100
        yield from panels(node["first"])
        yield from panels(node["second"])


def test_every_panel_of_the_foxglove_layout_is_configured_once() -> None:
    shown = list(panels(LAYOUT["layout"]))
    assert sorted(shown) == sorted(LAYOUT["configById"])
    assert {name.split("!")[0] for name in shown} == FOXGLOVE_CONFIGS.keys()
    assert LAYOUT.keys() == {"configById", "globalVariables", "layout", "playbackConfig", "userNodes"}


@pytest.mark.parametrize("name", LAYOUT["configById"])
def test_foxglove_panels_have_the_settings_that_foxglove_knows(name: str) -> None:
    config = LAYOUT["configById"][name]
    # Exported 3D panels have an empty imageMode.
    known = known_settings(FOXGLOVE_CONFIGS[name.partition("!")[0]]) | {"imageMode"}
    assert config.keys() <= known
    for key, part in FOXGLOVE_PARTS.items():
        for settings in config.get(key, []) if key == "paths" else [config.get(key, {})]:
            assert settings.keys() <= known_settings(part), key
    if "scene" in config:
        assert config["scene"].get("transforms", {}).keys() <= known_settings(fl.BaseRendererTransforms)


def known_settings(part: Any) -> set[str]:
    """Of Foxglove's own description of layouts."""
    return set(part()._to_dict())


def test_foxglove_shows_what_this_fleet_publishes() -> None:
    configs = LAYOUT["configById"]
    scene = configs["3D!fleet"]
    assert scene["followTf"] == FIXED_FRAME
    assert scene["topics"].keys() == {"/fleet/markers"}
    images = [config["imageMode"] for name, config in configs.items() if name.startswith("Image!")]
    cameras = [f"/{name}/{CONTRACT.require_camera().topic}" for name in FLEET.robot_names[:4]]
    assert [image["imageTopic"] for image in images] == cameras
    for image in images:
        assert TOPICS[image["imageTopic"]].type == "sensor_msgs/msg/Image"
        assert TOPICS[image["calibrationTopic"]].type == "sensor_msgs/msg/CameraInfo"
    assert TOPICS[configs["RawMessages!leases"]["topicPath"]].type == "fleet_interfaces/msg/LeaseTable"
    assert TOPICS[configs["DiagnosticSummary!fleet"]["topicToRender"]].type == "diagnostic_msgs/msg/DiagnosticArray"


def test_foxglove_plots_uncertainties_against_the_threshold() -> None:
    paths = [series["value"] for series in LAYOUT["configById"]["Plot!uncertainty"]["paths"]]
    assert paths == [*(f"/fleet/signals/uncertainty.values[{i}]" for i in range(4)), "/fleet/leases.thresholds[0]"]
    store = typestore_for({topic.type for topic in fleet_topics(FLEET).values()})
    for path in paths:
        topic, field = path.split(".")
        fields = dict(store.fielddefs[TOPICS[topic].type][1])
        kind, of = fields[field.partition("[")[0]]
        number = of[0][1] if kind is Nodetype.SEQUENCE else of
        assert number[0] == "float64", path
        assert ("[" in field) == (kind is Nodetype.SEQUENCE)
        assert "header" in fields, "it is plotted over the stamps"


def test_the_document_names_what_there_is() -> None:
    named = set(re.findall(r"`(/[a-zA-Z_0-9/]+)`", DOCUMENT))
    assert {"/fleet/markers", "/tf_static"} <= named
    many = FLEET.model_copy(update={"robots": FLEET.robots.model_copy(update={"count": 5})})
    assert named <= bridged_topics(many, CONTRACT).keys()
    for argument in re.findall(r"(\w+):=", DOCUMENT):
        assert argument in launch_arguments(RunOptions) | launch_arguments(LaunchOptions)
    help_ = CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "300", "TERM": "dumb"}).stdout
    for option in set(re.findall(r"(--foxglove[a-z-]*)", DOCUMENT)):
        assert option in help_


def test_the_document_names_every_layer_and_colour() -> None:
    state_S = np.array([0.1, 0.1, 1.0, 0.0, -0.1, -0.1])
    push = RobotAction(0, ActionKind.MOVE, ActionSource.POLICY, (0.01, 0.0), 1)
    moment = RobotSnapshot(state_S, uncertainty=0.5, threshold=0.2, waiting=True, action=push)
    layers = {shape.layer for shape in Scene(CONTRACT).draw("robot_01", moment)}
    table = DOCUMENT[DOCUMENT.index("| layer |") : DOCUMENT.index("| colour |")]
    assert {
        name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    } == layers
    meant = {*DRIVER_COLOURS.values(), SKY, ORANGE, YELLOW, GREEN, VERMILION}
    assert set(re.findall(r"`(#[0-9a-f]{6})`", DOCUMENT)) == {as_hex(colour) for colour in meant}


def test_the_document_names_every_frame() -> None:
    matrix_33 = np.array([[100.0, 0, 47.5], [0, 100.0, 47.5], [0, 0, 1]])
    found = frames(["robot_01"], ["robot_01"], CONTRACT, matrix_33)
    pairs = {(frame.name.replace("_01", "_XX"), frame.parent.replace("_01", "_XX")) for frame in found}
    named = set(re.findall(r"^\| `(\S+)` \| `(\S+)` \|", DOCUMENT[DOCUMENT.index("## Frames") :], re.MULTILINE))
    assert named == pairs

"""Start a whole fleet: `ros2 launch fleet_bringup fleet.launch.py`, `--show-args` for what can be chosen."""

from __future__ import annotations

import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from fleet_bringup.display import has_display
from fleet_bringup.graph import ENVIRONMENT, node_graph, write_parameters
from fleet_bringup.run_setup import RunOptions, config_folder, prepare
from fleet_common.address import Address
from fleet_contract.validation import InputError

ARGUMENTS = {
    "fleet": ("block_push", "A fleet file, or the name of one that comes with the stack."),
    "ticks": ("0", "Ticks after which the run ends; 0: when it is stopped."),
    "operators": ("", "How many of the supervisors are people; the fleet file's number if empty."),
    "window": ("auto", "Open the operators' windows here: true, false, or auto, where there is a display."),
    "headless": ("true", "A line every few seconds instead of the live view."),
    "record": ("true", "Record everything into a bag."),
    "report": ("", "Folder for bag, summary and picture; runs/TIME_FLEET if empty."),
    "rviz": ("false", "Open RViz."),
    "foxglove": ("false", "Serve the fleet's topics to Foxglove."),
    "foxglove_host": ("127.0.0.1", "Address to listen at for Foxglove; others than this machine too."),
    "foxglove_port": ("8765", "Port to listen at for Foxglove; 0 is a free one."),
    "seed": ("0", "Seed of simulation, sampling, training and ties."),
    "log_level": ("info", "Of the nodes' logs: debug, info, warn, error."),
    "params_file": ("", "ROS 2 parameter file for all nodes."),
}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in ARGUMENTS.items()
            ),
            *(SetEnvironmentVariable(*item) for item in ENVIRONMENT.items() if item[0] not in os.environ),
            OpaqueFunction(function=_start),
        ]
    )


def _start(context: LaunchContext) -> list:
    chosen = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    is_true = {name: chosen[name].lower() in {"true", "1"} for name in ("headless", "record", "rviz", "foxglove")}
    run = prepare(
        RunOptions(
            fleet=chosen["fleet"],
            report=Path(chosen["report"]) if chosen["report"] else None,
            ticks=_whole("ticks", chosen["ticks"]),
            seed=_whole("seed", chosen["seed"]),
            record=is_true["record"],
            operators=_whole("operators", chosen["operators"]) if chosen["operators"] else None,
            windows=has_display() if chosen["window"] == "auto" else chosen["window"].lower() in {"true", "1"},
            params_file=Path(chosen["params_file"]) if chosen["params_file"] else None,
            foxglove=_foxglove(chosen) if is_true["foxglove"] else None,
        )
    )
    actions = []
    specs = node_graph(run, headless=is_true["headless"])
    parameters = write_parameters(specs, run.folder)
    for spec in specs:
        node = Node(
            package=spec.package,
            executable=spec.executable,
            name=spec.name,
            namespace=spec.namespace or None,
            parameters=[str(parameters), *([chosen["params_file"]] if chosen["params_file"] else [])],
            arguments=["--ros-args", "--log-level", chosen["log_level"]],
            output="screen" if spec.name == "console" else "log",
            emulate_tty=spec.name == "console",
            respawn=not (spec.needed or spec.closable),
            respawn_delay=2.0,
        )
        actions.append(node)
        if spec.needed:
            over = OnProcessExit(
                target_action=node, on_exit=[EmitEvent(event=Shutdown(reason=f"{spec.name} has ended"))]
            )
            actions.append(RegisterEventHandler(over))
    if is_true["rviz"]:
        actions.append(Node(package="rviz2", executable="rviz2", arguments=["-d", str(config_folder() / "fleet.rviz")]))
    return actions


def _foxglove(chosen: dict[str, str]) -> Address:
    return Address(chosen["foxglove_host"], _whole("foxglove_port", chosen["foxglove_port"]))


def _whole(name: str, text: str) -> int:
    if not text.isdigit():
        raise InputError(f"{name}: found {text!r}, allowed is a whole number from 0.")
    return int(text)

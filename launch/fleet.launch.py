"""Starts a whole fleet: `ros2 launch fleet_bringup fleet.launch.py`. `--show-args` lists the options."""

from __future__ import annotations

import os
import sys

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

from fleet_bringup.graph import ENVIRONMENT, node_graph, write_parameters
from fleet_bringup.node_spec import NodeSpec
from fleet_bringup.run_options import LaunchOptions, RunOptions, launch_arguments, parse_launch_arguments
from fleet_bringup.run_setup import config_folder, prepare
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

ARGUMENTS = launch_arguments(RunOptions) | launch_arguments(LaunchOptions)
RESPAWN_DELAY_S = 2.0


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            *(SetEnvironmentVariable(*item) for item in ENVIRONMENT.items() if item[0] not in os.environ),
            OpaqueFunction(function=_start),
        ]
    )


def _start(context: LaunchContext) -> list:
    texts = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    try:
        options = parse_launch_arguments(LaunchOptions, texts)
        run = prepare(parse_launch_arguments(RunOptions, texts))
    except InputError as error:
        print(error, file=sys.stderr)
        # An exception that launch catches would end it with exit code 1.
        raise SystemExit(EXIT_INPUT_ERROR) from None
    specs = node_graph(run, headless=options.headless)
    parameter_files = [write_parameters(specs, run.folder), *([run.params_file] if run.params_file else [])]
    actions = []
    for spec in specs:
        node = _node(spec, [str(file) for file in parameter_files], options.log_level)
        actions.append(node)
        if spec.needed:
            shutdown = EmitEvent(event=Shutdown(reason=f"{spec.name} has exited"))
            actions.append(RegisterEventHandler(OnProcessExit(target_action=node, on_exit=[shutdown])))
    if options.rviz:
        actions.append(Node(package="rviz2", executable="rviz2", arguments=["-d", str(config_folder() / "fleet.rviz")]))
    return actions


def _node(spec: NodeSpec, parameter_files: list[str], log_level: str) -> Node:
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace or None,
        parameters=parameter_files,
        arguments=["--ros-args", "--log-level", log_level],
        output="screen" if spec.name == "console" else "log",
        emulate_tty=spec.name == "console",
        respawn=not (spec.needed or spec.closable),
        respawn_delay=RESPAWN_DELAY_S,
    )

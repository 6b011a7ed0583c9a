"""Defines the node graph: which nodes run, with which parameters. Both runners read it from here."""

from __future__ import annotations

from pathlib import Path

import yaml

from fleet_bringup.drivers import driver_of
from fleet_bringup.node_spec import NodeSpec, Parameter
from fleet_bringup.run import Run
from fleet_bringup.run_setup import config_folder

ENVIRONMENT = {
    # By default, the fleet is discoverable on this machine only.
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    # The default transports lose images of many robots, and a killed node can block the others.
    "FASTDDS_DEFAULT_PROFILES_FILE": str(config_folder() / "fastdds.xml"),
    # Waiting threads of one process leave the processors to the others.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Memory that every gradient step takes and gives back stays with the process: the system would clear it each time. A tenth of the
    # processor time of an image policy's training.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "PYTHONUNBUFFERED": "1",
}
"""Environment of the nodes; variables that are already set keep their values."""


def node_graph(run: Run, *, headless: bool) -> list[NodeSpec]:
    """Return all nodes of a run; the last one is the console, which ends the run."""
    home: dict[str, Parameter] = {"run_dir": str(run.folder)}
    seeded = home | {"seed": run.seed}
    workers = [
        NodeSpec("fleet_learning", "policy_node", "policy", seeded),
        NodeSpec("fleet_allocator", "allocator_node", "allocator", seeded),
        NodeSpec("fleet_safety", "gate_node", "gate", home),
        NodeSpec("fleet_views", "markers_node", "markers", home),
    ]
    workers += [
        NodeSpec("fleet_learning", "signal_node", f"signals_{index + 1}", home | {"index": index})
        for index in range(len(run.fleet.signals))
    ]
    if run.foxglove:
        address: dict[str, Parameter] = {"host": run.foxglove.host, "port": run.foxglove.port}
        workers.append(NodeSpec("fleet_views", "foxglove_node", "foxglove", home | address))
    replays = run.fleet.environment.bag is not None
    if replays:
        workers.append(NodeSpec("fleet_bags", "recorded_stations_node", "stations", home))
    elif run.fleet.supervisors.operators < run.fleet.supervisors.count:
        workers.append(NodeSpec("fleet_supervisors", "station_node", "stations", seeded))
    if run.windows:
        workers += [
            NodeSpec("teleop_gui", "window_node", f"window_{human}", home | {"human": human}, closable=True)
            for human in run.fleet.operator_names
        ]
    if run.fleet.training.update_ticks and not replays:
        workers.append(NodeSpec("fleet_learning", "trainer_node", "trainer", seeded))
        workers += [
            NodeSpec("fleet_learning", "signal_trainer_node", f"signal_trainer_{index + 1}", seeded | {"index": index})
            for index, selection in enumerate(run.fleet.signals)
            if selection.learns
        ]
    if run.record:
        workers.append(NodeSpec("fleet_bags", "recorder_node", "recorder", seeded))
    workers.append(NodeSpec("fleet_views", "diagnostics_node", "diagnostics", home))
    console = NodeSpec(
        "fleet_views",
        "console_node",
        "console",
        seeded | {"ticks": run.ticks, "headless": headless, "recording": run.record},
        needed=True,
    )
    awaited = [node.name for node in (*workers, console)]
    driver = driver_of(run.fleet.environment.backend)
    return [*driver(run, seeded | {"ticks": run.ticks, "await_nodes": awaited}), *workers, console]


def write_parameters(nodes: list[NodeSpec], folder: Path) -> Path:
    """Write all nodes' parameters as one ROS 2 parameter file into the run's folder."""
    path = folder / "params.yaml"
    content = {node.full_name: {"ros__parameters": dict(node.parameters)} for node in nodes}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def arguments(node: NodeSpec, params_files: list[Path], log_level: str) -> list[str]:
    """Return the command-line arguments of a node's executable; later parameter files take precedence."""
    files = [word for file in params_files for word in ("--params-file", str(file))]
    namespace = ["-r", f"__ns:={node.namespace}"] if node.namespace else []
    return ["--ros-args", "-r", f"__node:={node.name}", *namespace, *files, "--log-level", log_level]

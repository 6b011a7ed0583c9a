"""Defines the node graph: which nodes run, with which parameters. Both runners read it from here."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import yaml

from fleet_bringup.run_setup import Run, config_folder

ENVIRONMENT = {
    # By default, the fleet is discoverable on this machine only.
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    # The default transports lose images of many robots, and a killed node can block the others.
    "FASTDDS_DEFAULT_PROFILES_FILE": str(config_folder() / "fastdds.xml"),
    # Waiting threads of one process leave the processors to the others.
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
}
"""Environment of the nodes; variables that are already set keep their values."""

Parameter = str | int | float | bool | list[str]


@dataclass(frozen=True)
class NodeSpec:
    """A node, which runs as a process of its own."""

    package: str
    executable: str
    name: str
    parameters: dict[str, Parameter]
    needed: bool = False
    """Whether the run ends when this node exits."""
    closable: bool = False
    """Whether a person may close this node, which then is not restarted."""
    serves_robots: bool = False
    """Whether this node stops robots when it exits, and so must exit before the recorder."""
    namespace: str = ""

    @property
    def full_name(self) -> str:
        """Name of the node with its namespace, as in parameter files."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


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
    replays = run.fleet.environment.backend == "replay"
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
    return [*_robots(run, seeded | {"ticks": run.ticks, "await_nodes": awaited}), *workers, console]


def _robots(run: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    """Return the nodes behind the robots' topics."""
    backend = run.fleet.environment.backend
    if backend == "replay":
        return [NodeSpec("fleet_bags", "replay_node", "bridge", parameters, needed=True, serves_robots=True)]
    if backend == "ros":
        return [
            NodeSpec("robot_driver", "adapter_node", "bridge", parameters, needed=True, serves_robots=True),
            *_programs(run),
        ]
    if backend not in {"yumi", "yumi_sim"}:
        return [NodeSpec("sim_bridge", "bridge_node", "bridge", parameters, needed=True, serves_robots=True)]
    home: dict[str, Parameter] = {name: parameters[name] for name in ("run_dir", "seed")}
    simulation = [NodeSpec("yumi_driver", "simulated_cells_node", "simulated_cells", home, needed=True)]
    names = iter(run.fleet.robot_names)
    drivers = [
        NodeSpec(
            "yumi_driver",
            "yumi_node",
            gateway,
            # A shared list would become a YAML alias, which the parser of ROS 2 does not read.
            deepcopy(parameters) | {"gateway": gateway, "robots": [next(names) for _ in range(arms)]},
            needed=True,
            serves_robots=True,
        )
        for gateway, arms in _gateways(run).items()
    ]
    return [*(simulation if backend == "yumi_sim" else []), *drivers]


def _programs(run: Run) -> list[NodeSpec]:
    """Return the robots' own nodes, which are not part of the stack."""
    program = run.fleet.environment.program
    return [
        NodeSpec(program.package, program.executable, name, {"seed": run.seed + index}, namespace=f"/{name}")
        for index, name in enumerate(run.fleet.robot_names)
        if program
    ]


def _gateways(run: Run) -> dict[str, int]:
    """Return the number of arms behind each gateway."""
    from yumi_driver.gateways import read_gateways
    from yumi_driver.simulated_gateways import simulated_gateways

    robots, file = run.fleet.robots.count, run.fleet.environment.gateways
    if file is None:
        return simulated_gateways(robots)
    return {gateway.name: len(gateway.arms) for gateway in read_gateways(file, robots).gateways}


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

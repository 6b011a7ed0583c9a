"""The nodes behind the robots' topics, by backend. Every installed package may add backends.

A backend whose robots are not simulated by the bridge node is an entry point of the group `fleet.drivers`. It refers to a function
`(run, parameters) -> list[NodeSpec]`, which returns the nodes that serve the robots; or to a `Driver`, if there is something to refuse
before a run. Such nodes usually derive from `robot_driver.driver_node.DriverNode`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from fleet_bringup.node_spec import NodeSpec, Parameter
from fleet_bringup.run import Run
from fleet_contract.fleet import Fleet
from fleet_contract.plugins import plugin, plugin_names
from fleet_contract.validation import InputError
from sim_bridge.backends import prepare_environment, require_environment, simulated_backends

GROUP = "fleet.drivers"
"""Group of the entry points."""
MakeNodes = Callable[[Run, dict[str, Parameter]], list[NodeSpec]]
"""Returns the nodes that serve a run's robots; takes the run and the parameters that each of these nodes needs."""


@dataclass(frozen=True)
class Driver:
    """How the robots of a backend are served."""

    nodes: MakeNodes
    """Returns the nodes."""
    require: Callable[[Fleet], None] = lambda _: None
    """Refuses, by an `InputError`, a fleet whose robots cannot be reached or started, as far as that shows before the run."""
    prepare: Callable[[Fleet], None] = lambda _: None
    """Installs what the robots need and is missing, which may take minutes; raises an `InputError` if it cannot."""

    def __call__(self, run: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
        """Return the nodes that serve the robots of a run."""
        return self.nodes(run, parameters)


def driver_of(backend: str) -> Driver:
    """Return the driver of a backend: that of its entry point, or the bridge node for simulated robots.

    Raises:
        InputError: there is no such backend, or its driver cannot be imported.
    """
    drivers, simulations = plugin_names(GROUP), simulated_backends()
    if backend in drivers:
        found: Driver | MakeNodes = plugin(GROUP, backend, key="environment.backend")
        return found if isinstance(found, Driver) else Driver(found)
    if backend in simulations:
        return SIMULATION
    raise InputError(
        f"environment.backend: expected one of {', '.join(sorted({*drivers, *simulations}))}, got {backend!r}."
    )


def _simulated_robots(_: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    return [NodeSpec("sim_bridge", "bridge_node", "bridge", parameters, needed=True, serves_robots=True)]


def _require_simulation(fleet: Fleet) -> None:
    environment = fleet.environment
    require_environment(environment.backend, environment.task, environment.episode_ticks, fleet.robots.tasks)


def _prepare_simulation(fleet: Fleet) -> None:
    prepare_environment(fleet.environment.backend, fleet.environment.task)


def _recorded_robots(_: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    return [NodeSpec("fleet_bags", "replay_node", "bridge", parameters, needed=True, serves_robots=True)]


def _require_no_new_run(_: Fleet) -> None:
    raise InputError(
        "environment.backend: expected robots for a new run, got replay; replay a recorded run with ./fleet replay."
    )


def _robots_on_ros(run: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    """Return the node that adapts the robots' own topics, and the programs of the robots, which are not part of the stack."""
    program = run.fleet.environment.program
    return [
        NodeSpec("robot_driver", "adapter_node", "bridge", parameters, needed=True, serves_robots=True),
        *(
            NodeSpec(program.package, program.executable, name, {"seed": run.seed + index}, namespace=f"/{name}")
            for index, name in enumerate(run.fleet.robot_names)
            if program
        ),
    ]


def _require_program(fleet: Fleet) -> None:
    """Refuse robots whose contract does not describe their topics, or whose program is not installed."""
    _ = fleet.contract().require_native()
    program = fleet.environment.program
    if program is None:
        return
    try:
        folder = Path(get_package_prefix(program.package)) / "lib" / program.package
    except PackageNotFoundError:
        raise InputError(f"environment.program.package: expected a built package, got {program.package}.") from None
    if not (folder / program.executable).exists():
        names = ", ".join(sorted(path.name for path in folder.glob("*")))
        raise InputError(f"environment.program.executable: expected one of {names}, got {program.executable}.")


def _yumi_arms(run: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    """Return a node per gateway."""
    names = iter(run.fleet.robot_names)
    return [
        NodeSpec(
            "yumi_driver",
            "yumi_node",
            gateway,
            # A shared list would become a YAML alias, which the parser of ROS 2 does not read.
            deepcopy(parameters) | {"gateway": gateway, "robots": [next(names) for _ in range(arms)]},
            needed=True,
            serves_robots=True,
        )
        for gateway, arms in _gateways(run.fleet).items()
    ]


def _simulated_yumi_arms(run: Run, parameters: dict[str, Parameter]) -> list[NodeSpec]:
    home: dict[str, Parameter] = {name: parameters[name] for name in ("run_dir", "seed")}
    lab = NodeSpec("yumi_driver", "simulated_cells_node", "simulated_cells", home, needed=True)
    return [lab, *_yumi_arms(run, parameters)]


def _gateways(fleet: Fleet) -> dict[str, int]:
    """Return the number of arms behind each gateway."""
    from yumi_driver.gateways import read_gateways
    from yumi_driver.simulated_gateways import simulated_gateways

    robots, file = fleet.robots.count, fleet.environment.gateways
    if file is None:
        return simulated_gateways(robots)
    return {gateway.name: len(gateway.arms) for gateway in read_gateways(file, robots).gateways}


def _require_gateways(fleet: Fleet) -> None:
    """Refuse arms whose gateways do not fit the fleet."""
    _require_simulation(fleet)
    _gateways(fleet)


def _require_sshd(fleet: Fleet) -> None:
    """Refuse arms that cannot be simulated on this machine."""
    from yumi_driver.simulated.ssh_server import sshd

    _require_simulation(fleet)
    if sshd() is None:
        raise InputError("environment.backend: expected an installed openssh-server for yumi_sim, got none.")


SIMULATION = Driver(_simulated_robots, _require_simulation, _prepare_simulation)
"""Robots in an environment of the group `fleet.environments`."""
REPLAY = Driver(_recorded_robots, _require_no_new_run)
"""Robots of a recorded run."""
ROS = Driver(_robots_on_ros, _require_program)
"""Robots that already speak ROS 2."""
YUMI = Driver(_yumi_arms, _require_gateways)
"""YuMi arms behind gateways."""
YUMI_SIM = Driver(_simulated_yumi_arms, _require_sshd)
"""YuMi arms in a simulated lab."""

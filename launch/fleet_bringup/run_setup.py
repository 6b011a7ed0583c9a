"""A run, prepared: everything that can be wrong is found here, before any process starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory

from fleet_common.address import Address
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.validation import InputError, validated
from sim_bridge.backends import require_environment
from teleop_gui.pointing import pointing_of

FLEET_FILE = "fleet.yaml"


@dataclass(frozen=True)
class RunOptions:
    """What the person who starts a run asks for."""

    fleet: str = "block_push"
    """A fleet file, or the name of one that comes with the stack."""
    report: Path | None = None
    """Folder of the run; runs/TIME_FLEET by default."""
    ticks: int = 0
    """Ticks after which the run ends; 0: when it is stopped."""
    seed: int = 0
    record: bool = True
    robots: int | None = None
    """Instead of the fleet file's number."""
    supervisors: int | None = None
    """Instead of the fleet file's number."""
    operators: int | None = None
    """Instead of the fleet file's number."""
    windows: bool = False
    """Whether operators sit at this machine."""
    policy: Path | None = None
    """Checkpoint instead of the fleet file's."""
    demonstrate: bool = False
    """Without a policy: only humans drive."""
    mode: Literal["lockstep", "real_time"] | None = None
    """Instead of the fleet file's."""
    params_file: Path | None = None
    """ROS 2 parameter file for all nodes."""
    foxglove: Address | None = None
    """Where Foxglove is served; None: nowhere."""


@dataclass(frozen=True)
class Run:
    """A run that can start."""

    folder: Path
    fleet: Fleet
    ticks: int
    seed: int
    record: bool
    params_file: Path | None
    windows: bool
    foxglove: Address | None


def prepare(wishes: RunOptions) -> Run:
    """Read and check the fleet and all that it names, and make the run's folder with the resolved fleet file in it.

    A folder that holds an earlier run is moved aside, never overwritten.

    Raises:
        BadInput: something cannot be used.
    """
    if wishes.ticks < 0 or wishes.seed < 0:
        raise InputError(f"ticks and seed: found {wishes.ticks} and {wishes.seed}, allowed are numbers from 0.")
    if wishes.params_file and not wishes.params_file.is_file():
        raise InputError(f"params_file: found {wishes.params_file}, allowed is a file that exists.")
    if wishes.foxglove:
        wishes.foxglove.require_free("foxglove")
    fleet = _resolved(read_fleet(fleet_file(wishes.fleet)), wishes)
    folder = run_folder(wishes.report, fleet.fleet)
    fleet.write(folder / FLEET_FILE)
    return Run(
        folder,
        fleet,
        wishes.ticks,
        wishes.seed,
        wishes.record,
        wishes.params_file,
        wishes.windows,
        wishes.foxglove,
    )


def run_folder(report: Path | None, name: str) -> Path:
    """The folder of a new run: `report`, or one of its own with the run's name in it. An earlier run is moved aside.

    Raises:
        BadInput: it cannot be made.
    """
    stamp = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    folder = (report or Path("runs") / f"{stamp}_{name}").absolute()
    try:
        if (folder / FLEET_FILE).exists():
            folder.rename(folder.with_name(f"{folder.name}.until-{stamp}"))
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "bag").exists():
            raise InputError(f"{folder}: found a bag that belongs to no run, allowed is a folder without one.")
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"report folder {folder}: cannot be written: {error.strerror}.") from None
    return folder


def fleet_file(fleet: str) -> Path:
    """The file that is meant by a path or by the name of a fleet that comes with the stack.

    Raises:
        BadInput: there is none.
    """
    path = Path(fleet)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        return path.absolute()
    shipped = config_folder()
    names = sorted(file.stem for file in shipped.glob("*.yaml"))
    if fleet not in names:
        raise InputError(f"fleet: found {fleet!r}, allowed is a path to a YAML file or one of {', '.join(names)}.")
    return shipped / f"{fleet}.yaml"


def config_folder() -> Path:
    """Where the fleets, robots and policies of the stack are."""
    try:
        return Path(get_package_share_directory("fleet_bringup")) / "config"
    except PackageNotFoundError:
        return Path(__file__).resolve().parents[1] / "config"


def _resolved(fleet: Fleet, wishes: RunOptions) -> Fleet:
    """The fleet with the wishes in it and nothing left to look up."""
    from fleet_learning.checkpoint import read_checkpoint
    from fleet_learning.dataset import read_dataset
    from fleet_supervisors.supervisors import require_supervisor

    content = fleet.model_dump()
    for value, section, key in (
        (wishes.robots, "robots", "count"),
        (wishes.supervisors, "supervisors", "count"),
        (wishes.operators, "supervisors", "operators"),
        (wishes.policy and wishes.policy.absolute(), "policy", "checkpoint"),
        (wishes.mode, "tick", "mode"),
    ):
        if value is not None:
            content[section][key] = value
    fleet = validated(content, Fleet, source=wishes.fleet)
    _require_robots(fleet)
    if fleet.supervisors.operators < fleet.supervisors.count:
        for style in fleet.supervisors.styles:
            require_supervisor(fleet.environment.task, style)
    contract = fleet.contract()
    if fleet.supervisors.operators:
        pointing_of(contract)
    if wishes.demonstrate:
        content["policy"]["checkpoint"] = None
    if content["policy"]["checkpoint"] is None:
        content["training"]["update_ticks"] = ()
        # All are unsure.
        content["allocation"] |= {"order": "UC", "threshold": 0.0, "budget_per_tick": None}
        return validated(content, Fleet, source=wishes.fleet)
    policy, about = read_checkpoint(Path(content["policy"]["checkpoint"]), contract)
    read_dataset(fleet.training.demonstrations, contract.observed_shape(policy.observes), contract.action_dim)
    if fleet.allocation.threshold == "calibrated":
        if about.threshold is None:
            raise InputError(
                f"{content['policy']['checkpoint']}: threshold found none, allowed is a calibrated checkpoint, "
                "or a number as allocation.threshold in the fleet file."
            )
        content["allocation"]["threshold"] = about.threshold
    return validated(content, Fleet, source=wishes.fleet)


def _require_robots(fleet: Fleet) -> None:
    """Refuse a fleet whose robots cannot be reached, as far as this can be told from here."""
    environment = fleet.environment
    if environment.backend != "ros":
        require_environment(environment.simulator, environment.task, environment.episode_ticks)
        _require_gateways(fleet)
        return
    _ = fleet.contract().require_native()
    program = environment.program
    if program is None:
        return
    try:
        folder = Path(get_package_prefix(program.package)) / "lib" / program.package
    except PackageNotFoundError:
        raise InputError(
            f"environment.program.package: found {program.package}, allowed is one that is built."
        ) from None
    if not (folder / program.executable).exists():
        names = ", ".join(sorted(path.name for path in folder.glob("*")))
        raise InputError(f"environment.program.executable: found {program.executable}, allowed are {names}.")


def _require_gateways(fleet: Fleet) -> None:
    """Refuse a fleet of arms behind gateways that do not fit it."""
    environment = fleet.environment
    if environment.backend not in {"yumi", "yumi_sim"}:
        return
    from yumi_driver.gateways import read_gateways
    from yumi_driver.simulated.ssh_server import sshd

    if environment.gateways is not None:
        read_gateways(environment.gateways, fleet.robots.count)
    elif sshd() is None:
        raise InputError("environment.backend: found yumi_sim, allowed where openssh-server is installed.")

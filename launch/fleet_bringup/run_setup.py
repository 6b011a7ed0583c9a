"""Prepares a run: everything that can be wrong is found here, before any process starts."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from fleet_bringup.display import has_display
from fleet_bringup.drivers import driver_of
from fleet_bringup.run import Run
from fleet_bringup.run_options import RunOptions
from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError

FLEET_FILE = "fleet.yaml"
"""Name of the resolved fleet file in a run's folder."""


def choose_fleet(options: RunOptions) -> Fleet:
    """Return the fleet of a run after all checks that need no policy, and so take no time.

    Raises:
        InputError: something cannot be used.
    """
    if options.params_file and not options.params_file.is_file():
        raise InputError(f"--params-file: expected an existing file, got {options.params_file}.")
    if options.foxglove_address:
        options.foxglove_address.require_free("foxglove")
    fleet = _fleet_with(options)
    driver_of(fleet.environment.backend).require(fleet)
    _require_supervisors(fleet)
    return _with_monitor(fleet, options.monitor)


def prepare(options: RunOptions, fleet: Fleet | None = None) -> Run:
    """Resolve the fleet, check everything that it names, and make the run's folder with the resolved fleet file in it.

    A folder that holds an earlier run is moved aside and never overwritten.

    Args:
        options: Options of the run.
        fleet: What `choose_fleet` has returned for them, if it was called before.

    Raises:
        InputError: something cannot be used.
    """
    fleet = fleet or choose_fleet(options)
    fleet = _with_signals(_with_policy(fleet, source=options.fleet), source=options.fleet)
    driver_of(fleet.environment.backend).prepare(fleet)
    folder = run_folder(options.report, fleet.fleet)
    fleet.write(folder / FLEET_FILE)
    return Run(
        folder=folder,
        fleet=fleet,
        ticks=options.ticks,
        seed=options.seed,
        record=options.record,
        params_file=options.params_file,
        windows=has_display() if options.window is None else options.window,
        foxglove=options.foxglove_address,
    )


def run_folder(report: Path | None, name: str) -> Path:
    """Make the folder of a new run, `report` or by default runs/TIME_NAME, and return it. An earlier run in it is moved aside.

    Raises:
        InputError: the folder cannot be made or written to, or holds a bag without a run.
    """
    stamp = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    folder = (report or Path("runs") / f"{stamp}_{name}").absolute()
    try:
        if (folder / FLEET_FILE).exists():
            folder.rename(folder.with_name(f"{folder.name}.until-{stamp}"))
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "bag").exists():
            raise InputError(f"{folder}: expected a folder without a bag, got one whose bag belongs to no run.")
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"--report: {folder} cannot be written: {error.strerror}.") from None
    return folder


def fleet_file(fleet: str) -> Path:
    """Return the fleet file at a path, or that of a fleet that ships with the stack, by its name.

    Raises:
        InputError: there is no such fleet.
    """
    path = Path(fleet)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        return path.absolute()
    config = config_folder()
    names = sorted(file.stem for file in config.glob("*.yaml"))
    if fleet not in names:
        raise InputError(f"--fleet: expected a path to a YAML file or one of {', '.join(names)}, got {fleet!r}.")
    return config / f"{fleet}.yaml"


def config_folder() -> Path:
    """Return the folder of the fleets, robots and policies that ship with the stack."""
    try:
        return Path(get_package_share_directory("fleet_bringup")) / "config"
    except PackageNotFoundError:
        return Path(__file__).resolve().parents[1] / "config"


def _fleet_with(options: RunOptions) -> Fleet:
    """Return the content of the fleet file with the options in place of its values."""
    sections: dict[str, dict[str, object]] = {
        "robots": {"count": options.robots},
        "supervisors": {"count": options.supervisors, "operators": options.operators},
        "policy": {"checkpoint": options.policy.absolute() if options.policy else None},
        "tick": {"mode": "real_time" if options.real_time else None},
    }
    changes = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in sections.items()
    }
    if options.demonstrate:
        changes["policy"] = {"checkpoint": None}
    return read_fleet(fleet_file(options.fleet)).with_changes(source=options.fleet, **changes)


def _with_monitor(fleet: Fleet, name: str | None) -> Fleet:
    """Return the fleet with one of its monitors, whose signals come first in the order of the allocation."""
    if name is None:
        return fleet
    if name not in fleet.monitors:
        known = ", ".join(fleet.monitors) or "none, because the fleet file has no monitors"
        raise InputError(f"--monitor: expected one of {known}, got {name}.")
    monitor = fleet.monitors[name]
    others = tuple(signal for signal in fleet.allocation.order if signal not in monitor.names)
    changes = {"order": (*monitor.names, *others)}
    return fleet.with_changes(source="--monitor", signals=(*fleet.signals, monitor), allocation=changes)


def _with_policy(fleet: Fleet, *, source: str) -> Fleet:
    """Return the fleet with decider and threshold of its checkpoint, after a check of checkpoint and demonstrations.

    Without a checkpoint, all robots ask for help and nothing is trained.
    """
    from fleet_learning.checkpoint import read_checkpoint
    from fleet_learning.dataset import read_dataset
    from fleet_learning.deployment import with_policy

    if fleet.policy.checkpoint is None:
        changes = {"rule": "priority", "order": (UNCERTAINTY, VIOLATION), "options": {}}
        help_for_all = fleet.allocation.model_copy(update=changes).with_threshold(UNCERTAINTY, 0.0)
        return fleet.with_changes(source=source, training={"update_ticks": ()}, allocation=help_for_all, signals=())
    contract = fleet.contract()
    policy, metadata = read_checkpoint(fleet.policy.checkpoint, contract)
    read_dataset(fleet.training.demonstrations, contract.observed_shape(policy.observes), contract.action_dim)
    return with_policy(fleet, policy, metadata, source=source)


def _with_signals(fleet: Fleet, *, source: str) -> Fleet:
    """Return the fleet with the names of all signals, after a check of their providers and of the allocation.

    The same objects are made as in the nodes.
    """
    from fleet_allocator.allocation_rule import make_rule
    from fleet_learning.signal_provider import read_provider

    described: dict[str, float] = {}
    selections = []
    for selection in fleet.signals:
        signals = read_provider(selection, fleet).signals
        selections.append(selection.model_copy(update={"names": tuple(signal.name for signal in signals)}))
        described |= {signal.name: signal.threshold for signal in signals}
    known = (UNCERTAINTY, VIOLATION, *described)
    for signal in (*fleet.allocation.order, *fleet.allocation.thresholds):
        if signal not in known:
            raise InputError(
                f"{source}: allocation: expected signals of this fleet ({', '.join(known)}), got {signal!r}."
            )
    for signal in fleet.allocation.order:
        if fleet.allocation.threshold(signal) == "calibrated" and math.isnan(described.get(signal, 0.0)):
            raise InputError(
                f"{source}: allocation.thresholds.{signal}: expected a number or online, because its provider has no "
                "threshold, got none."
            )
    make_rule(fleet.allocation, fleet.supervisors.count)
    return fleet.with_changes(source=source, signals=tuple(selections))


def _require_supervisors(fleet: Fleet) -> None:
    """Refuse a fleet with unknown styles of scripted supervisors, or with robots that operators cannot drive."""
    from fleet_supervisors.supervisors import require_supervisor

    if fleet.supervisors.operators < fleet.supervisors.count:
        for style in fleet.supervisors.styles:
            require_supervisor(fleet.environment.task, style)
    if fleet.supervisors.operators:
        from teleop_gui.pointing import pointing_of

        pointing_of(fleet.contract())

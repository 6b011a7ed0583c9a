"""Defines the commands for experiments: `fleet experiment ...`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import config_folder, fleet_file
from fleet_cli.command_line import make_folder, show, this_command
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_experiments.results import IDENTITY, Row, new_results, run_of

experiment = typer.Typer(help="Reproduce tables and figures of the papers.", no_args_is_help=True)
Report = Annotated[Path, typer.Option(help="Folder for results.json, figures and runs; interrupted runs resume there.")]
Seeds = Annotated[str, typer.Option(help="Seeds, separated by commas.")]
Address = Annotated[str | None, typer.Option(help="Address of a Ray cluster (default: run on this machine).")]
Algorithms = Annotated[
    str,
    typer.Option(
        help="Algorithms, separated by commas: bc, ibc, ifl, iifl or iifl_random; without a camera also iifl_firework."
    ),
]
TWENTY_SEEDS = ",".join(map(str, range(20)))


@experiment.command()
def jeffreys(report: Report = Path("jeffreys")) -> None:
    """Reproduce figure 2: the Jeffreys divergence of two Gaussian energies."""
    from fleet_experiments.jeffreys.figure import draw_jeffreys_figure

    make_folder(report)
    rows: list[Row] = [
        {**run_of("figure 2", "Langevin", 0, f"offset {row['offset_nats']:g} nats"), **row}
        for row in draw_jeffreys_figure(report)
    ]
    results = new_results("jeffreys", this_command(), rows)
    results.write(report)
    show(results, ("condition", "state"), ("integrated_nats", "langevin_nats", "standard_error_nats"), report)


@experiment.command()
def samplers(report: Report = Path("samplers"), seeds: Seeds = TWENTY_SEEDS) -> None:
    """Measure how well each sampler estimates known Jeffreys divergences."""
    from fleet_experiments.jeffreys.divergences import divergences

    chosen = _seeds(seeds)
    make_folder(report)
    results = new_results("samplers", this_command(), divergences(chosen))
    results.write(report)
    show(results, ("env", "algo"), ("integrated_nats", "estimated_nats", "share", "wall_s"), report)


@experiment.command()
def navigation(
    algo: Annotated[
        str, typer.Option(help="Algorithms, separated by commas: bc, ibc, ifl, iifl or iifl_firework.")
    ] = "bc,ibc,ifl,iifl",
    report: Report = Path("navigation"),
    seeds: Seeds = "5,6,7",
    address: Address = None,
) -> None:
    """Reproduce figure 1: BC, IBC, IFL and IIFL in the 2D maze, with and without wind (IIFL section 5.1)."""
    from fleet_experiments.navigation.experiment import ALGORITHM_NAMES, navigation_setup
    from fleet_experiments.navigation.experiment import navigation as run

    chosen, algorithms = _seeds(seeds), _algorithms(algo, ALGORITHM_NAMES)
    make_folder(report)
    results = run(
        navigation_setup(config_folder() / "robots/pointbot.yaml"),
        report,
        algorithms=algorithms,
        seeds=chosen,
        command=this_command(),
        address=address,
    )
    show(results, ("algo", "condition"), ("success", "collided", "human_actions", "hard_resets"), report)


@experiment.command()
def monitor(
    report: Report = Path("monitor"),
    monitors: Annotated[
        str,
        typer.Option(
            help="Monitors, separated by commas: none, uncertainty, reconstruction, spread, distillation, firework or adaptive "
            "(firework with adaptive thresholds). An empty text compares the detectors on recorded rollouts only."
        ),
    ] = "none,uncertainty,distillation,firework,adaptive",
    seeds: Seeds = "0,1,2",
    env: Annotated[str, typer.Option(help="Fleet whose robots are watched: tabletop or metaworld.")] = "tabletop",
    address: Address = None,
) -> None:
    """Reproduce FIREWORK in simulation: which failures monitors foresee, and what fleets learn from the humans they call."""
    from fleet_experiments.monitor.experiment import ENVIRONMENTS, ORDERS, monitor_experiment
    from fleet_experiments.monitor.scale import Scale
    from fleet_training.learning_setup import learning_setup

    chosen, names = _seeds(seeds), _words(monitors) if monitors else []
    for name in names:
        if name not in ORDERS:
            raise InputError(f"--monitors: expected some of {', '.join(ORDERS)}, got {name!r}.")
    if env not in ENVIRONMENTS:
        raise InputError(f"--env: expected one of {', '.join(ENVIRONMENTS)}, got {env!r}.")
    make_folder(report)
    results = monitor_experiment(
        learning_setup(read_fleet(fleet_file(env)), ticks=0),
        report,
        monitors=names,
        seeds=chosen,
        scale=Scale(),
        command=this_command(),
        address=address,
    )
    passive = results.model_copy(update={"rows": [row for row in results.rows if row["condition"] == "passive"]})
    show(passive, ("algo",), ("recall", "early_recall", "false_alarms", "lead_frames", "area_under_curve"), report)
    if not names:
        return
    rounds = results.model_copy(update={"rows": [row for row in results.rows if "combined" in row]})
    show(rounds, ("algo", "condition"), ("autonomous", "combined", "human_share", "rohe_firework"), report)


@experiment.command()
def merge(
    report: Report = Path("merge"),
    parts: Annotated[
        str,
        typer.Option(
            help="Parts, separated by commas: linear (controllers of aircraft), barriers (two sites with the same tasks), once (sites with "
            "different tasks), rounds (the same, merged again and again)."
        ),
    ] = "linear,barriers,once,rounds",
    seeds: Seeds = "0,1,2",
    env: Annotated[str, typer.Option(help="Fleet whose tasks the sites have: metaworld or tabletop.")] = "metaworld",
    address: Address = None,
) -> None:
    """Reproduce FLEET-MERGE in simulation: several sites' networks become one without moving their data."""
    from fleet_experiments.merge.experiment import ENVIRONMENTS, PARTS, merge_experiment
    from fleet_experiments.merge.scale import Scale
    from fleet_training.learning_setup import learning_setup

    chosen, names = _seeds(seeds), _words(parts)
    for name in names:
        if name not in PARTS:
            raise InputError(f"--parts: expected some of {', '.join(PARTS)}, got {name!r}.")
    if env not in ENVIRONMENTS:
        raise InputError(f"--env: expected one of {', '.join(ENVIRONMENTS)}, got {env!r}.")
    make_folder(report)
    results = merge_experiment(
        learning_setup(read_fleet(fleet_file(env)), ticks=0),
        report,
        parts=names,
        seeds=chosen,
        scale=Scale(),
        command=this_command(),
        address=address,
    )
    show(results, ("env", "condition", "algo"), ("success", "error", "cost", "diverged", "moved", "sent_bytes"), report)


@experiment.command("block_push")
def block_push(
    fleet: Annotated[str, typer.Option(help=RunOptions.model_fields["fleet"].description)] = "block_push",
    algo: Algorithms = "bc,ibc,ifl,iifl",
    ticks: Annotated[int, typer.Option(min=1, help="Length of each run in ticks.")] = 150,
    report: Report = Path("block_push"),
    seeds: Seeds = "5,6,7",
    nodes: Annotated[
        bool, typer.Option("--nodes", help="Repeat each run over the ROS 2 nodes in lockstep, with equal results.")
    ] = False,
    address: Address = None,
) -> None:
    """Reproduce table 2: BC, IBC, IFL and IIFL with four arms that push blocks (IIFL section 5.3)."""
    from fleet_cli.ros_runs import ros_rows
    from fleet_experiments.fleet.fleet_trials import fleet_trials as run
    from fleet_experiments.fleet.fleet_trials import require_states
    from fleet_training.algorithms import FLEET_ALGORITHMS

    chosen, algorithms = _seeds(seeds), _algorithms(algo, FLEET_ALGORITHMS)
    described = read_fleet(fleet_file(fleet))
    require_states(algorithms, described.contract())
    make_folder(report)
    results = run(
        "block_push",
        described,
        report,
        ticks=ticks,
        algorithms=algorithms,
        seeds=chosen,
        command=this_command(),
        address=address,
    )
    if nodes:
        folders = [report / "runs" / f"{name}_{number}" for name in algorithms for number in chosen]
        again = ros_rows(dict(zip(folders, results.rows, strict=True)), ticks=ticks)
        results = results.model_copy(update={"rows": [*results.rows, *again]})
        results.write(report)
    show(results, ("algo", "condition"), ("successes", "hard_resets", "rohe", "human_actions", "idle_ticks"), report)


@experiment.command()
def benchmark(
    env: Annotated[
        str, typer.Option(help="Tasks, separated by commas: ball_balance, ant, anymal or franka_cube_stack.")
    ] = "ball_balance,ant,anymal,franka_cube_stack",
    algo: Algorithms = "bc,ibc,ifl,iifl_random,iifl",
    scale: Annotated[
        str, typer.Option(help="Size of the runs: paper (100 robots, 10,000 ticks) or cpu (minutes per run).")
    ] = "cpu",
    report: Report = Path("benchmark"),
    seeds: Seeds = "0,1,2",
    address: Address = None,
) -> None:
    """Reproduce figure 3 and table 1: the simulated benchmark with many robots and few humans (IIFL section 5.2)."""
    from fleet_cli.benchmark_report import report_on_benchmark
    from fleet_experiments.fleet.benchmark import TICKS
    from fleet_experiments.fleet.benchmark import fleet_file as benchmark_file
    from fleet_experiments.fleet.fleet_trials import fleet_trials
    from fleet_training.algorithms import FLEET_ALGORITHMS

    chosen, algorithms = _seeds(seeds), _algorithms(algo, FLEET_ALGORITHMS)
    files = {name: config_folder() / benchmark_file(name, scale) for name in _words(env)}
    for name, file in files.items():
        folder = report / scale / name
        make_folder(folder)
        fleet_trials(
            "benchmark",
            read_fleet(file),
            folder,
            ticks=TICKS[scale],
            algorithms=algorithms,
            seeds=chosen,
            command=this_command(),
            address=address,
        )
    report_on_benchmark(report)


@experiment.command()
def expert(
    env: Annotated[str, typer.Argument(help="Benchmark task: ball_balance, ant, anymal or franka_cube_stack.")],
    episodes: Annotated[int, typer.Option(min=1, help="Number of episodes over which the expert is measured.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of training and measurement.")] = 0,
    frames: Annotated[
        int | None,
        typer.Option(
            "--train", min=1, help="Train a new expert first, for so many control steps (not for ball_balance)."
        ),
    ] = None,
    report: Annotated[Path, typer.Option(help="Folder for the learning curve of --train.")] = Path("expert"),
) -> None:
    """Measure the return of a benchmark task's expert and save it as the reference for successes; optionally train the expert first."""
    from fleet_experiments.experts.experiment import (
        VIOLATION_S,
        require_benchmark,
        require_learned,
        store_return,
        train,
    )
    from fleet_experiments.experts.training import ExpertTraining

    require_benchmark(env)
    contract = read_yaml(config_folder() / f"robots/{env}.yaml", RobotContract)
    if frames:
        require_learned(env)
        make_folder(report)
        train(
            env,
            contract,
            report,
            training=ExpertTraining(frames, violation_s=VIOLATION_S.get(env, 0.0)),
            seed=seed,
            command=this_command(),
        )
    print(store_return(env, contract, episodes=episodes, seed=seed, command=this_command()))


@experiment.command()
def offline(
    data: Annotated[list[Path], typer.Option(help="File of recorded demonstrations (.npz); can be repeated.")],
    report: Report = Path("offline"),
    seeds: Seeds = "0,1,2,3,4",
    steps: Annotated[
        str, typer.Option(help="Numbers of gradient steps at which policies are measured, separated by commas.")
    ] = "300,600",
    rotation: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            help="Index at which a quaternion (x, y, z, w) starts, which becomes a rotation matrix; can be repeated.",
        ),
    ] = None,
    address: Address = None,
) -> None:
    """Train implicit and explicit behaviour cloning on recorded demonstrations, and measure them on held-out episodes."""
    from fleet_experiments.offline.experiment import offline as run
    from fleet_experiments.offline.recordings import read_demonstrations

    chosen, measured = _seeds(seeds), _numbers("steps", steps)
    recording = read_demonstrations(data).with_rotation_matrices(rotation or ())
    make_folder(report)
    results = run(
        recording,
        report,
        env="+".join(path.stem for path in data),
        seeds=chosen,
        steps=measured,
        command=this_command(),
        address=address,
    )
    metrics = [key for key in dict.fromkeys(key for row in results.rows for key in row) if key not in IDENTITY]
    show(results, ("algo", "condition"), metrics, report)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",")))


def _algorithms(text: str, known: Collection[str]) -> list[str]:
    """Return the names of algorithms in a text with commas.

    Raises:
        InputError: an algorithm is not known.
    """
    for name in _words(text):
        if name not in known:
            raise InputError(f"--algo: expected one of {', '.join(known)}, got {name!r}.")
    return _words(text)


def _seeds(seeds: str) -> list[int]:
    return list(dict.fromkeys(_numbers("seeds", seeds)))


def _numbers(option: str, text: str) -> list[int]:
    """Return the whole numbers in a text with commas.

    Raises:
        InputError: a part of the text is not a whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--{option}: expected whole numbers separated by commas, got {text!r}.")
    return [int(part) for part in parts]

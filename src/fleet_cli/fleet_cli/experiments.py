"""The command line of the experiments: `fleet experiment ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet_bringup.run_setup import config_folder, fleet_file
from fleet_cli.command_line import make_folder, show, this_command
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_experiments.results import IDENTITY, Row, new_results, run_of

experiment = typer.Typer(help="Reproduce tables and figures of the papers.", no_args_is_help=True)
Report = Annotated[
    Path, typer.Option(help="Folder for results.json, pictures and runs; a run that was cut goes on there.")
]
Seeds = Annotated[str, typer.Option(help="Seeds, with commas between them.")]
Address = Annotated[str | None, typer.Option(help="Of a Ray cluster; else this machine's processors.")]
TWENTY = ",".join(map(str, range(20)))


@experiment.command()
def jeffreys(report: Report = Path("jeffreys")) -> None:
    """Figure 2: the Jeffreys divergence of two Gaussian energies."""
    from fleet_experiments.jeffreys.figure import draw_jeffreys_figure

    make_folder(report)
    rows: list[Row] = [
        {**run_of("figure 2", "Langevin", 0, f"offset {found['offset_nats']:g} nats"), **found}
        for found in draw_jeffreys_figure(report)
    ]
    results = new_results("jeffreys", this_command(), rows)
    results.write(report)
    show(results, ("condition", "state"), ("integrated_nats", "langevin_nats", "standard_error_nats"), report)


@experiment.command()
def samplers(report: Report = Path("samplers"), seeds: Seeds = TWENTY) -> None:
    """What each sampler makes of Jeffreys divergences that are known."""
    from fleet_experiments.jeffreys.divergences import divergences

    chosen = _chosen(seeds)
    make_folder(report)
    results = new_results("samplers", this_command(), divergences(chosen))
    results.write(report)
    show(results, ("env", "algo"), ("integrated_nats", "estimated_nats", "share", "wall_s"), report)


@experiment.command()
def navigation(
    report: Report = Path("navigation"),
    seeds: Seeds = "5,6,7",
    address: Address = None,
) -> None:
    """Figure 1: BC, IBC, IFL and IIFL in the 2D maze, with and without wind (IIFL section 5.1)."""
    from fleet_experiments.navigation.experiment import navigation as run
    from fleet_experiments.navigation.experiment import navigation_setting

    chosen = _chosen(seeds)
    make_folder(report)
    contract = read_yaml(config_folder() / "robots/pointbot.yaml", RobotContract)
    results = run(navigation_setting(contract), report, seeds=chosen, command=this_command(), address=address)
    show(results, ("algo", "condition"), ("success", "collided", "human_actions", "hard_resets"), report)


@experiment.command("block_push")
def block_push(
    fleet: Annotated[
        str, typer.Option(help="Fleet file, or the name of one that comes with the stack.")
    ] = "block_push",
    algo: Annotated[str, typer.Option(help="bc, ibc, ifl, iifl, iifl_random; many with commas.")] = "bc,ibc,ifl,iifl",
    ticks: Annotated[int, typer.Option(min=1)] = 150,
    report: Report = Path("block_push"),
    seeds: Seeds = "5,6,7",
    nodes: Annotated[
        bool, typer.Option("--nodes", help="Repeat every run over the ROS 2 nodes, in lockstep, which gives the same.")
    ] = False,
    address: Address = None,
) -> None:
    """Table 2: BC, IBC, IFL and IIFL, by four arms that push blocks (IIFL section 5.3)."""
    from fleet_cli.ros_runs import ros_rows
    from fleet_experiments.fleet.fleet_trials import fleet_trials as run

    chosen, algorithms = _chosen(seeds), _algorithms(algo)
    described = read_fleet(fleet_file(fleet))
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
        str, typer.Option(help="ball_balance, ant, anymal, franka_cube_stack; many with commas.")
    ] = "ball_balance,ant,anymal,franka_cube_stack",
    algo: Annotated[
        str, typer.Option(help="bc, ibc, ifl, iifl, iifl_random; many with commas.")
    ] = "bc,ibc,ifl,iifl_random,iifl",
    scale: Annotated[str, typer.Option(help="paper: 100 robots, 10,000 ticks; cpu: minutes per run.")] = "cpu",
    report: Report = Path("benchmark"),
    seeds: Seeds = "0,1,2",
    address: Address = None,
) -> None:
    """Figure 3 and table 1: the simulated benchmark, many robots and few humans (IIFL section 5.2)."""
    from fleet_cli.benchmark_report import report_on_benchmark
    from fleet_experiments.fleet.benchmark import TICKS
    from fleet_experiments.fleet.benchmark import fleet_file as benchmark_file
    from fleet_experiments.fleet.fleet_trials import fleet_trials

    chosen, algorithms = _chosen(seeds), _algorithms(algo)
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
    env: Annotated[str, typer.Argument(help="ball_balance, ant, anymal, franka_cube_stack.")],
    episodes: Annotated[int, typer.Option(min=1, help="Episodes to measure the expert by.")] = 100,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    frames: Annotated[
        int | None, typer.Option("--train", min=1, help="ant, anymal: control steps to train a new expert by, before.")
    ] = None,
    report: Annotated[Path, typer.Option(help="--train: folder for the curve.")] = Path("expert"),
) -> None:
    """Measure what a benchmark's expert reaches, and keep it as what successes are told from; or train one before."""
    from fleet_experiments.experts.experiment import VIOLATION_S, keep_return, require_benchmark, require_learned, train
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
            schooling=ExpertTraining(frames, violation_s=VIOLATION_S.get(env, 0.0)),
            seed=seed,
            command=this_command(),
        )
    print(keep_return(env, contract, episodes=episodes, seed=seed, command=this_command()))


@experiment.command()
def offline(
    data: Annotated[list[Path], typer.Option(help="Recorded demonstrations, .npz; may be given many times.")],
    report: Report = Path("offline"),
    seeds: Seeds = "0,1,2,3,4",
    steps: Annotated[str, typer.Option(help="Gradient steps after which is measured, with commas.")] = "300,600",
    rotation: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Where a quaternion (x, y, z, w) begins, to learn from its matrix; many times."),
    ] = None,
    address: Address = None,
) -> None:
    """Implicit and explicit behaviour cloning of recorded demonstrations, measured on episodes that are held out."""
    from fleet_experiments.offline.experiment import offline as run
    from fleet_experiments.offline.recordings import read_demonstrations

    chosen, measured = _chosen(seeds), _numbers("steps", steps)
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


def _algorithms(text: str) -> list[str]:
    """Names of algorithms with commas between them.

    Raises:
        BadInput: there is no such algorithm.
    """
    from fleet_training.algorithms import ALGORITHMS

    for name in _words(text):
        if name not in ALGORITHMS:
            raise InputError(f"--algo: found {name!r}, allowed are {', '.join(ALGORITHMS)}.")
    return _words(text)


def _chosen(seeds: str) -> list[int]:
    return list(dict.fromkeys(_numbers("seeds", seeds)))


def _numbers(option: str, text: str) -> list[int]:
    """Whole numbers with commas between them.

    Raises:
        BadInput: they are none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--{option}: found {text!r}, allowed are whole numbers with commas between them.")
    return [int(part) for part in parts]

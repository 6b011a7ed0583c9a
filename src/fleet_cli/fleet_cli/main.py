"""The `fleet` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fleet_bringup.display import has_display
from fleet_bringup.run_setup import RunOptions, prepare
from fleet_cli.bag import bag
from fleet_cli.bench.bench import bench
from fleet_cli.dataset import dataset
from fleet_cli.experiments import experiment
from fleet_common.address import Address
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

app = typer.Typer(
    help="A few human supervisors, many learning robots.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(experiment, name="experiment")
app.add_typer(bench, name="bench")
app.add_typer(dataset, name="dataset")
app.add_typer(bag, name="bag")
LogLevel = Literal["debug", "info", "warn", "error"]


@app.callback()
def fleet() -> None:
    """A few human supervisors, many learning robots."""


@app.command()
def up(
    fleet: Annotated[
        str, typer.Option(help="A fleet file, or the name of one that comes with the stack.")
    ] = "block_push",
    ticks: Annotated[int, typer.Option(help="Ticks after which the run ends; 0: when it is stopped.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of simulation, sampling, training and ties.")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Folder for bag, summary and picture; runs/TIME_FLEET else.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="A line every few seconds, no live view.")] = False,
    record: Annotated[bool, typer.Option(help="Record everything into a bag.")] = True,
    robots: Annotated[int | None, typer.Option(help="Number of robots instead of the fleet file's.")] = None,
    supervisors: Annotated[int | None, typer.Option(help="Number of supervisors instead of the fleet file's.")] = None,
    operators: Annotated[
        int | None, typer.Option(help="How many of the supervisors are people instead of the fleet file's number.")
    ] = None,
    window: Annotated[
        bool | None, typer.Option(help="Open the operators' windows here; else where there is a display.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="Checkpoint instead of the fleet file's.")] = None,
    demonstrate: Annotated[
        bool, typer.Option("--demonstrate", help="Without a policy: robots hold unless a supervisor drives them.")
    ] = False,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Robots do not wait; a late action means holding.")
    ] = False,
    foxglove: Annotated[bool, typer.Option("--foxglove", help="Serve the fleet's topics to Foxglove.")] = False,
    foxglove_host: Annotated[
        str, typer.Option(help="--foxglove: address to listen at; others than this machine too.")
    ] = "127.0.0.1",
    foxglove_port: Annotated[
        int, typer.Option(help="--foxglove: port to listen at; 0 is a free one.", min=0, max=65535)
    ] = 8765,
    log_level: Annotated[LogLevel, typer.Option(help="Of the nodes' logs.")] = "info",
    params_file: Annotated[Path | None, typer.Option(help="ROS 2 parameter file for all nodes.")] = None,
) -> None:
    """Run a fleet: robots, policy, allocator, gate, supervisors, trainer and recorder."""
    run = prepare(
        RunOptions(
            fleet=fleet,
            report=report,
            ticks=ticks,
            seed=seed,
            record=record,
            robots=robots,
            supervisors=supervisors,
            operators=operators,
            windows=has_display() if window is None else window,
            policy=policy,
            demonstrate=demonstrate,
            mode="real_time" if real_time else None,
            params_file=params_file,
            foxglove=Address(foxglove_host, foxglove_port) if foxglove else None,
        )
    )
    if run.fleet.operator_names and not run.windows:
        print(f"for {', '.join(run.fleet.operator_names)}: ./fleet operator --web")
    if run.foxglove:
        print(f"foxglove: {run.foxglove.websocket if run.foxglove.port else run.folder / 'logs/foxglove.log'}")
    from fleet_cli.runner.up import up as run_up

    raise typer.Exit(run_up(run, headless=headless, log_level=log_level))


@app.command()
def replay(
    bag: Annotated[Path, typer.Argument(help="Folder of a run or of its bag.")],
    policy: Annotated[Path | None, typer.Option(help="Checkpoint instead of those that decided then.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="How many times as fast as it was recorded; else as soon as all is decided.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the run's.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for what is decided now; runs/TIME_FLEET_replay else.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="A line every few seconds, no live view.")] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Of the nodes' logs.")] = "info",
) -> None:
    """Let policy and allocator decide about a recorded run once more, and compare."""
    from fleet_cli.replay import Replay, conclude, prepare_replay
    from fleet_cli.runner.up import up as run_up

    past, run = prepare_replay(Replay(bag, policy, speed, seed, report))
    code = run_up(run, headless=headless, log_level=log_level)
    if not code:
        conclude(past, run)
    raise typer.Exit(code)


@app.command()
def report(
    bag: Annotated[Path, typer.Argument(help="Folder of a run or of its bag, or of the benchmark's runs.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page's file; report.html beside the bag else.")
    ] = None,
) -> None:
    """Tell a recorded run on one page for browsers: who drove, how unsure, what it brought, every intervention.

    Or the simulated benchmark: figure 3 and table 1, of the runs that there are in the folder of its experiment.
    """
    from fleet_experiments.fleet.benchmark import is_benchmark

    if is_benchmark(bag):
        from fleet_cli.benchmark_report import report_on_benchmark

        report_on_benchmark(bag)
    else:
        from fleet_cli.run_page.page import report_on

        print(report_on(bag, out))


@app.command("show")
def show_env(
    env: Annotated[str, typer.Argument(help="ball_balance, ant, anymal, franka_cube_stack.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The video's file; ENV_STYLE.mp4 here else.")] = None,
    style: Annotated[str | None, typer.Option(help="Of the expert; the first of the task's else.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=600)] = 10.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Look at a task of the simulated benchmark: a video of its expert, and a window where there is a display."""
    from fleet_cli.show import show

    print(show(env, out, style=style, seconds=seconds, seed=seed))


@app.command()
def operator(
    human: Annotated[str, typer.Option(help="Which of the fleet's operators sits here.")] = "human_01",
    web: Annotated[bool, typer.Option("--web", help="Serve a page for browsers instead of opening a window.")] = False,
    host: Annotated[str, typer.Option(help="--web: address to listen at; others than this machine too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="--web: port to listen at; 0 is a free one.", min=0, max=65535)] = 8088,
    run: Annotated[Path | None, typer.Option(help="Folder of the run, if several are going on.")] = None,
) -> None:
    """Help a fleet that runs on this machine: be one of its operators, or serve the page on which they are."""
    from fleet_cli.attach.operator import open_window, serve_page

    if web:
        serve_page(run, host, port)
    else:
        open_window(run, human)


@app.command()
def readmit(
    robot: Annotated[str, typer.Argument(help="Name of the robot, such as robot_03.")],
    run: Annotated[Path | None, typer.Option(help="Folder of the run, if several are going on.")] = None,
) -> None:
    """Let a robot move again that was unreachable from a fleet on this machine. See for yourself first that it may."""
    from fleet_cli.attach.readmit import readmit as call_back

    raise typer.Exit(0 if call_back(run, robot) else 1)


@app.command()
def pretrain(
    fleet: Annotated[
        str, typer.Option(help="A fleet file, or the name of one that comes with the stack.")
    ] = "block_push",
    seed: Annotated[int, typer.Option(help="Seed of demonstrations, training and calibration.")] = 0,
    shown: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Folder of a run: learn from what humans showed in it; may be given many times."),
    ] = None,
) -> None:
    """Collect demonstrations, train the fleet's first policy on them, and calibrate its threshold."""
    from fleet_bags.human_demonstrations import human_demonstrations
    from fleet_bringup.run_setup import fleet_file
    from fleet_training.pretraining import pretrain as run_pretrain
    from fleet_training.pretraining import pretrain_from

    path = fleet_file(fleet)
    if shown:
        described = read_fleet(path)
        pairs = human_demonstrations(shown, described.contract(), described.pretraining.observes)
        pretrain_from(described, pairs, seed=seed)
    else:
        run_pretrain(path, seed=seed)


@app.command()
def train(
    sets: Annotated[
        list[Path],
        typer.Argument(
            help="Training sets that `fleet dataset build` or `export` made, and .npz files of demonstrations."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the policy; a training that was cut goes on there.")
    ],
    fleet: Annotated[
        str, typer.Option(help="A fleet file, or the name of one: size of the policy, and length.")
    ] = "block_push",
    algo: Annotated[
        str,
        typer.Option(
            help="bc, ibc, ifl or iifl; robots with a policy of the last two ask for help where it is unsure."
        ),
    ] = "iifl",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Gradient steps at most, instead of the fleet file's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is held out, of bootstraps and batches.")] = 0,
) -> None:
    """Train a policy from recorded runs, without the fleet."""
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.train import train as run

    run(read_fleet(fleet_file(fleet)), sets, out, algorithm=algo, seed=seed, steps=steps)


def main() -> None:
    """Run the command; bad input is one sentence and exit code 2."""
    try:
        app()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)


if __name__ == "__main__":
    main()

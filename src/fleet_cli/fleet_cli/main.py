"""Defines the `fleet` command."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from fleet_bringup.run_options import RunnerOptions, RunOptions, with_options
from fleet_bringup.run_setup import choose_fleet, prepare
from fleet_cli.bag import bag
from fleet_cli.bench.bench import bench
from fleet_cli.dataset import dataset
from fleet_cli.experiments import experiment
from fleet_cli.federate import federate
from fleet_cli.monitor import monitor
from fleet_common.process_exit import exit_process
from fleet_common.rmw import require_rmw
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import EXIT_INPUT_ERROR, InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(experiment, name="experiment")
app.add_typer(bench, name="bench")
app.add_typer(dataset, name="dataset")
app.add_typer(bag, name="bag")
app.add_typer(monitor, name="monitor")
app.add_typer(federate, name="federate")
FleetFile = Annotated[str, typer.Option(help=RunOptions.model_fields["fleet"].description)]
RunFolder = Annotated[
    Path | None, typer.Option(help="Folder of the run; needed only if several runs are in progress on this machine.")
]
BenchmarkTask = Annotated[str, typer.Argument(help="Benchmark task: ball_balance, ant, anymal or franka_cube_stack.")]


@app.callback()
def fleet() -> None:
    """Run fleets of robots that learn interactively from a few human supervisors.

    For this checkout: `./fleet doctor` checks the machine, `./fleet test` and `./fleet lint` check the code, and `./fleet docs` builds the
    documentation.
    """
    require_rmw()


@app.command()
@with_options
def up(options: RunOptions, runner: RunnerOptions) -> None:
    """Run a fleet: robots, policy, allocator, gate, supervisors, trainer and recorder.

    Example: `./fleet up --ticks 150 --operators 1 --report out` with one person among the supervisors.
    """
    from fleet_cli.runner.interrupts import Interrupts
    from fleet_cli.runner.supervisor_process import SupervisorProcess

    fleet = choose_fleet(options)
    interrupts = Interrupts()
    with SupervisorProcess() as supervisor:
        run = prepare(options, fleet)
        interrupts.check()
        if run.fleet.operator_names and not run.windows:
            print(f"operators ({', '.join(run.fleet.operator_names)}): join with ./fleet operator --web")
        if run.foxglove:
            print(f"foxglove: {run.foxglove.websocket if run.foxglove.port else run.folder / 'logs/foxglove.log'}")
        from fleet_cli.runner.up import up as run_up

        code = run_up(run, supervisor, interrupts, headless=runner.headless, log_level=runner.log_level)
    exit_process(code)


@app.command()
@with_options
def replay(
    bag: Annotated[Path, typer.Argument(help="Folder of a recorded run, or of its bag.")],
    runner: RunnerOptions,
    policy: Annotated[
        Path | None, typer.Option(help="Checkpoint that decides (default: those that decided in the run).")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Speed as a multiple of recorded time (default: lockstep, as fast as decisions are made)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the decisions (default: the run's).")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for bag, summary and comparison (default: runs/TIME_FLEET_replay).")
    ] = None,
) -> None:
    """Re-run policy and allocator on a recording and compare their decisions with the recorded ones."""
    from fleet_bags.recording import read_recording
    from fleet_cli.runner.interrupts import Interrupts
    from fleet_cli.runner.supervisor_process import SupervisorProcess

    recording = read_recording(bag)
    interrupts = Interrupts()
    with SupervisorProcess() as supervisor:
        from fleet_cli.replay import Replay, compare_with, prepare_replay
        from fleet_cli.runner.up import up as run_up

        run = prepare_replay(recording, Replay(policy, speed, seed, report))
        interrupts.check()
        code = run_up(run, supervisor, interrupts, headless=runner.headless, log_level=runner.log_level)
    if not code:
        compare_with(recording, run)
    exit_process(code)


@app.command()
def report(
    bag: Annotated[
        Path, typer.Argument(help="Folder of a recorded run, of its bag, or of the benchmark experiment's results.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file to write (default: report.html beside the bag).")
    ] = None,
) -> None:
    """Render a recorded run as one self-contained HTML page.

    The page shows who drove each robot, the policy's uncertainty, the return on human effort, and every intervention. For results
    of `./fleet experiment benchmark`, draw figure 3 and print table 1 instead.
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
    env: BenchmarkTask,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Video file to write (default: ENV_STYLE.mp4 in the current directory)."),
    ] = None,
    style: Annotated[str | None, typer.Option(help="Style of the expert (default: the first one of the task).")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Length of the video in seconds.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 0,
) -> None:
    """Film the expert of a benchmark task, and open a viewer if there is a display."""
    from fleet_cli.show import show

    print(show(env, out, style=style, seconds=seconds, seed=seed))


@app.command()
def operator(
    human: Annotated[str, typer.Option(help="Name of the operator whose window opens.")] = "human_01",
    web: Annotated[bool, typer.Option("--web", help="Serve the web page for all operators instead.")] = False,
    host: Annotated[
        str, typer.Option(help="Address that the web server listens on; 0.0.0.0 lets other machines connect.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port that the web server listens on; 0 picks a free one.", min=0, max=65535)
    ] = 8088,
    run: RunFolder = None,
) -> None:
    """Open an operator window for a run on this machine, or serve the operators' web page.

    Example: `./fleet operator --web --host 0.0.0.0` for browsers on other machines.
    """
    from fleet_cli.attach.operator import open_window, serve_page

    if web:
        serve_page(run, host, port)
    else:
        open_window(run, human)


@app.command()
def readmit(
    robot: Annotated[str, typer.Argument(help="Name of the robot, such as robot_03.")],
    run: RunFolder = None,
) -> None:
    """Readmit an unreachable robot to a run on this machine. Check first that the robot may move safely."""
    from fleet_cli.attach.readmit import readmit as readmit_robot

    raise typer.Exit(0 if readmit_robot(run, robot) else 1)


@app.command()
def pretrain(
    fleet: FleetFile = "block_push",
    seed: Annotated[int, typer.Option(help="Seed of demonstrations, training and calibration.")] = 0,
    policy: Annotated[str, typer.Option(help="Kind of the policy: implicit or explicit.")] = "implicit",
) -> None:
    """Collect demonstrations in simulation, train the fleet's first policy on them, and calibrate its threshold."""
    from fleet_bringup.run_setup import fleet_file
    from fleet_training.pretraining import KINDS
    from fleet_training.pretraining import pretrain as run

    if policy not in KINDS:
        raise InputError(f"--policy: expected one of {', '.join(KINDS)}, got {policy!r}.")
    run(fleet_file(fleet), seed=seed, kind=policy)


@app.command()
def calibrate(
    sets: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Datasets from `./fleet dataset build` or `./fleet dataset export`, on whose observations the threshold is "
            "calibrated (default: a simulated run)."
        ),
    ] = None,
    fleet: FleetFile = "block_push",
    seed: Annotated[int, typer.Option(help="Seed of the run and of the sampling.")] = 0,
) -> None:
    """Calibrate the uncertainty thresholds of the fleet's policy again, and write them into its checkpoint.

    Needed after a change of `policy.decider`, `policy.sampler` or `policy.uncertainty` in the fleet file. Weights do not change.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_training.recalibration import recalibrate as run

    run(fleet_file(fleet), sets or [], seed=seed)


@app.command()
def train(
    sets: Annotated[
        list[Path],
        typer.Argument(
            help="Datasets from `./fleet dataset build` or `./fleet dataset export`, and .npz files of demonstrations."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the policy; an interrupted training resumes there.")
    ],
    fleet: FleetFile = "block_push",
    algo: Annotated[
        str,
        typer.Option(help="Algorithm: bc, ibc, ifl or iifl; with the last two, uncertain robots ask for help."),
    ] = "iifl",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of gradient steps (default: from the fleet file).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the held-out split, bootstraps and batches.")] = 0,
    moments: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of `./fleet dataset moments`, one for every site whose policies will be merged (default: the policy is "
            "scaled by its own data)."
        ),
    ] = None,
) -> None:
    """Train a policy on recorded runs, without starting a fleet.

    Example: `./fleet dataset build RUN -o set`, then `./fleet train set -o trained`.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.train import train as run

    run(read_fleet(fleet_file(fleet)), sets, out, algorithm=algo, seed=seed, steps=steps, moments=moments or [])


@app.command()
def merge(
    checkpoints: Annotated[list[Path], typer.Argument(help="Checkpoints of the sites' policies, two or more.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the merged policy.")],
    fleet: FleetFile = "block_push",
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Dataset or .npz file of demonstrations of a site; one for each checkpoint, in the same order."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="regression_mean: RegMean after matching units by activations; fleet_merge: FLEET-MERGE's search for permutations; "
            "weights or activations: Git Re-Basin; average: the plain mean. weights and average need no data."
        ),
    ] = "regression_mean",
    seed: Annotated[int, typer.Option(help="Seed of held-out splits, batches and evaluations.")] = 0,
) -> None:
    """Merge the policies of several sites into one, by their weights.

    Example: `./fleet merge a/policy.safetensors b/policy.safetensors --data set_a --data set_b -o merged`.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.merge import merge_policies

    merge_policies(read_fleet(fleet_file(fleet)), checkpoints, data or [], out, method=method, seed=seed)


def main() -> None:
    """Run the command; bad input is one sentence and exit code 2.

    Characters that the terminal's encoding does not have are replaced.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="./fleet")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)


if __name__ == "__main__":
    main()

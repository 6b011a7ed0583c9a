"""Defines the commands for performance benchmarks: `fleet bench ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fleet_bringup.run_options import RunOptions
from fleet_bringup.run_setup import config_folder, fleet_file
from fleet_cli.command_line import make_folder, show, this_command
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml

bench = typer.Typer(help="Measure the performance of the stack on this machine.", no_args_is_help=True)
Report = Annotated[Path, typer.Option(help="Folder for results.json and results.parquet.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.")]
Quick = Annotated[bool, typer.Option("--quick", help="Use tiny sizes, which check that the benchmark works.")]


@bench.command()
def policy(report: Report = Path("bench_policy"), seed: Seed = 0, quick: Quick = False) -> None:
    """Measure action, uncertainty and training step (IIFL table 5), and compare them with a plain PyTorch composition."""
    from fleet_experiments.bench.policy import QUICK, policy_bench
    from fleet_experiments.bench.policy_check import Unequal
    from fleet_experiments.bench.policy_workload import Sizes

    make_folder(report)
    try:
        results = policy_bench(QUICK if quick else Sizes(), report, seed=seed, command=this_command())
    except Unequal as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    metrics = ("p50_s", "p99_s", "speedup", "gemm_share", "mathematics_share", "sampler_s", "forward_backward_s")
    show(results, ("algo", "condition", "device"), (*metrics, "optimiser_s", "projected_from_iterations"), report)


@bench.command()
def cascade(
    report: Report = Path("bench_cascade"),
    seed: Seed = 0,
    quick: Quick = False,
    fleet: Annotated[str, typer.Option(help=RunOptions.model_fields["fleet"].description)] = "block_push",
) -> None:
    """Measure the cascade that screens 100 robots per tick in real time, and compare it with the full estimate."""
    from fleet_experiments.bench.cascade import QUICK, CascadeBenchPlan, cascade_bench

    fleet_config = read_fleet(fleet_file(fleet))
    make_folder(report)
    results = cascade_bench(
        fleet_config, QUICK if quick else CascadeBenchPlan(), report, seed=seed, command=this_command()
    )
    metrics = ("p50_s", "p99_s", "first_tick_s", "full_s", "recall", "recall_within_errors", "self_agreement")
    show(results, ("env", "condition"), metrics, report)


@bench.command()
def allocation(report: Report = Path("bench_allocation"), seed: Seed = 0, quick: Quick = False) -> None:
    """Measure the allocation of 100 humans to 1,000 robots for one tick, with each priority order."""
    from fleet_experiments.bench.allocation import QUICK, AllocationLoad, allocation_bench

    make_folder(report)
    results = allocation_bench(QUICK if quick else AllocationLoad(), report, seed=seed, command=this_command())
    show(results, ("algo", "condition"), ("p50_s", "p99_s"), report)


@bench.command()
def simulation(report: Report = Path("bench_simulation"), seed: Seed = 0, quick: Quick = False) -> None:
    """Measure control steps of 100 robots in each benchmark task, and compare them with separate simulations."""
    from fleet_experiments.bench.simulation import QUICK, SimulationLoad, simulation_bench
    from sim_bridge.backends import BENCHMARK

    contracts = {task: read_yaml(config_folder() / f"robots/{task}.yaml", RobotContract) for task in BENCHMARK}
    make_folder(report)
    results = simulation_bench(
        contracts, QUICK if quick else SimulationLoad(), report, seed=seed, command=this_command()
    )
    show(results, ("env", "condition"), ("steps_per_s", "p50_s", "p99_s", "one_by_one_p50_s", "speedup"), report)


@bench.command()
def monitor(
    report: Report = Path("bench_monitor"),
    seed: Seed = 0,
    quick: Quick = False,
    fleet: Annotated[str, typer.Option(help=RunOptions.model_fields["fleet"].description)] = "tabletop",
    name: Annotated[str, typer.Option("--monitor", help="Name of the monitor in the fleet file.")] = "firework",
) -> None:
    """Measure how long a monitor needs per tick for 4, 20 and 100 robots, and compare it with one watch per robot."""
    from fleet_experiments.bench.monitor import QUICK, MonitorLoad, monitor_bench

    fleet_config = read_fleet(fleet_file(fleet))
    make_folder(report)
    results = monitor_bench(
        fleet_config, name, QUICK if quick else MonitorLoad(), report, seed=seed, command=this_command()
    )
    show(results, ("env", "algo", "condition", "every"), ("p50_s", "p99_s", "cpu_s_per_tick"), report)


@bench.command()
def merge(report: Report = Path("bench_merge"), seed: Seed = 0, quick: Quick = False) -> None:
    """Measure how long the policies of five sites take to merge, by every method."""
    from fleet_experiments.bench.merge import QUICK, MergeLoad, merge_bench

    make_folder(report)
    results = merge_bench(QUICK if quick else MergeLoad(), report, seed=seed, command=this_command())
    show(results, ("algo", "condition"), ("merge_s", "cpu_s"), report)


@bench.command()
def recorder(
    report: Report = Path("bench_recorder"),
    quick: Quick = False,
    fleet: Annotated[
        str, typer.Option(help="Fleet whose topics are recorded, with more robots: a fleet file, or a fleet's name.")
    ] = "block_push",
) -> None:
    """Measure the load that the recorder takes without loss, with large images and with many robots, and its writer alone."""
    from fleet_cli.bench.recorder_bench import QUICK, RecorderBenchPlan, recorder_bench

    fleet_config = read_fleet(fleet_file(fleet))
    make_folder(report)
    results = recorder_bench(fleet_config, QUICK if quick else RecorderBenchPlan(), report, command=this_command())
    metrics = ("messages_per_s", "mb_per_s", "share_of_pace", "lost", "cores", "delay_p99_s")
    show(results, ("algo", "condition"), metrics, report)


@bench.command()
def fleet(report: Report = Path("bench_fleet"), quick: Quick = False) -> None:
    """Measure live fleets of 4 to 400 robots over ROS 2: pace, start, processor time and memory of every node, messages."""
    from fleet_cli.bench.fleet_bench import QUICK, FleetBenchPlan, fleet_bench

    make_folder(report)
    results = fleet_bench(QUICK if quick else FleetBenchPlan(), report, command=this_command())
    metrics = ("ticks_per_s", "first_tick_s", "end_s", "cpu_s", "cpu_s_per_tick", "start_cpu_s", "peak_mb")
    show(results, ("env", "algo", "condition"), (*metrics, "messages_per_tick", "bytes_per_tick"), report)

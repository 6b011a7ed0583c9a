"""Trains the experts of the benchmark and measures their returns, which define success (IIFL, section 5.2).

N robots, T ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.progress import MofNCompleteColumn, Progress

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_experiments.experts.training import ExpertTraining, train_expert
from fleet_experiments.results import Row, new_results, run_of
from fleet_supervisors import balance, learned, stack
from fleet_supervisors.learned import EXPERTS, MIRRORS
from fleet_supervisors.supervisors import make_supervisor
from sim_bridge.backends import BENCHMARK
from sim_bridge.benchmark.expert_return import EVERY, ExpertReturn
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS
from sim_bridge.episodes import act_by_state, drive_until_over

VIOLATION_S = {"ant": 2.0, "anymal": 0.0}
"""`ExpertTraining.violation_s` by task. With a reward for speed alone, every third ant falls within an episode."""
STYLES = {
    "ball_balance": tuple(balance.STYLES),
    "franka_cube_stack": tuple(stack.STYLES),
    **dict.fromkeys(MIRRORS, learned.STYLES),
}
"""Styles by task, in the order in which the measured experts have them."""


def require_benchmark(task: str) -> None:
    """Refuse tasks outside the benchmark.

    Raises:
        InputError: the benchmark has no such task.
    """
    if task not in BENCHMARK:
        raise InputError(f"ENV: expected one of {', '.join(BENCHMARK)}, got {task}.")


def require_learned(task: str) -> None:
    """Refuse tasks whose expert is a script.

    Raises:
        InputError: the task's expert is not trained.
    """
    if task not in MIRRORS:
        raise InputError(f"--train: expected one of {', '.join(MIRRORS)}, got {task}, whose expert is a script.")


def store_return(task: str, contract: RobotContract, *, episodes: int, seed: int, command: str) -> str:
    """Measure the expert's return and store it as the reference for successes; return a sentence about it."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("measuring the expert", total=KINDS[task].horizon)
        measured = expert_return(
            task,
            contract,
            episodes=episodes,
            seed=seed,
            command=command,
            on_tick=lambda tick: progress.update(bar, completed=tick),
        )
    measured.write(task)
    return (
        f"{task}: mean return {measured.mean_returns_T[-1]:g} over {episodes} episodes of {KINDS[task].horizon} ticks; "
        f"{100 * measured.violated:g} % ended in violation, {100 * measured.completed:g} % completed the task"
    )


def train(
    task: str,
    contract: RobotContract,
    folder: Path,
    *,
    training: ExpertTraining,
    seed: int,
    command: str,
    experts: Path = EXPERTS,
) -> None:
    """Train a new expert, write it into the folder of experts, and draw its training curve into `folder`."""
    rows: list[Row] = []
    fleet = SimulatedFleet(KINDS[task], contract, training.robots, np.inf)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("training the expert", total=training.frames)

        def on_update(done: int, reward: float) -> None:
            progress.update(bar, completed=done)
            rows.append({**run_of(task, "PPO", seed, "training"), "frames": done, "reward_per_tick": reward})

        expert = train_expert(fleet, training, seed=seed, curves=folder / "curves", on_update=on_update)
    expert.write(experts / f"{task}.safetensors")
    new_results("expert", command, rows).write(folder)
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(*np.array([[row["frames"], row["reward_per_tick"]] for row in rows], dtype=float).T)
    axes.set_xlabel("control steps of all robots")
    axes.set_ylabel("mean reward per control step")
    axes.set_title(task)
    figure.savefig(folder / f"{task}.png", dpi=110)


def expert_return(
    task: str,
    contract: RobotContract,
    *,
    episodes: int,
    seed: int,
    command: str,
    ticks: int | None = None,
    on_tick: Callable[[int], None] = lambda _: None,
) -> ExpertReturn:
    """Measure the return of experts of all styles in turn, each over one episode or its first `ticks` ticks.

    `on_tick` is called with the number of ticks so far.
    """
    kind, styles = KINDS[task], STYLES[task]
    fleet = SimulatedFleet(kind, contract, episodes, np.inf)
    experts = [make_supervisor(task, styles[robot % len(styles)], contract, seed, robot) for robot in range(episodes)]
    for expert in experts:
        expert.begin()
    violated_N, completed_N = np.zeros((2, episodes), dtype=bool)
    returns_N, means = np.zeros(episodes), []
    act = act_by_state([expert.act for expert in experts], contract.action_dim)
    steps = drive_until_over(fleet, fleet.reset(seed), act, ticks=ticks or kind.horizon)
    for tick, moved in enumerate(steps, 1):
        returns_N += moved.after.rewards_N
        violated_N |= moved.after.violated_N
        completed_N |= moved.after.succeeded_N
        if tick % EVERY == 0:
            means.append(round(float(returns_N.mean()), 3))
        on_tick(tick)
    return ExpertReturn(
        command=command,
        episodes=episodes,
        seed=seed,
        violated=float(violated_N.mean()),
        completed=float(completed_N.mean()),
        mean_returns_T=means,
    )

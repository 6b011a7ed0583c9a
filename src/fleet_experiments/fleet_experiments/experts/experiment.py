"""The experts of the benchmark: what they reach by themselves, from which successes are told (IIFL section 5.2), and new ones.

N robots, T ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.progress import MofNCompleteColumn, Progress

from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from fleet_experiments.experts.training import ExpertTraining, train_expert
from fleet_experiments.results import Row, new_results, run_of
from fleet_supervisors.learned import EXPERTS, MIRRORS
from fleet_supervisors.supervisors import SUPERVISORS, make_supervisor
from sim_bridge.backends import BENCHMARK
from sim_bridge.benchmark.expert_return import EVERY, ExpertReturn
from sim_bridge.benchmark.fleet import SimulatedFleet
from sim_bridge.benchmark.tasks import KINDS

VIOLATION_S = {"ant": 2.0, "anymal": 0.0}
"""`ExpertTraining.violation_s`. An ant that is paid for speed alone runs so fast that one in three falls within an episode."""


def require_benchmark(task: str) -> None:
    """Refuse what is no task of the benchmark.

    Raises:
        BadInput: it is not.
    """
    if task not in BENCHMARK:
        raise InputError(f"ENV: found {task}, allowed are {', '.join(BENCHMARK)}.")


def require_learned(task: str) -> None:
    """Refuse to train what is scripted.

    Raises:
        BadInput: the task's expert is not one that is trained.
    """
    if task not in MIRRORS:
        raise InputError(f"--train: found {task}, whose expert is a script; allowed are {', '.join(MIRRORS)}.")


def keep_return(task: str, contract: RobotContract, *, episodes: int, seed: int, command: str) -> str:
    """Measure what the expert reaches and keep it where successes are told from; gives a sentence about it."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("the expert drives", total=KINDS[task].horizon)
        reached = expert_return(
            task,
            contract,
            episodes=episodes,
            seed=seed,
            command=command,
            advance=lambda tick: progress.update(bar, completed=tick),
        )
    reached.write(task)
    return (
        f"{task}: mean return {reached.mean_returns_T[-1]:g} over {episodes} episodes of {KINDS[task].horizon} ticks, "
        f"{100 * reached.violated:g} % ended in violation, {100 * reached.completed:g} % with the task done"
    )


def train(
    task: str,
    contract: RobotContract,
    folder: Path,
    *,
    schooling: ExpertTraining,
    seed: int,
    command: str,
    experts: Path = EXPERTS,
) -> None:
    """Train a new expert, write it among the experts, and draw its curve into the folder."""
    rows: list[Row] = []
    fleet = SimulatedFleet(KINDS[task], contract, schooling.robots, np.inf)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        bar = progress.add_task("the expert learns", total=schooling.frames)

        def advance(done: int, reward: float) -> None:
            progress.update(bar, completed=done)
            rows.append({**run_of(task, "PPO", seed, "training"), "frames": done, "reward_per_tick": reward})

        learned = train_expert(fleet, schooling, seed=seed, curves=folder / "curves", advance=advance)
    learned.write(experts / f"{task}.safetensors")
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
    advance: Callable[[int], None] = lambda _: None,
) -> ExpertReturn:
    """Let experts of all styles in turn drive one whole episode each, or `ticks` of it; `advance` is told the ticks so far."""
    kind, styles = KINDS[task], list(SUPERVISORS[task])
    fleet = SimulatedFleet(kind, contract, episodes, np.inf)
    experts = [make_supervisor(task, styles[robot % len(styles)], contract, seed, robot) for robot in range(episodes)]
    for expert in experts:
        expert.begin()
    step = fleet.reset(seed)
    driving_N = np.ones(episodes, dtype=bool)
    violated_N, completed_N = np.zeros(episodes, dtype=bool), np.zeros(episodes, dtype=bool)
    returns_N = np.zeros(episodes)
    means = []
    for tick in range(1, (ticks or kind.horizon) + 1):
        actions_NA = np.zeros((episodes, contract.action_dim))
        for robot in np.flatnonzero(driving_N):
            actions_NA[robot] = experts[robot].act(step.states_NS[robot])
        step = fleet.step(np.where(driving_N, ActionKind.MOVE, ActionKind.HOLD).astype(np.int64), actions_NA)
        returns_N += step.rewards_N
        violated_N |= step.violated_N
        completed_N |= step.succeeded_N
        driving_N &= ~(step.episode_over_N | step.violated_N)
        if tick % EVERY == 0:
            means.append(round(float(returns_N.mean()), 3))
        advance(tick)
    return ExpertReturn(
        command=command,
        episodes=episodes,
        seed=seed,
        violated=float(violated_N.mean()),
        completed=float(completed_N.mean()),
        mean_returns_T=means,
    )

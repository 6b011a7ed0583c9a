"""The environments by backend and task, to which every installed package may add.

An environment is an entry point of the group `fleet.environments`, whose name is `BACKEND/TASK`. It refers to a callable that takes an
`EnvironmentRequest` and returns a `sim_bridge.environment.Environment`, such as a class with this one argument; test it with
`sim_bridge.conformance.EnvironmentConformance`. For a quick try, `environment.task` may also name the callable itself, as `module:Class`.

An environment whose robots may have different tasks, whose episodes have a fixed length, or that needs something installed, is also an entry
point of the group `fleet.environment_traits`, with the same name, which refers to its `EnvironmentTraits`.
"""

from __future__ import annotations

from collections.abc import Callable

from fleet_contract.plugins import nested_names, plugin, plugin_names
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError
from sim_bridge.environment import Environment
from sim_bridge.environment_request import EnvironmentRequest
from sim_bridge.environment_traits import EnvironmentTraits, tasks_in_turn

GROUP = "fleet.environments"
"""Group of the entry points."""
TRAITS_GROUP = "fleet.environment_traits"
"""Group of the entry points of their traits."""
BENCHMARK = ("ball_balance", "ant", "anymal", "franka_cube_stack")
"""Tasks of IIFL's simulated benchmark, which every physics simulator offers."""


def simulated_backends() -> tuple[str, ...]:
    """Return the backends that have environments."""
    return tuple(nested_names(GROUP))


def make_environment(
    backend: str,
    task: str,
    contract: RobotContract,
    robots: int,
    episode_ticks: int | None = None,
    tasks: tuple[str, ...] = (),
) -> Environment:
    """Return an environment.

    Args:
        backend: one of `simulated_backends()`.
        task: one of the backend's tasks, or `module:Class`.
        contract: the robots' contract.
        robots: number of robots.
        episode_ticks: ticks of an episode (default: the task's own number).
        tasks: tasks of the robots, assigned in turn (default: all tasks of an environment that has several).

    Raises:
        InputError: backend, task, tasks or length are unknown, the backend is not installed, or the contract is not that of the task.
        ValueError: there are no robots.
    """
    require_environment(backend, task, episode_ticks, tasks)
    prepare_environment(backend, task)
    make: Callable[[EnvironmentRequest], Environment] = plugin(GROUP, _name(backend, task), key="environment.task")
    return make(EnvironmentRequest(task, contract, robots, episode_ticks, tasks))


def require_environment(backend: str, task: str, episode_ticks: int | None = None, tasks: tuple[str, ...] = ()) -> None:
    """Refuse a choice for which there is no environment. Registered environments are not imported, and so neither are simulators.

    Raises:
        InputError: backend, task or tasks are unknown, or the length of the task's episodes cannot be chosen.
    """
    known = nested_names(GROUP)
    if backend not in known:
        raise InputError(f"environment.backend: expected one of {', '.join(known)}, got {backend}.")
    if ":" in task:
        plugin(GROUP, task, key="environment.task")
    elif task not in known[backend]:
        raise InputError(
            f"environment.task: expected one of {', '.join(known[backend])} with backend {backend}, or module:Class, got {task}."
        )
    traits = _traits(backend, task)
    if episode_ticks is not None and traits.fixed_episodes:
        raise InputError(f"environment.episode_ticks: expected none with task {task}, got {episode_ticks}.")
    if traits.tasks:
        tasks_in_turn(tasks, traits.tasks, len(tasks))
    elif tasks and ":" not in task:
        raise InputError(f"robots.tasks: expected none with task {task}, got {', '.join(tasks)}.")


def prepare_environment(backend: str, task: str) -> None:
    """Install what an environment needs, if it is not there yet. This may take minutes, with messages on standard error.

    Raises:
        InputError: it cannot be installed.
    """
    _traits(backend, task).prepare()


def tasks_within(backend: str, task: str) -> tuple[str, ...]:
    """Return the tasks among which robots of an environment may have different ones; none if there is only one."""
    return _traits(backend, task).tasks


def _traits(backend: str, task: str) -> EnvironmentTraits:
    """Return the traits of an environment; those that are not declared are the usual ones."""
    name = f"{backend}/{task}"
    if name not in plugin_names(TRAITS_GROUP):
        return EnvironmentTraits()
    traits: EnvironmentTraits = plugin(TRAITS_GROUP, name, key="environment.task")
    return traits


def _name(backend: str, task: str) -> str:
    """Return the name of the entry point, or `module:Class`."""
    return task if ":" in task else f"{backend}/{task}"

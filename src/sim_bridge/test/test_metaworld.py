"""Meta-World: its environment and its worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fleet_common import side_environment
from fleet_contract.action import ActionKind
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.backends import make_environment, prepare_environment, require_environment, tasks_within
from sim_bridge.conformance import EnvironmentConformance
from sim_bridge.metaworld.environment import HORIZON, Failure, Metaworld
from sim_bridge.metaworld.installation import INTERPRETER
from sim_bridge.metaworld.task import TASKS
from sim_bridge.progress import STUCK_TICKS

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/metaworld.yaml", RobotContract)


@pytest.fixture(scope="module", autouse=True)
def installed():
    """Install Meta-World, as the first run of a fleet does."""
    try:
        prepare_environment("metaworld", "mt6")
    except InputError as error:
        pytest.skip(str(error))


class Pooled:
    """An environment that is reused after it was closed, because a worker takes a second or two to start."""

    free: ClassVar[dict[int, list[Metaworld]]] = {}

    def __init__(self, robots):
        free = self.free.setdefault(robots, [])
        self._environment = free.pop() if free else make_environment("metaworld", "mt6", CONTRACT, robots)

    def __getattr__(self, name):
        return getattr(self._environment, name)

    def close(self):
        if self._environment is not None:
            self.free[self._environment.robots].append(self._environment)
            self._environment = None


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    for environments in Pooled.free.values():
        for environment in environments:
            environment.close()
    Pooled.free.clear()


class TestMetaworldConforms(EnvironmentConformance):
    def make(self, robots: int):
        return Pooled(robots)


@pytest.fixture
def six():
    """Robots with one task each, after a reset with seed 1."""
    environment = Pooled(6)
    environment.reset(1)
    yield environment
    environment.close()


def moved(environment, *action: float):
    """Let all robots take the same action."""
    return environment.step(np.full(environment.robots, ActionKind.MOVE), np.tile(action, (environment.robots, 1)))


def experts(environment, step):
    """Return the actions of Meta-World's own scripts."""
    (actions_NA,) = environment._worker.ask("expert", np.arange(environment.robots), step.states_NS[:, : -len(TASKS)])
    return actions_NA


def test_tasks_are_assigned_in_turn_and_the_state_names_them(six):
    assert six.tasks == TASKS == tasks_within("metaworld", "mt6")
    np.testing.assert_array_equal(six.reset(0).states_NS[:, -len(TASKS) :], np.eye(len(TASKS)))
    with closing(make_environment("metaworld", "mt6", CONTRACT, 3, tasks=("basketball", "dial_turn"))) as chosen:
        assert chosen.tasks == ("basketball", "dial_turn", "basketball")


def test_scripts_of_metaworld_complete_every_task(six):
    step, done_N = six.reset(5), np.zeros(6, dtype=np.bool_)
    for _ in range(HORIZON):
        actions_NA = experts(six, step)
        step = six.step(np.where(done_N, ActionKind.HOLD, ActionKind.MOVE), actions_NA)
        assert not step.violated_N.any()
        assert not (step.succeeded_N & ~step.terminated_N).any()
        done_N |= step.succeeded_N
        if done_N.all():
            break
    assert done_N.all()


def test_a_robot_that_does_nothing_is_stuck(six):
    """The hand may still sink a little at first, which is progress at some tasks."""
    first_N = np.zeros(6, dtype=np.int64)
    for move in range(1, STUCK_TICKS + 6):
        step = moved(six, 0.0, 0.0, 0.0, 0.0)
        first_N[(first_N == 0) & step.violated_N] = move
    assert (first_N >= STUCK_TICKS).all()
    assert six.failures.tolist() == [Failure.STUCK] * 6
    assert not step.episode_over_N.any()
    reset = six.step(np.full(6, ActionKind.HARD_RESET), np.zeros((6, 4)))
    assert six.failures.tolist() == [Failure.NONE] * 6
    assert reset.terminated_N.all()


def test_an_episode_is_truncated_after_its_moves(six):
    six._moves_N[:] = np.where(np.arange(6) == 2, HORIZON - 1, 0)
    step = moved(six, 0.0, 0.0, 0.0, 0.0)
    assert step.truncated_N.tolist() == (np.arange(6) == 2).tolist()
    assert not (step.terminated_N | step.violated_N).any()


def test_an_episode_does_not_depend_on_those_before(six):
    first = six.reset(3)
    images_NHW3 = six.images()
    for _ in range(15):
        moved(six, 0.5, 0.5, -1.0, 1.0)
    six.step(np.full(6, ActionKind.HARD_RESET), np.zeros((6, 4)))
    again = six.reset(3)
    np.testing.assert_array_equal(first.states_NS, again.states_NS)
    np.testing.assert_array_equal(six.images(), images_NHW3)


def test_the_observation_holds_the_frame_before_and_the_goal(six):
    before = moved(six, 0.3, 0.2, 0.1, -1.0)
    after = moved(six, 0.3, 0.2, 0.1, -1.0)
    np.testing.assert_array_equal(after.states_NS[:, 18:36], before.states_NS[:, :18])
    goals_N3 = six.reset(1).states_NS[:, 36:39]
    assert (np.abs(goals_N3 - six.reset(2).states_NS[:, 36:39]).max(axis=1) > 0).all()


def test_up_is_up_in_the_picture(six):
    """A hand that rises leaves red pixels below, and adds some above."""
    red_before_NHW, red_after_NHW = (
        (image[..., 0] > 100) & (image[..., 1] < 60)
        for image in (six.images().astype(int), [moved(six, 0.0, 0.0, 1.0, 0.0) for _ in range(15)] and six.images())
    )
    for before_HW, after_HW in zip(red_before_NHW, red_after_NHW, strict=True):
        left_rows, added_rows = np.nonzero(before_HW & ~after_HW)[0], np.nonzero(after_HW & ~before_HW)[0]
        assert added_rows.mean() < left_rows.mean()


def test_a_worker_that_dies_ends_the_environment_with_one_sentence():
    environment = make_environment("metaworld", "mt6", CONTRACT, 1)
    os.kill(environment._worker.pid, signal.SIGKILL)
    with pytest.raises(
        InputError, match=r"^environment\.backend: Meta-World has exited; its last messages are above\.$"
    ):
        [moved(environment, 0.0, 0.0, 0.0, 0.0) for _ in range(2)]
    environment.close()
    assert environment._worker.returncode == -signal.SIGKILL


def test_a_worker_survives_ctrl_c_until_it_is_closed():
    environment = make_environment("metaworld", "mt6", CONTRACT, 1)
    os.kill(environment._worker.pid, signal.SIGINT)
    moved(environment, 0.0, 0.0, 0.0, 0.0)
    environment.close()
    assert environment._worker.returncode == 0


def test_a_worker_does_not_outlive_a_killed_process():
    code = (
        "import sys, time; from pathlib import Path; from fleet_contract.robot import RobotContract; "
        "from fleet_contract.validation import read_yaml; from sim_bridge.metaworld.environment import Metaworld; "
        "environment = Metaworld(read_yaml(Path(sys.argv[1]), RobotContract), 1); "
        "print(environment._worker.pid, flush=True); time.sleep(600)"
    )
    path = Path(__file__).parents[3] / "launch/config/robots/metaworld.yaml"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        process.kill()
    with suppress(ProcessLookupError):
        for _ in range(600):
            os.kill(worker, 0)
            time.sleep(0.1)
        raise AssertionError("the worker is still there")


def test_without_metaworld_the_error_names_what_to_do(monkeypatch):
    monkeypatch.setenv(INTERPRETER, "/bin/false")
    with pytest.raises(InputError) as refused:
        make_environment("metaworld", "mt6", CONTRACT, 1)
    assert "/bin/false cannot load it (the worker exited)" in str(refused.value)
    assert "requirements/metaworld.txt" in str(refused.value)


@pytest.mark.parametrize(
    ("exits", "message"), [(0, None), (1, "its Python environment could not be set up, see above")]
)
def test_an_environment_that_cannot_be_set_up_is_refused_before_a_run(monkeypatch, tmp_path, exits, message):
    monkeypatch.delenv(INTERPRETER, raising=False)
    monkeypatch.setattr(side_environment, "CHECKOUT", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/setup_metaworld").write_text(f"raise SystemExit({exits})", encoding="utf-8")
    if message is None:
        prepare_environment("metaworld", "mt6")
        return
    with pytest.raises(InputError) as refused:
        prepare_environment("metaworld", "mt6")
    assert message in str(refused.value)


def test_refuses_tasks_that_do_not_exist():
    with pytest.raises(InputError) as refused:
        require_environment("metaworld", "mt6", tasks=("basketball", "juggle"))
    assert str(refused.value) == f"robots.tasks: expected some of {', '.join(TASKS)}, got juggle."

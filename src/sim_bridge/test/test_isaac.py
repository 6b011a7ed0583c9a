import io
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from sim_bridge.backends import make_environment
from sim_bridge.conformance import EnvironmentConformance
from sim_bridge.isaac.process import INTERPRETER, IsaacProcess
from sim_bridge.isaac.push_cells import IsaacPushCell
from sim_bridge.worker.wire import receive, send

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/push_cell.yaml", RobotContract)


def test_without_isaac_gym_the_error_says_where_to_get_it_and_what_else_to_choose(monkeypatch):
    monkeypatch.delenv(INTERPRETER, raising=False)
    with pytest.raises(InputError) as refused:
        make_environment("isaacgym", "block_push", CONTRACT, 2)
    message = str(refused.value)
    assert "No module named 'isaacgym'" in message
    assert "https://developer.nvidia.com/isaac-gym" in message
    assert "Python 3.8" in message
    assert message.endswith("or set environment.backend: mujoco.")


@pytest.mark.parametrize(
    ("python", "reason"), [("/nowhere/python", "No such file"), ("/bin/false", "the worker exited")]
)
def test_a_wrong_interpreter_is_refused(monkeypatch, python, reason):
    monkeypatch.setenv(INTERPRETER, python)
    with pytest.raises(InputError, match=reason):
        make_environment("isaacgym", "block_push", CONTRACT, 2)


def test_errors_of_isaac_gym_are_reported(stand_in):
    with pytest.raises(InputError, match=r"^environment\.backend: Isaac Gym failed \(TypeError: .*timestep_s"):
        IsaacProcess("robots", {"robots": 1})
    process = IsaacProcess("cells", {"robots": 1, "timestep_s": 0.01, "width": 8, "height": 8})
    with pytest.raises(InputError, match=r"^environment\.backend: Isaac Gym failed \(AttributeError: .*dance"):
        process.ask("dance")
    process._process.wait()
    process = IsaacProcess("cells", {"robots": 1, "timestep_s": 0.01, "width": 8, "height": 8})
    process._process.kill()
    process._process.wait()
    with pytest.raises(InputError, match=r"Isaac Gym has exited"):
        process.ask("cubes")
    process.close()


def test_arrays_cross_the_wire_unchanged():
    stream = io.BytesIO()
    arrays = [np.arange(6.0).reshape(2, 3), np.zeros((0, 4)), np.array([True, False]), np.arange(6).reshape(2, 3).T]
    send(stream, "word", *arrays)
    send(stream, "next")
    stream.seek(0)
    word, received = receive(stream)
    assert word == "word"
    for sent, got in zip(arrays, received, strict=True):
        np.testing.assert_array_equal(sent, got)
        assert sent.dtype == got.dtype
    assert receive(stream) == ("next", [])
    with pytest.raises(EOFError):
        receive(stream)


class Pooled:
    """An environment that is reused after it was closed, because a worker takes a second or two to start."""

    free: ClassVar[dict[int, list[IsaacPushCell]]] = {}

    def __init__(self, robots):
        free = self.free.setdefault(robots, [])
        self._environment = free.pop() if free else make_environment("isaacgym", "block_push", CONTRACT, robots)

    def __getattr__(self, name):
        return getattr(self._environment, name)

    def close(self):
        free = self.free[self.robots]
        if self._environment not in free:
            free.append(self._environment)


@pytest.fixture(scope="module")
def _workers_end():
    yield
    for environment in (each for free in Pooled.free.values() for each in free):
        environment.close()
        environment.close()
        assert environment._physics._process.returncode == 0
    Pooled.free.clear()


@pytest.mark.usefixtures("stand_in", "_workers_end")
class TestIsaacPushCellConforms(EnvironmentConformance):
    """The calls fit together and the arrays arrive; the physics is that of the stand-in."""

    tolerance = 1e-6
    steps = 6

    def make(self, robots):
        return Pooled(robots)

    def test_a_push_moves_its_cube_and_no_other(self):
        with self._made(3) as environment:
            before = environment.reset(0)
            step = environment.step(np.array([0, 1, 0]), np.full((3, 2), 0.03))
            moved = step.states_NS[:, :2] - before.states_NS[:, :2]
            np.testing.assert_array_equal(moved[[0, 2]], 0.0)
            assert moved[1] @ (1, 1) / 2**0.5 == pytest.approx(0.03 * 2**0.5, abs=0.015)

    def test_start_poses_are_those_of_the_other_backend(self):
        other = make_environment("mujoco", "block_push", CONTRACT, 3)
        with self._made(3) as environment:
            np.testing.assert_allclose(environment.reset(5).states_NS, other.reset(5).states_NS, atol=1e-6)

"""The worker process that runs Meta-World, which needs another MuJoCo than this package and so an environment of its own.

Its argument is the tasks of the robots in JSON. Draws nothing by itself: every episode begins with a seed.

N robots, I some of them, O = 39 observed numbers, H image rows, W image columns.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from sim_bridge.worker.serving import serve

if TYPE_CHECKING:
    from numpy.typing import NDArray

CAMERA = "corner4"
"""Camera that sees the robots' workspace from the front; it hangs upside down."""
FIELD_OF_VIEW_DEG = 60.0
"""Angle of the camera, from the upper to the lower edge of an image."""
UNNEEDED = ("mjRND_SHADOW", "mjRND_REFLECTION", "mjRND_SKYBOX")
"""What makes an image five times as expensive on a processor."""
PLACED = ("body_pos", "body_quat", "site_pos", "geom_pos", "geom_quat")
"""Fields of the model that say where things are, which episodes change."""


def main() -> None:
    """Answer requests for the robots."""
    serve(lambda: MetaworldRobots(json.loads(sys.argv[1])))


class MetaworldRobots:
    """One environment of Meta-World per robot."""

    def __init__(self, tasks: list[str]) -> None:
        """Make the environments of these tasks, such as "drawer-open-v3"."""
        import metaworld  # noqa: F401 - registers what follows, and tells at once whether it is installed
        from metaworld.policies import ENV_POLICY_MAP

        # Its scripts warn that their actions exceed the limits, to which we clip them.
        warnings.filterwarnings("ignore", module="metaworld")
        self._tasks = tasks
        self._experts = {task: ENV_POLICY_MAP[task]() for task in tasks}
        self._environments = [_environment(task) for task in tasks]
        self._placed = [
            {name: getattr(environment.model, name).copy() for name in PLACED} for environment in self._environments
        ]
        self._renderers: dict[tuple[str, int, int], Any] = {}

    def start(
        self, robots_I: NDArray[np.int64], seeds_I: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Start episodes; return the observations (I, O), the distances of the objects from their goals (I,), m, and the rewards (I,)."""
        observed_IO = np.stack(
            [self._start(robot, seed) for robot, seed in zip(robots_I.tolist(), seeds_I.tolist(), strict=True)]
        )
        still_4 = np.zeros(4, dtype=np.float32)
        judged = [
            self._environments[robot].evaluate_state(observed_O, still_4)
            for robot, observed_O in zip(robots_I.tolist(), observed_IO, strict=True)
        ]
        remaining_I = np.array([info["obj_to_target"] for _, info in judged], dtype=np.float64)
        return observed_IO, remaining_I, np.array([reward for reward, _ in judged], dtype=np.float64)

    def move(
        self, robots_I: NDArray[np.int64], actions_I4: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Carry out one control step; return observations, distances, rewards, and which tasks are completed, (I,)."""
        moved = [
            self._environments[robot].step(action_4.astype(np.float32))
            for robot, action_4 in zip(robots_I.tolist(), actions_I4, strict=True)
        ]
        return (
            np.stack([observed_O for observed_O, *_ in moved]),
            np.array([info["obj_to_target"] for *_, info in moved], dtype=np.float64),
            np.array([reward for _, reward, *_ in moved], dtype=np.float64),
            np.array([bool(info["success"]) for *_, info in moved]),
        )

    def expert(self, robots_I: NDArray[np.int64], observed_IO: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the actions (I, 4) that Meta-World's scripts take at observations of these robots, in [-1, 1]."""
        actions = [
            self._experts[self._tasks[robot]].get_action(observed_O)
            for robot, observed_O in zip(robots_I.tolist(), observed_IO, strict=True)
        ]
        return np.asarray(np.clip(np.stack(actions), -1.0, 1.0), dtype=np.float64)

    def images(self, size_2: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images of all robots, (N, H, W, 3), red green blue, in this width and height."""
        width, height = size_2.tolist()
        return np.stack(
            [
                self._image(task, environment.data, width, height)
                for task, environment in zip(self._tasks, self._environments, strict=True)
            ]
        )

    def close(self) -> None:
        """Free the renderers."""
        while self._renderers:
            self._renderers.popitem()[1].close()

    def _start(self, robot: int, seed: int) -> NDArray[np.float64]:
        """Start an episode; return the observation, (O,)."""
        import mujoco

        environment = self._environments[robot]
        model, data = environment.model, environment.data
        # The last episode leaves nothing behind, so that every start depends on its seed only.
        for name, values in self._placed[robot].items():
            getattr(model, name)[:] = values
        mujoco.mj_resetData(model, data)
        environment.np_random = np.random.default_rng(seed)
        # Meta-World moves the hand to its place before it draws where things are, and writes that into the model. The second reset
        # finds them there.
        environment._freeze_rand_vec = False  # noqa: SLF001 - there is no other way to give it a seed
        environment.reset_model()
        environment._freeze_rand_vec = True  # noqa: SLF001
        environment.reset()
        # Some resets leave observations of before.
        mujoco.mj_forward(model, data)
        environment._prev_obs = environment._get_curr_obs_combined_no_goal()  # noqa: SLF001
        return np.asarray(environment._get_obs(), dtype=np.float64)  # noqa: SLF001

    def _image(self, task: str, data: Any, width: int, height: int) -> NDArray[np.uint8]:
        renderer = self._renderers.get((task, width, height))
        if renderer is None:
            # The model of a task says how things look, and the data of a robot where they are.
            model = self._environments[self._tasks.index(task)].model
            renderer = self._renderers[task, width, height] = _renderer(model, width, height)
        renderer.update_scene(data, CAMERA)
        return np.asarray(renderer.render()[::-1, ::-1], dtype=np.uint8)


def _environment(task: str) -> Any:
    """Return an environment that draws where things are, and whose observation holds the goal."""
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS

    environment = ALL_V3_ENVIRONMENTS[task]()
    environment.seeded_rand_vec = True
    environment._set_task_called = True  # noqa: SLF001 - instead of a list of tasks, which is drawn without our seed
    environment._partially_observable = False  # noqa: SLF001
    # The space of observations is cached, with the goal left out.
    environment.__dict__.pop("sawyer_observation_space", None)
    environment.max_path_length = sys.maxsize
    return environment


def _renderer(model: Any, width: int, height: int) -> Any:
    import mujoco

    quality, frame = model.vis.quality, model.vis.global_
    quality.shadowsize = quality.offsamples = 0
    frame.offwidth, frame.offheight = max(width, frame.offwidth), max(height, frame.offheight)
    renderer = mujoco.Renderer(model, height, width)
    for name in UNNEEDED:
        renderer.scene.flags[getattr(mujoco.mjtRndFlag, name)] = 0
    return renderer

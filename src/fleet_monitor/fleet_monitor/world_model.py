"""The world model: imagines what a robot's camera will see, or, without a camera, the robot's next states.

F frames, H image rows, W image columns or width of a latent, C channels, S state dim, B windows of frames or robots, T frames of
context, N imagined futures, L imagined steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, validated
from fleet_learning.optimization import OnStep, OptimizerConfig, OptimizerState, optimize
from fleet_learning.tensor_file import file_digest, parsed, read_tensors, write_tensors
from fleet_monitor.autoencoder import Autoencoder, AutoencoderShape, as_intensities
from fleet_monitor.digest import digest_of
from fleet_monitor.dynamics import DynamicsShape, LatentDynamics
from fleet_monitor.state_scaling import StateScaling, StateShape

FORMAT = "fleet-world-model-1"
"""Format name and version, in the header of every file of a world model."""
BLOCK = 256
"""Frames that are encoded at once."""


@dataclass(frozen=True)
class WorldModelConfig:
    """Size of a world model and how it learns."""

    autoencoder: AutoencoderShape | StateShape
    """Images have an autoencoder; states are only standardised."""
    dynamics: DynamicsShape
    futures: int
    """Futures that are imagined of each robot, N."""
    autoencoder_optimizer: OptimizerConfig = OptimizerConfig(batch_size=64, learning_rate=1e-3, decay=0.97)
    dynamics_optimizer: OptimizerConfig = OptimizerConfig(batch_size=16, learning_rate=1e-3, decay=0.95)
    divergence_weight: float = 3e-3
    """Weight of the posterior's divergence from the prior against the squared error of latents. A small weight lets
    the posterior put more into the noise than the prior can foresee; a large one makes all futures the same."""

    @property
    def observes(self) -> Stream:
        """What the model encodes."""
        return "state" if isinstance(self.autoencoder, StateShape) else "camera"


SMALL = WorldModelConfig(
    AutoencoderShape(64, 64, filters=(16, 32, 64), strides=(2, 2, 2), map_channels=32, dense=128),
    DynamicsShape(embedding=128, layers=2, heads=4),
    futures=8,
)
"""Size for images that two busy cores can run for a small fleet."""
PAPER = WorldModelConfig(
    AutoencoderShape(84, 84, filters=(32, 64), strides=(1, 2), map_channels=4),
    DynamicsShape(embedding=512, layers=6, heads=8),
    futures=20,
    autoencoder_optimizer=OptimizerConfig(batch_size=64, learning_rate=1e-4, decay=1.0),
    dynamics_optimizer=OptimizerConfig(batch_size=8, learning_rate=1e-4, decay=1.0),
    divergence_weight=1e-5,
)
"""Size of FIREWORK's published code, with one of its cameras and without its dropout; the paper gives no sizes."""


@dataclass(frozen=True)
class WorldModel:
    """An autoencoder of images or a scaling of states, and the dynamics of its latents. Immutable: training returns another one.

    Source: FIREWORK, section 3.2.1. The paper trains both parts together. Here they are trained one after the other, the dynamics
    on latents that are computed once: a step then costs about a sixth, and the dynamics have targets that stand still.
    """

    config: WorldModelConfig
    autoencoder: Autoencoder | StateScaling
    dynamics: LatentDynamics

    @torch.no_grad()
    def encode(self, observations_F: NDArray[np.generic]) -> Tensor:
        """Return the latents (F, W) of images (F, H, W, C) of 8-bit values, or of states (F, S).

        Raises:
            InputError: the observations have another shape than those that the model has learned.
        """
        expected = self.config.autoencoder.observed
        if observations_F.shape[1:] != expected:
            raise InputError(
                f"{self.observed}: expected shape {expected}, as the world model has learned, got {observations_F.shape[1:]}."
            )
        blocks = torch.split(torch.from_numpy(observations_F), BLOCK)
        return torch.cat([self.autoencoder.encode(block) for block in blocks])

    @property
    def observed(self) -> str:
        """What observations are called in messages: images or states."""
        return "images" if self.config.observes == "camera" else "states"

    @torch.no_grad()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Return the images (..., H, W, C) of 8-bit values of latents (..., W).

        Raises:
            RuntimeError: the model has learned states.
        """
        if self.config.observes == "state":
            raise RuntimeError("a world model of states has no images")
        intensities = self.autoencoder.decode(latents.flatten(0, -2)).permute(0, 2, 3, 1)
        images: NDArray[np.uint8] = (
            (intensities * 255).round().byte().view(*latents.shape[:-1], *intensities.shape[1:]).numpy()
        )
        return images

    def imagine(self, latents_BTW: Tensor, generator: torch.Generator) -> Tensor:
        """Return imagined latents (B, N, L, W) of the frames that follow.

        Args:
            latents_BTW: latents of the last T frames of every robot.
            generator: source of all random numbers.

        Raises:
            ValueError: the number of frames or the width is another one.
        """
        expected = (self.config.dynamics.context, self.config.autoencoder.latent)
        if latents_BTW.shape[1:] != expected:
            raise ValueError(
                f"latents_BTW: expected shape (B, {expected[0]}, {expected[1]}), got {tuple(latents_BTW.shape)}"
            )
        return self.dynamics.imagine(latents_BTW, self.config.futures, generator)

    def fit_autoencoder(
        self,
        observations_F: NDArray[np.generic],
        *,
        steps: int,
        seed: int,
        on_step: OnStep | None = None,
        resume_path: Path | None = None,
    ) -> tuple[WorldModel, float]:
        """Train the autoencoder on images, the first stage, or standardise states; the dynamics do not change.

        Args:
            observations_F: frames of all tasks, (F, H, W, C) or (F, S).
            steps: number of gradient steps.
            seed: seed of the batches.
            on_step: called after every step.
            resume_path: file from which an interrupted training resumes; it is removed when the training is complete.

        Returns:
            The new world model, and the mean squared error of intensities in the last tenth of the steps; 0 with states.

        Raises:
            InputError: there are no observations, or `resume_path` belongs to another training.
        """
        if not len(observations_F):
            raise InputError(f"{self.observed}: expected at least one, got none.")
        seen, autoencoder = torch.from_numpy(observations_F), deepcopy(self.autoencoder)
        if isinstance(autoencoder, StateScaling):
            autoencoder.standardise(seen)
            return replace(self, autoencoder=autoencoder), 0.0

        def loss(batch: Tensor, _: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            own = seen[batch[0]]
            error = mse_loss(autoencoder.decode(autoencoder.encode(own)), as_intensities(own))
            return error, {"image error": error.detach()}

        _, error = optimize(
            list(autoencoder.parameters()),
            loss,
            [np.arange(len(seen))],
            self.config.autoencoder_optimizer,
            OptimizerState(),
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: ("autoencoder", self.config, digest_of(self.autoencoder), digest_of(seen)),
        )
        return replace(self, autoencoder=autoencoder), error

    def fit_dynamics(
        self,
        latents: Sequence[Tensor],
        *,
        steps: int,
        seed: int,
        on_step: OnStep | None = None,
        resume_path: Path | None = None,
    ) -> tuple[WorldModel, float]:
        """Train the dynamics on latents, the second stage; the autoencoder does not change.

        Args:
            latents: latents (F, W) of the successive frames of every episode, from `encode`.
            steps: number of gradient steps.
            seed: seed of the batches and the noise.
            on_step: called after every step.
            resume_path: file from which an interrupted training resumes; it is removed when the training is complete.

        Returns:
            The new world model, and the mean squared error of latents in the last tenth of the steps, in the unit of
        `LatentDynamics.change_W`: repeating the last frame would be wrong by 1 at the last imagined step.

        Raises:
            InputError: no episode is as long as context and horizon together, or `resume_path` belongs to another training.
        """
        shape, dynamics = self.config.dynamics, deepcopy(self.dynamics)
        length = shape.context + shape.horizon
        begins = require_windows(latents, length)
        all_FW = torch.cat(list(latents))
        dynamics.standardise(latents)
        frames = torch.arange(length)

        def loss(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
            error, divergence = dynamics.errors(all_FW[batch[0][:, None] + frames], generator)
            measures = {"latent error": error.detach(), "divergence": divergence.detach()}
            return error + self.config.divergence_weight * divergence, measures

        _, error = optimize(
            list(dynamics.parameters()),
            loss,
            [begins],
            self.config.dynamics_optimizer,
            OptimizerState(),
            steps=steps,
            seed=seed,
            on_step=on_step,
            resume_path=resume_path,
            identity=lambda: ("dynamics", self.config, begins.tolist(), digest_of(self.dynamics), digest_of(all_FW)),
        )
        return replace(self, dynamics=dynamics), error


def new_world_model(config: WorldModelConfig, *, seed: int) -> WorldModel:
    """Return an untrained world model."""
    with torch.random.fork_rng():  # modules draw their initial weights from the global random state
        torch.manual_seed(seed)
        autoencoder: Autoencoder | StateScaling = (
            StateScaling(config.autoencoder)
            if isinstance(config.autoencoder, StateShape)
            else Autoencoder(config.autoencoder)
        )
        dynamics = LatentDynamics(config.dynamics, config.autoencoder.latent)
    return WorldModel(config, autoencoder.eval(), dynamics.eval())


def monitored_stream(contract: RobotContract) -> Stream:
    """Return what monitors observe of robots: the images of their camera, or their states if they have none."""
    return "state" if contract.observation.camera is None else "camera"


def window_begins(lengths: Sequence[int], length: int) -> NDArray[np.int64]:
    """Return where windows of `length` frames begin that lie within one episode.

    Args:
        lengths: number of frames of each episode; the episodes follow one another.
        length: number of frames of a window.
    """
    ends = np.cumsum([0, *lengths])
    return np.concatenate(
        [
            np.zeros(0, np.int64),
            *(np.arange(end - own, end - length + 1) for own, end in zip(lengths, ends[1:], strict=True)),
        ]
    )


def require_windows(latents: Sequence[Tensor], length: int) -> NDArray[np.int64]:
    """Return where windows of `length` frames begin, of which there must be one.

    Raises:
        InputError: no episode is long enough.
    """
    begins = window_begins([len(episode_FW) for episode_FW in latents], length)
    if not len(begins):
        raise InputError(f"episodes: expected at least one of {length} frames or more, got none.")
    return begins


class WorldModelMetadata(StrictModel):
    """Describes the world model in a file."""

    robot: str
    """Robot type of the contract."""
    contract: str
    """Digest of the contract."""
    config: WorldModelConfig


def write_world_model(path: Path, model: WorldModel, contract: RobotContract) -> str:
    """Write a world model, whole or not at all, and return the digest of its file, which monitors refer to.

    Parameters are rounded to half precision. Learn and calibrate detectors with the model that is read from the file.
    """
    metadata = WorldModelMetadata(robot=contract.robot, contract=contract.digest, config=model.config)
    tensors = {
        f"{part}.{name}": tensor.half()
        for part, net in _parts(model).items()
        for name, tensor in net.state_dict().items()
    }
    return write_tensors(path, tensors, metadata.model_dump_json(), kind=FORMAT)


def read_world_model(path: Path, contract: RobotContract) -> tuple[WorldModel, str]:
    """Read a world model and the digest of its file.

    Raises:
        InputError: the file is missing, truncated, modified or no world model, or was made for another contract.
    """
    tensors, about = read_tensors(path, kind=FORMAT, dtype=torch.half)
    metadata = validated(parsed(about), WorldModelMetadata, source=f"{path} (about)")
    contract.require_same(metadata.contract, owner=str(path))
    model = new_world_model(metadata.config, seed=0)
    try:
        for part, net in _parts(model).items():
            own = {
                name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")
            }
            net.load_state_dict(own)
    except RuntimeError:
        raise InputError(f"{path}: expected the tensors of the world model's config, got others.") from None
    return model, file_digest(path)


def require_world_model(found: str, expected: str, *, owner: str) -> None:
    """Refuse something that was made from the latents of another world model.

    Args:
        found: digest of the world model that it was made from.
        expected: digest of the world model that imagines the futures.
        owner: what was made, such as a file.

    Raises:
        InputError: the digests differ.
    """
    if found != expected:
        raise InputError(f"{owner}: world_model: expected {expected[:12]}, which imagines, got {found[:12]}.")


def _parts(model: WorldModel) -> dict[str, nn.Module]:
    return {"autoencoder": model.autoencoder, "dynamics": model.dynamics}

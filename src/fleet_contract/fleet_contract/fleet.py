"""The fleet file: robots, task, supervisors, policy, allocation and training of one fleet, in one YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator

from fleet_contract.allocation_letters import from_letters
from fleet_contract.quantity import Name, NameOrClass
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.signal import UNCERTAINTY, VIOLATION
from fleet_contract.validation import InputError, StrictModel, read_yaml, validated

MAX_ROBOTS = 1000
"""Largest number of robots in a fleet."""
GATE_TIMEOUT_S = 0.2
"""Time, s, without a sign of the gate after which robots stop."""
SHARED_MACHINE_TIMEOUT_S = 5.0
"""Value, s, of all timeouts in a simulated lab, which shares its processors with the fleet."""


class RobotsConfig(StrictModel):
    """The robots of the fleet, which share one contract."""

    contract: Path
    """Robot contract file, relative to the fleet file."""
    count: int = Field(ge=1, le=MAX_ROBOTS)
    """N, number of robots."""
    tasks: tuple[str, ...] = ()
    """Tasks of the robots, assigned to them in turn, in an environment that has several. Empty: all tasks of the environment in turn."""


class ProgramConfig(StrictModel):
    """An executable of a ROS package."""

    package: str = Name
    """Name of the package."""
    executable: str
    """Name of the executable."""


class EnvironmentConfig(StrictModel):
    """What moves the robots: a simulation, real robots or a recorded run."""

    backend: str = Name
    """mujoco: simulation on the CPU; mujoco_warp: simulation on a GPU; isaacgym: simulation in Isaac Gym; metaworld: simulation of
    Meta-World's tasks; numpy: simulation without physics; yumi: real YuMi robots; yumi_sim: simulated YuMi robots; ros: robots that
    already speak ROS 2, as their contract's section `native` describes them; replay: a recorded run. Installed packages add others, as
    entry points of the groups `fleet.environments` and `fleet.drivers`."""
    task: str = NameOrClass
    """Name of the robots' task; or `module:Class`, an environment that no package has registered."""
    episode_ticks: int | None = Field(default=None, ge=1)
    """Ticks after which an episode is truncated, for tasks whose length can be chosen. None: the task's own limit."""
    gateways: Path | None = None
    """yumi only: gateways file, relative to the fleet file."""
    program: ProgramConfig | None = None
    """ros only: program that is started in every robot's namespace. None: the robots are already running."""
    bag: Path | None = None
    """replay only: folder of the bag, relative to the fleet file."""
    speed: float | None = Field(default=None, gt=0)
    """replay only: speed relative to the recording, such as 2.0. None: as fast as policy and allocator decide."""

    @model_validator(mode="after")
    def _bag_fits_backend(self) -> Self:
        if (self.backend == "replay") != (self.bag is not None):
            raise ValueError(
                f"bag: expected a folder with backend replay and null with any other, got {self.bag or 'null'}"
            )
        if self.speed and self.backend != "replay":
            raise ValueError(f"speed: expected null with backend {self.backend}, got {self.speed}")
        return self

    @model_validator(mode="after")
    def _gateways_fit_backend(self) -> Self:
        if (self.backend == "yumi") != (self.gateways is not None):
            raise ValueError(
                f"gateways: expected a file with backend yumi and null with any other, got {self.gateways or 'null'}"
            )
        return self

    @model_validator(mode="after")
    def _program_fits_backend(self) -> Self:
        if self.program and self.backend != "ros":
            raise ValueError(f"program: expected null with backend {self.backend}, got {self.program.executable}")
        return self

    @property
    def gate_timeout_s(self) -> float:
        """Time, s, after which drivers stop their robots when the gate's process hangs or has ended.

        A simulated lab shares its processors with the fleet, and the gate may be late without a fault.
        """
        return SHARED_MACHINE_TIMEOUT_S if self.backend == "yumi_sim" else GATE_TIMEOUT_S


class SupervisorsConfig(StrictModel):
    """The humans who help the robots."""

    count: int = Field(ge=1)
    """M, number of humans, less than N."""
    operators: int = Field(default=0, ge=0)
    """Number of humans, the first ones, who are people. The others are scripts."""
    patience_s: float = Field(default=10.0, gt=0)
    """lockstep only: time, s, for which the fleet waits for a person's action. After that the person's robot holds for this tick."""
    styles: tuple[str, ...] = ()
    """Behaviours of the scripts, assigned to the humans in turn: styles of the task, or `module:Class`. May be empty if all humans are
    people."""

    @model_validator(mode="after")
    def _operators_and_styles_fit_count(self) -> Self:
        if self.operators > self.count:
            raise ValueError(f"operators: expected at most count ({self.count}), got {self.operators}")
        if self.operators < self.count and not self.styles:
            raise ValueError("styles: expected at least one style, unless all supervisors are people, got none")
        return self


class PolicySelection(StrictModel):
    """The policy that the run starts with, and how it decides."""

    checkpoint: Path | None
    """Checkpoint file, relative to the fleet file. null: there is no policy yet, and robots hold unless a human drives them."""
    decider: Literal["full", "cascade"] | None = None
    """How the policy decides for a tick. full: anew at every tick, with all chains for every robot; cascade: chains continue from tick to
    tick, and only robots near the border of being helped get all of them. null: cascade in real time and with more than 20 robots, if the
    policy offers it and is calibrated for it, otherwise full. The fleet file in a run's folder says which one decided."""
    sampler: Literal["langevin", "uniform", "derivative_free"] | None = None
    """How implicit policies sample actions. langevin: by Langevin chains; uniform: uniform random actions, weighted by exp(-E), which are
    as accurate in one or two action dimensions at a fraction of the cost; derivative_free: by the authors' optimizer for low
    dimensions. null: the checkpoint's sampler; for a new policy, uniform in one or two action dimensions, otherwise langevin."""
    chains: int = Field(default=128, ge=2)
    """K, number of chains or uniform actions per robot and ensemble member."""
    iterations: int = Field(default=50, ge=1)
    """langevin and derivative_free only: iterations per decision."""
    step_sizes: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    """langevin only: step sizes of the first and the last iteration. null: those of the policy, which for a new one are 0.1 and 1.0e-5."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Number format between the hidden layers of implicit policies. null: bfloat16 where the processor multiplies it natively, otherwise
    float32. The fleet file in a run's folder says which one was used."""
    uncertainty: str | None = None
    """How uncertain the policy is: jeffreys, variance, or another part of the entry point group `fleet.uncertainties`, by its name or as
    `module:Class`. null: the kind of policy decides; implicit policies use jeffreys and explicit ones variance."""

    def require_checkpoint(self) -> Path:
        """Return the checkpoint file.

        Raises:
            InputError: there is none.
        """
        if self.checkpoint is None:
            raise InputError("policy.checkpoint: expected a file, got null.")
        return self.checkpoint


class AllocationConfig(StrictModel):
    """How humans are allocated to robots (IIFL section 4.4; Fleet-DAgger's priorities)."""

    rule: str = "priority"
    """Rule that ranks the robots. priority: by `order`; td: ThriftyDAgger's weighted sum of risk and uncertainty; random: in random
    order, within a budget. Others are entry points of the group `fleet.allocation_rules`, or named as `module:Class`."""
    order: tuple[str, ...] = (UNCERTAINTY, VIOLATION)
    """Signals of this fleet, most important first. priority compares them one after the other: UC, IIFL's order, is [uncertainty,
    violation]; C, hard resets only, is [violation]; CUR is [violation, uncertainty, risk]."""
    thresholds: dict[str, Literal["calibrated", "online"] | float] = Field(default_factory=dict)
    """By signal: value above which a robot asks for help. calibrated, the default: the threshold of the signal's provider, such as that
    in the policy's checkpoint; online: `online_percentile` of the values of the last `online_ticks` ticks, during whose first
    `online_ticks` ticks no robot asks. The violation has none: every robot in violation asks."""
    online_percentile: float = Field(default=99.0, gt=0, lt=100)
    """Percentile of a signal's values that becomes its online threshold."""
    online_ticks: int = Field(default=100, ge=1)
    """Length of the window of online thresholds, ticks."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the rule. td: risk_weight, 0 to 1 (default 0.5), the weight of the risk's z-score in the sum, of which the
    uncertainty's has the rest. random with idle_humans: budget_per_tick, the mean number of busy humans per tick."""
    idle_humans: bool = True
    """Whether humans are idle when no robot asks for help. Otherwise all humans are busy at every tick."""
    intervention_ticks: int = Field(default=3, ge=1)
    """t_T, minimum length of an intervention, ticks."""
    hard_reset_ticks: int = Field(default=5, ge=1)
    """t_R, length of a hard reset, ticks."""

    @model_validator(mode="before")
    @classmethod
    def _read_letters(cls, content: Any) -> Any:
        """Read what files of version 0.1.0 say with letters and with a key per signal."""
        return from_letters(content) if isinstance(content, Mapping) else content

    @field_validator("order")
    @classmethod
    def _has_no_repetition(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(order)) < len(order):
            raise ValueError("expected different signals")
        return order

    @field_validator("thresholds")
    @classmethod
    def _has_no_threshold_of_violation(cls, thresholds: dict[str, Any]) -> dict[str, Any]:
        if VIOLATION in thresholds:
            raise ValueError("expected no threshold of violation: every robot in violation asks for help")
        return thresholds

    def threshold(self, signal: str) -> Literal["calibrated", "online"] | float:
        """Return the threshold of a signal."""
        return 0.0 if signal == VIOLATION else self.thresholds.get(signal, "calibrated")

    def with_threshold(self, signal: str, threshold: Literal["calibrated", "online"] | float) -> Self:
        """Return a copy with another threshold of a signal."""
        return self.model_copy(update={"thresholds": {**self.thresholds, signal: threshold}})


class SignalSelection(StrictModel):
    """A provider of signals beside the policy and the robots, such as a critic or a monitor."""

    provider: str
    """Entry point of the group `fleet.signals`, or `module:Class`."""
    names: tuple[str, ...] = ()
    """Names of its signals; empty: those that the provider itself gives them."""
    checkpoint: Path | None = None
    """File that the provider is read from, relative to the fleet file."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the provider."""
    learns: bool = False
    """Whether it learns at `training.update_ticks` from the round that ends there, together with the policy."""


Weighting = Literal["uniform", "sirius"]
"""How retraining chooses and weighs what it learns from."""


class TrainingConfig(StrictModel):
    """Retraining on the human data of the run (IIFL section 4.2)."""

    demonstrations: Path
    """File with the offline data that the first policy was trained on, relative to the fleet file."""
    update_ticks: tuple[int, ...] = ()
    """Ticks at which a new policy version is trained on all data before them."""
    gradient_steps: int = Field(default=150, ge=1)
    """Gradient steps per update and ensemble member."""
    weighting: Weighting = "uniform"
    """What is learned from. uniform: demonstrations and the pairs of humans, which all weigh the same (IIFL); sirius: also the policy's own
    steps in all attempts that have ended, of which those before an intervention or a failure hardly count, while interventions are half of
    every batch (Sirius, FIREWORK)."""

    @field_validator("update_ticks")
    @classmethod
    def _is_increasing(cls, ticks: tuple[int, ...]) -> tuple[int, ...]:
        if list(ticks) != sorted(set(ticks)) or (ticks and ticks[0] < 1):
            raise ValueError("expected increasing ticks from 1")
        return ticks


class PretrainingConfig(StrictModel):
    """How the first policy is trained: demonstrations, energy models, and the calibration of the threshold."""

    pairs: int = Field(default=336, ge=1)
    """Number of demonstrated observation-action pairs."""
    demonstration_noise: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation, as a share of half the action range, of the noise that is added to the demonstrators' actions when they
    are executed. Pairs contain the actions without noise and so show how to recover (DART, Laskey et al. 2017). Pairs of recordings
    are unchanged."""
    observes: Stream = "state"
    """Part of the observation that the policy uses."""
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 6), min_length=1)
    """camera only: number of filters of each convolution of the encoder."""
    shift_px: float = Field(default=0.0, ge=0)
    """camera only: largest shift of augmented images, pixels."""
    width: int = Field(default=256, ge=1)
    """Units per hidden layer."""
    depth: int = Field(default=6, ge=1)
    """Number of hidden layers."""
    state_depth: int = Field(default=0, ge=0)
    """state and implicit policies only: number of additional hidden layers in front that see the state alone. 0: the first layer sees
    state and action, as in the paper."""
    gradient_steps: int = Field(default=1000, ge=1)
    """Gradient steps per ensemble member."""
    batch_size: int = Field(default=512, ge=1)
    """Observation-action pairs per gradient step."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """Learning rate at the first gradient step."""
    learning_rate_decay: float = Field(default=0.99, gt=0, le=1)
    """Factor of the learning rate every 100 gradient steps."""
    counter_example_iterations: int = Field(
        default=100, ge=1, validation_alias=AliasChoices("counter_example_iterations", "counter_iterations")
    )
    """Langevin iterations that sample the counter-examples."""
    counter_example_sampler: Literal["corrected", "reference"] = Field(
        default="corrected", validation_alias=AliasChoices("counter_example_sampler", "counter_sampler")
    )
    """Langevin sampler of the counter-examples. corrected: converges to exp(-E); reference: the colder chains of the IIFL authors, which
    reach low energies in few iterations, also in many dimensions, where distant counter-examples are uninformative."""
    gradient_margin: float = Field(default=1.0, ge=0)
    """Gradient of the energy, per half action range, above which it is penalized."""
    polish: int = Field(default=0, ge=0)
    """Number of lowest-energy samples that are refined by gradient descent; the action is the best of them. 0: the best sample is the
    action."""
    calibration_ticks: int = Field(default=250, ge=1)
    """Length, ticks, of the run without teleoperation from which the threshold is calibrated."""
    calibration_percentile: float = Field(default=99.0, gt=0, lt=100)
    """Percentile of that run's uncertainties that becomes the threshold."""


class TickConfig(StrictModel):
    """How ticks follow each other."""

    mode: Literal["lockstep", "real_time"] = "lockstep"
    """lockstep: the robots wait for all actions of a tick; real_time: a robot holds if its action is late."""


class RecordingConfig(StrictModel):
    """The bag of a run."""

    split_bytes: int = Field(default=1 << 30, gt=0)
    """Size, bytes, after which the recorder starts a new file. A file may exceed it by the messages of half a second."""
    split_s: float = Field(default=600.0, gt=0)
    """Time, s, after which the recorder starts a new file, unless the file is empty."""
    least_free_bytes: int = Field(default=1 << 29, ge=0)
    """Free disk space, bytes, below which the recording stops. The run continues without it."""


SectionT = TypeVar("SectionT", bound=StrictModel)


class Fleet(StrictModel):
    """A fleet file."""

    fleet: str = Name
    """Name of the fleet."""
    robots: RobotsConfig
    """The robots."""
    environment: EnvironmentConfig
    """What moves the robots."""
    supervisors: SupervisorsConfig
    """The humans who help the robots."""
    policy: PolicySelection
    """The policy that the run starts with."""
    allocation: AllocationConfig = AllocationConfig()
    """How humans are allocated to robots."""
    signals: tuple[SignalSelection, ...] = ()
    """Providers of signals beside the policy's uncertainty and the robots' violation."""
    monitors: dict[str, SignalSelection] = Field(default_factory=dict)
    """Providers of signals, by name, that the option `--monitor` adds; their signals come first in the order of the allocation."""
    training: TrainingConfig
    """Retraining during the run."""
    pretraining: PretrainingConfig = PretrainingConfig()
    """How the first policy is trained."""
    tick: TickConfig = TickConfig()
    """How ticks follow each other."""
    recording: RecordingConfig = RecordingConfig()
    """The bag of the run."""

    @model_validator(mode="after")
    def _fewer_humans_than_robots(self) -> Self:
        if self.supervisors.count >= self.robots.count:
            raise ValueError(
                f"supervisors.count: expected less than robots.count ({self.robots.count}), got {self.supervisors.count}"
            )
        return self

    @model_validator(mode="after")
    def _yumi_is_in_lockstep(self) -> Self:
        if self.environment.backend.startswith("yumi") and self.tick.mode != "lockstep":
            raise ValueError(
                "tick.mode: expected lockstep with backends yumi and yumi_sim, whose drivers wait for each other, got real_time"
            )
        return self

    @field_validator("robots", "environment", "policy", "training")
    @classmethod
    def _absolute(cls, section: StrictModel, info: ValidationInfo) -> StrictModel:
        """Resolve paths, which are relative to the fleet file."""
        return _with_absolute_paths(section, info)

    @field_validator("signals")
    @classmethod
    def _absolute_signals(
        cls, signals: tuple[SignalSelection, ...], info: ValidationInfo
    ) -> tuple[SignalSelection, ...]:
        return tuple(_with_absolute_paths(selection, info) for selection in signals)

    @field_validator("monitors")
    @classmethod
    def _absolute_monitors(
        cls, monitors: dict[str, SignalSelection], info: ValidationInfo
    ) -> dict[str, SignalSelection]:
        for name, monitor in monitors.items():
            if not monitor.names:
                raise ValueError(f"{name}.names: expected the names of its signals, got none")
        return {name: _with_absolute_paths(monitor, info) for name, monitor in monitors.items()}

    @property
    def robot_names(self) -> tuple[str, ...]:
        """Namespaces of the robots: robot_01, robot_02, ...; all have as many digits as the last one needs."""
        return numbered("robot", self.robots.count)

    @property
    def supervisor_names(self) -> tuple[str, ...]:
        """Names of the humans: human_01, human_02, ..."""
        return numbered("human", self.supervisors.count)

    @property
    def operator_names(self) -> tuple[str, ...]:
        """Names of the humans who are people."""
        return self.supervisor_names[: self.supervisors.operators]

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Names of the signals that nodes of this fleet publish; the robots' violation is a part of their states."""
        return (UNCERTAINTY, *(name for selection in self.signals for name in selection.names))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task of every robot."""
        names = self.robots.tasks or (self.environment.task,)
        return tuple(names[robot % len(names)] for robot in range(self.robots.count))

    def style_of(self, supervisor: int) -> str:
        """Return the behaviour of the human with this index, from 0."""
        return self.supervisors.styles[supervisor % len(self.supervisors.styles)]

    def version_due(self, tick: int) -> int:
        """Return the version of the policy, and of what computes signals and learns, that is scheduled for this tick, from 1."""
        return 1 + sum(update <= tick for update in self.training.update_ticks)

    def contract(self) -> RobotContract:
        """Return the robots' contract.

        Raises:
            InputError: the contract file cannot be read or does not hold a contract.
        """
        return read_yaml(self.robots.contract, RobotContract)

    def with_changes(self, *, source: str, **sections: Mapping[str, Any] | Sequence[StrictModel] | StrictModel) -> Self:
        """Return a copy in which some keys of some sections have other values.

        Args:
            source: Name of the changes' origin in the error, such as a file or option.
            sections: By section, the new values of its keys, or a model that replaces the whole section.

        Raises:
            InputError: the copy would not be a fleet: a section or key is unknown, or a value does not fit.
        """
        content = self.model_dump()
        for name, changes in sections.items():
            content[name] = content.get(name, {}) | changes if isinstance(changes, Mapping) else changes
        return validated(content, type(self), source=source)

    def write(self, path: Path) -> None:
        """Write a fleet file from which `read_fleet` reads an equal fleet, in any folder.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            path.write_text(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}.") from None


def _with_absolute_paths(section: SectionT, info: ValidationInfo) -> SectionT:
    folder = (info.context or {}).get("folder", Path())
    paths = {name: folder / value for name, value in section if isinstance(value, Path)}
    return section.model_copy(update=paths)


def read_fleet(path: Path) -> Fleet:
    """Return the fleet in a fleet file.

    Raises:
        InputError: the file cannot be read or does not hold a fleet.
    """
    return read_yaml(path, Fleet, context={"folder": path.resolve().parent})


def numbered(stem: str, count: int) -> tuple[str, ...]:
    """Return `count` names: stem_01, stem_02, ...; all have as many digits, at least two, as the last one needs."""
    digits = max(2, len(str(count)))
    return tuple(f"{stem}_{index + 1:0{digits}d}" for index in range(count))

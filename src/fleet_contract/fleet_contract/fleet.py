"""The fleet file: robots, task, algorithm and supervisors of one fleet, in one YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fleet_contract.quantity import Name
from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, read_yaml, validated

MAX_ROBOTS = 1000


class RobotsConfig(StrictModel):
    """The robots of the fleet; they share one contract."""

    contract: Path
    """Robot contract, relative to the fleet file."""
    count: int = Field(ge=1, le=MAX_ROBOTS)
    """N."""


class ProgramConfig(StrictModel):
    """An executable of a ROS package."""

    package: str = Name
    executable: str


class EnvironmentConfig(StrictModel):
    """What is behind the robots' topics."""

    backend: Literal["mujoco", "mujoco_warp", "isaacgym", "numpy", "yumi", "yumi_sim", "ros", "replay"]
    """mujoco_warp: on a GPU; ros: the robots' own topics, as their contract names them; replay: a recorded run."""
    task: str = Name
    episode_ticks: int | None = Field(default=None, ge=1)
    """mujoco, tasks of the benchmark: ticks after which an attempt ends by time; none: the task's own number."""
    gateways: Path | None = None
    """yumi: the gateways file, relative to the fleet file."""
    program: ProgramConfig | None = None
    """ros: what is started for every robot, in its namespace; none: the robots are there already."""
    bag: Path | None = None
    """replay: the bag's folder."""
    speed: float | None = Field(default=None, gt=0)
    """replay: how many times as fast as they were recorded ticks follow each other; none: as soon as all is decided."""

    @model_validator(mode="after")
    def _bag_where_it_is_used(self) -> Self:
        if (self.backend == "replay") != (self.bag is not None):
            raise ValueError(
                f"bag: expected a folder with backend replay and null with any other, got {self.bag or 'null'}"
            )
        if self.speed and self.backend != "replay":
            raise ValueError(f"speed: expected null with backend {self.backend}, got {self.speed}")
        return self

    @model_validator(mode="after")
    def _gateways_where_they_are_used(self) -> Self:
        if (self.backend == "yumi") != (self.gateways is not None):
            raise ValueError(
                f"gateways: expected a file with backend yumi and null with any other, got {self.gateways or 'null'}"
            )
        return self

    @model_validator(mode="after")
    def _program_where_it_is_used(self) -> Self:
        if self.program and self.backend != "ros":
            raise ValueError(f"program: expected null with backend {self.backend}, got {self.program.executable}")
        return self

    @property
    def simulator(self) -> str:
        """Backend in which demonstrations are made and thresholds calibrated."""
        return "mujoco" if self.backend.startswith("yumi") else self.backend


class SupervisorsConfig(StrictModel):
    """The humans."""

    count: int = Field(ge=1)
    """M, less than N."""
    operators: int = Field(default=0, ge=0)
    """How many of them, the first ones, are people; the others are scripts."""
    patience_s: float = Field(default=10.0, gt=0)
    """lockstep: how long the robots wait for a person's action before the person's robot holds for this tick."""
    styles: tuple[str, ...] = ()
    """Behaviours of the scripts, given to the supervisors in turn; may be left out where all are people."""

    @model_validator(mode="after")
    def _operators_are_supervisors(self) -> Self:
        if self.operators > self.count:
            raise ValueError(f"operators: expected at most count ({self.count}), got {self.operators}")
        if self.operators < self.count and not self.styles:
            raise ValueError("styles: expected at least one style, unless all supervisors are people, got none")
        return self


class PolicySelection(StrictModel):
    """The policy that the run starts with, and how it samples."""

    checkpoint: Path | None
    """Relative to the fleet file; null: there is none yet, and robots hold unless a human drives them."""
    chains: int = Field(default=128, ge=2)
    """K, Langevin chains per robot and member."""
    iterations: int = Field(default=50, ge=1)
    """Langevin iterations per decision."""

    def require_checkpoint(self) -> Path:
        """The checkpoint that there must be.

        Raises:
            BadInput: there is none.
        """
        if self.checkpoint is None:
            raise InputError("policy.checkpoint: expected a file, got null.")
        return self.checkpoint


class AllocationConfig(StrictModel):
    """Which robots get the humans (IIFL section 4.4; Fleet-DAgger's priorities)."""

    order: str = "UC"
    """Who comes first. Letters, compared one after the other: C, constraint violation (a hard reset is needed); U,
    uncertainty; R, risk. UC is IIFL's; with C alone humans give hard resets only. TD: ThriftyDAgger's sum of risk and
    uncertainty, then C. random: whoever is drawn, within `budget_per_tick`."""
    threshold: Literal["calibrated", "online"] | float = "calibrated"
    """Uncertainty above which a robot asks for help, nats; calibrated: the one stored with the checkpoint; online:
    `online_percentile` of the uncertainties at the last `online_ticks` ticks, none before there were so many."""
    online_percentile: float = Field(default=99.0, gt=0, lt=100)
    online_ticks: int = Field(default=100, ge=1)
    risk_threshold: float = Field(default=0.5, ge=0, lt=1)
    """R: predicted risk above which a robot asks for help."""
    risk_weight: float = Field(default=0.5, ge=0, le=1)
    """TD: share of the risk's z-score in the sum; the rest is the uncertainty's."""
    idle_humans: bool = True
    """Whether humans may be idle when nobody asks; otherwise all are busy at every tick."""
    budget_per_tick: float | None = Field(default=None, gt=0, validate_default=True)
    """random, where humans may be idle: mean number of busy humans."""
    intervention_ticks: int = Field(default=3, ge=1)
    """t_T, least length of an intervention."""
    hard_reset_ticks: int = Field(default=5, ge=1)
    """t_R, length of a hard reset."""

    @field_validator("order")
    @classmethod
    def _letters_or_word(cls, order: str) -> str:
        if order in {"TD", "random"} or (order and set(order) <= set("CUR") and len(set(order)) == len(order)):
            return order
        raise ValueError("expected one to three different letters of C, U and R, or TD, or random")

    @field_validator("budget_per_tick")
    @classmethod
    def _budget_where_it_is_used(cls, budget: float | None, info: ValidationInfo) -> float | None:
        used = info.data.get("order") == "random" and info.data.get("idle_humans")
        if used and budget is None:
            raise PydanticCustomError("missing", "order random needs a budget")
        if not used and budget is not None:
            raise ValueError("expected null unless order is random and idle_humans is true")
        return budget

    @property
    def needs_risk(self) -> bool:
        """Whether a critic must predict the robots' risk."""
        return self.order == "TD" or "R" in self.order


class TrainingConfig(StrictModel):
    """Retraining on what the humans showed (IIFL section 4.2)."""

    demonstrations: Path
    """Offline data that the first policy was trained on, relative to the fleet file."""
    update_ticks: tuple[int, ...] = ()
    """Ticks at which a new version is trained on everything before them."""
    gradient_steps: int = Field(default=150, ge=1)
    """Per update and member."""

    @field_validator("update_ticks")
    @classmethod
    def _increasing(cls, ticks: tuple[int, ...]) -> tuple[int, ...]:
        if list(ticks) != sorted(set(ticks)) or (ticks and ticks[0] < 1):
            raise ValueError("expected increasing ticks from 1")
        return ticks


class PretrainingConfig(StrictModel):
    """How the first policy is made: demonstrations, energy models, and the calibration of the threshold."""

    pairs: int = Field(default=336, ge=1)
    """Demonstrated observation-action pairs."""
    demonstration_noise: float = Field(default=0.0, ge=0, le=1)
    """Standard deviation, as a share of half the range of actions, of what robots do around what demonstrators mean; pairs are of
    what is meant, and so show how to come back (DART, Laskey et al. 2017). Pairs of recordings are as they are."""
    observes: Stream = "state"
    """What the policy decides from."""
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 32, 6), min_length=1)
    """camera: of every convolution of the encoder."""
    shift_px: float = Field(default=0.0, ge=0)
    """camera: farthest that augmented images are shifted."""
    width: int = Field(default=256, ge=1)
    depth: int = Field(default=6, ge=1)
    """Hidden layers."""
    state_depth: int = Field(default=0, ge=0)
    """state: hidden layers of implicit policies ahead of these, which see the state alone; 0: the first layer sees state and
    action, as in the paper."""
    gradient_steps: int = Field(default=1000, ge=1)
    """Per member."""
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    learning_rate_decay: float = Field(default=0.99, gt=0, le=1)
    """By which the learning rate is multiplied every 100 gradient steps."""
    counter_example_iterations: int = Field(
        default=100, ge=1, validation_alias=AliasChoices("counter_example_iterations", "counter_iterations")
    )
    """Langevin iterations that make the counter-examples."""
    counter_example_sampler: Literal["corrected", "reference"] = Field(
        default="corrected", validation_alias=AliasChoices("counter_example_sampler", "counter_sampler")
    )
    """corrected: follows exp(-E), after enough iterations; reference: the IIFL authors' colder chains, which come near to low energies
    in few iterations, also in many dimensions, where counter-examples that are far away teach nothing."""
    gradient_margin: float = Field(default=1.0, ge=0)
    """Slope of the energy, per half action range, from which it is punished."""
    polish: int = Field(default=0, ge=0)
    """Samples of lowest energy that go on downhill, the lowest of which is the action; 0: the best sample is."""
    calibration_ticks: int = Field(default=250, ge=1)
    """Length of the run without teleoperation whose uncertainties are looked at."""
    calibration_percentile: float = Field(default=99.0, gt=0, lt=100)
    """Percentile of these uncertainties that becomes the threshold."""


class TickConfig(StrictModel):
    """How time passes."""

    mode: Literal["lockstep", "real_time"] = "lockstep"
    """lockstep: the robots wait for all actions of a tick; real_time: they hold when an action is late."""


class RecordingConfig(StrictModel):
    """The bag of a run."""

    split_bytes: int = Field(default=1 << 30, gt=0)
    """Size, bytes, from which a file is finished and the next one begun; a file may be larger by what is heard in half a second."""
    split_s: float = Field(default=600.0, gt=0)
    """Time, s, after which a file is finished and the next one begun, if anything is in it."""
    least_free_bytes: int = Field(default=1 << 29, ge=0)
    """Free disk, bytes, below which recording stops, and the fleet goes on without it."""


class Fleet(StrictModel):
    """A fleet file."""

    fleet: str = Name
    robots: RobotsConfig
    environment: EnvironmentConfig
    supervisors: SupervisorsConfig
    policy: PolicySelection
    allocation: AllocationConfig = AllocationConfig()
    training: TrainingConfig
    pretraining: PretrainingConfig = PretrainingConfig()
    tick: TickConfig = TickConfig()
    recording: RecordingConfig = RecordingConfig()

    @model_validator(mode="after")
    def _fewer_humans_than_robots(self) -> Self:
        if self.supervisors.count >= self.robots.count:
            raise ValueError(
                f"supervisors.count: expected less than robots.count ({self.robots.count}), got {self.supervisors.count}"
            )
        return self

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if self.environment.backend.startswith("yumi") and self.tick.mode != "lockstep":
            raise ValueError(
                "tick.mode: expected lockstep with backends yumi and yumi_sim, whose drivers wait for each other, got real_time"
            )
        return self

    @field_validator("robots", "environment", "policy", "training")
    @classmethod
    def _absolute(cls, section: StrictModel, info: ValidationInfo) -> StrictModel:
        """Paths in a fleet file are relative to the file."""
        folder = (info.context or {}).get("folder", Path())
        paths = {name: folder / value for name, value in section if isinstance(value, Path)}
        return section.model_copy(update=paths)

    @property
    def robot_names(self) -> tuple[str, ...]:
        """Namespaces of the robots: robot_01, robot_02, ..., with as many digits as the last one needs."""
        return numbered("robot", self.robots.count)

    @property
    def supervisor_names(self) -> tuple[str, ...]:
        """human_01, human_02, ..."""
        return numbered("human", self.supervisors.count)

    @property
    def operator_names(self) -> tuple[str, ...]:
        """The supervisors who are people."""
        return self.supervisor_names[: self.supervisors.operators]

    def style_of(self, supervisor: int) -> str:
        """Behaviour of the supervisor with this index."""
        return self.supervisors.styles[supervisor % len(self.supervisors.styles)]

    def version_due(self, tick: int) -> int:
        """Version of the policy that the schedule wants to decide this tick, from 1."""
        return 1 + sum(update <= tick for update in self.training.update_ticks)

    def contract(self) -> RobotContract:
        """The robots' contract.

        Raises:
            BadInput: the contract file does not hold one.
        """
        return read_yaml(self.robots.contract, RobotContract)

    def with_changes(self, *, source: str, **sections: Mapping[str, Any] | StrictModel) -> Self:
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
        """Write the fleet as a file that `read_fleet` reads back equal, from any folder.

        Raises:
            BadInput: the file cannot be written.
        """
        try:
            path.write_text(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}.") from None


def read_fleet(path: Path) -> Fleet:
    """The fleet file at `path`.

    Raises:
        BadInput: the file does not hold a fleet.
    """
    return read_yaml(path, Fleet, context={"folder": path.resolve().parent})


def numbered(stem: str, count: int) -> tuple[str, ...]:
    """stem_01, stem_02, ...: `count` names, with as many digits (at least two) as the last one needs."""
    digits = max(2, len(str(count)))
    return tuple(f"{stem}_{index + 1:0{digits}d}" for index in range(count))

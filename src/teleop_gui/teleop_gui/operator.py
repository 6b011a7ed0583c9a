"""A person as a supervisor: what they are shown, what they do, and which of their input reaches the robot.

H image rows, W image columns, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.signal import UNCERTAINTY, with_unit
from teleop_gui.film_strip import FilmStrip
from teleop_gui.pointing import Aim, Marks, Pointing
from teleop_gui.supervisor import Supervisor

VIDEO_S = 0.3
"""Seconds without a new picture after which nothing is sent."""
HELD_S = 0.25
"""Seconds after the last report of a held drive key until it counts as released."""
DECLINED_S = 5.0
"""Seconds for which an operator does not get a robot again that they have handed back."""
SETTLE_S = 0.3
"""Seconds after the beginning of a lease in which clicks and keys are ignored: they are meant for the last robot."""
MAX_DRIFT = 0.02
"""Share of the picture by which the beginning of a motion may drift after the click; beyond it the click is dropped."""
BUSY_S = 0.2
"""Seconds without a request for an action after which a robot counts as busy with the last one."""
UNCONFIRMED_S = 1.0
"""Seconds that the gate has to confirm an emergency stop."""
TWICE_S = 3.0
"""Seconds within which the key that resets the emergency stop must be pressed twice."""


class OperatorPhase(Enum):
    """The state that matters most to the operator, as the text that they read."""

    UNCONFIRMED = "emergency stop not confirmed"
    STOPPING = "emergency stop requested, not yet confirmed"
    STOPPED = "emergency stop: all robots hold"
    PAUSED = "paused: you get no robots"
    IDLE = "no robot is assigned to you"
    RESET = "hard reset needed"
    NO_VIDEO = "no video: nothing is sent"
    BUSY = "the robot is moving"
    AIM = "your turn"
    READY = "ready to send"


@dataclass(frozen=True)
class OperatorView:
    """Everything that is shown to one operator at one time."""

    human: str
    phase: OperatorPhase
    hint: str
    robot: str = ""
    kind: LeaseKind = LeaseKind.TELEOPERATE
    uncertainty: float = float("nan")
    """Uncertainty of the policy at this robot; NaN if it is unknown."""
    threshold: float = float("nan")
    """Uncertainty above which robots ask for help."""
    reason: str = ""
    """Why the robot needs a human."""
    question: str = ""
    """Question whether the robot needs help, which is open until the operator drives it or dismisses the alarm; empty if it is not."""
    futures: FilmStrip | None = None
    """Futures of the robot that a monitor imagined when the alarm began."""
    waiting: tuple[str, ...] = ()
    """Robots that ask for help and have no human."""
    seconds: float = 0.0
    """Time under this operator's control, s."""
    ticks: int = 0
    """Number of ticks at which the operator acted."""
    picture: NDArray[np.uint8] | None = None
    """Newest picture (H, W, 3), RGB."""
    marks: Marks = field(default_factory=Marks)
    aim: Aim | None = None
    clicked: bool = False
    """Whether the aim was clicked, not only pointed to."""
    held: bool = False
    """Whether the drive key is held."""


class Operator(Supervisor):
    """A person as a `Supervisor`. The window or the web page calls the remaining methods.

    An action is sent only while the drive key is held, the video is fresh and no stop is active. Robots that move once per
    click also need a click whose arrow was shown. A new lease, a stop and a loss of video clear click and key: press the key
    again.
    """

    def __init__(
        self,
        human: str,
        pointing: Pointing,
        clock: Callable[[], float],
        stop: Callable[[], object],
        reset_stop: Callable[[], object],
    ) -> None:
        """Create an operator without a robot.

        Args:
            human: name of the operator.
            pointing: how the robots are driven with a pointer.
            clock: monotonic clock, s.
            stop: requests an emergency stop from the gate.
            reset_stop: requests the end of an emergency stop from the gate.
        """
        self.human = human
        self.paused = False
        self.waiting: tuple[str, ...] = ()
        self.threshold = float("nan")
        self.uncertainties: dict[str, float] = {}
        """Uncertainties by robot."""
        self.unit = ""
        """Unit of uncertainties and threshold."""
        self._pointing = pointing
        self._clock = clock
        self._stop = stop
        self._reset_stop = reset_stop
        self._stopped = False
        self._stop_requested_s = np.inf
        self._reset_requested_s = -np.inf
        self._lease: Lease | None = None
        self._declined: dict[str, float] = {}
        self._key_s = -np.inf
        self._clear()

    def _clear(self) -> None:
        self._pointer: tuple[float, float] | None = None
        self._clear_input()
        self._picture: NDArray[np.uint8] | None = None
        self._futures: FilmStrip | None = None
        self._state_S: NDArray[np.float64] | None = None
        self._picture_s = self._action_requested_s = -np.inf
        self._since_s = self._clock()
        self._reset_done = self._hand_back = self._hand_back_taken = self._dismissed = False
        self._ticks = 0

    def _clear_input(self) -> None:
        """Forget the click and the press of the drive key."""
        self._clicked: tuple[float, float] | None = None
        self._drawn: Aim | None = None
        self._pressed = False

    @property
    def token(self) -> int:
        """Token of the lease; 0 without one."""
        return self._lease.token if self._lease else 0

    @property
    def stop_requested(self) -> bool:
        """Whether an emergency stop is requested and the gate has not confirmed it yet."""
        return self._stop_requested_s < np.inf

    @property
    def picture_age_s(self) -> float:
        """Seconds since the last picture of the robot, or since the lease began; 0 without a robot."""
        return self._clock() - max(self._picture_s, self._since_s) if self._lease else 0.0

    def assign(self, lease: Lease | None) -> None:
        """Set the operator's lease."""
        if lease != self._lease:
            self._lease = lease
            self._clear()

    def accepts(self, robot: str) -> bool:
        """Return whether the operator accepts a robot now."""
        return not self.paused and self._clock() - self._declined.get(robot, -np.inf) >= DECLINED_S

    @override
    def begin(self) -> None:
        """Do nothing: `assign` has cleared the state already."""

    @override
    def needs_help(self, state_S: NDArray[np.float64]) -> bool:
        return not self._dismissed

    @override
    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64] | None:
        now_s = self._clock()
        self._state_S, self._action_requested_s = state_S, now_s
        if now_s - self._picture_s > VIDEO_S:
            self._clear_input()
        aim = self._pointing.aim(self._target, state_S) if self._target else None
        if self._clicked and (aim is None or self._drawn is None or _drift(aim, self._drawn) > MAX_DRIFT):
            self._clear_click()
            return None
        if aim is None or not self._may_send(now_s):
            return None
        self._clear_click()
        self._action_requested_s = -np.inf
        self._ticks += 1
        return aim.values_A

    @override
    def has_reset(self) -> bool:
        return self._reset_done and self._may_move

    def add_picture(self, picture_HW3: NDArray[np.uint8]) -> None:
        """Set the newest picture of the robot, RGB."""
        self._picture, self._picture_s = picture_HW3, self._clock()

    def add_futures(self, strip: FilmStrip) -> None:
        """Set the futures that a monitor has imagined for the robot."""
        self._futures = strip

    def point(self, x: float, y: float) -> None:
        """Set the position of the pointer, in shares of the picture's width and height."""
        self._pointer = _inside(x, y)

    def point_away(self) -> None:
        """Clear the position of the pointer: it has left the picture."""
        self._pointer = None

    def click(self, x: float, y: float) -> None:
        """Choose the end of the next motion; ignored unless there is video and the robot has requested an action."""
        state_S, has_video = self._state_S, self._clock() - self._picture_s <= VIDEO_S
        if state_S is None or not (has_video and self._may_move) or self._hand_back:
            return
        if self._settled(LeaseKind.TELEOPERATE):
            self._pointer = self._clicked = _inside(x, y)
            self._drawn = self._pointing.aim(self._clicked, state_S)

    def hold(self) -> None:
        """Report that the drive key is held; to be repeated within `HELD_S`."""
        now_s = self._clock()
        self._pressed = self._pressed or now_s - self._key_s > HELD_S
        self._key_s = now_s

    def release(self) -> None:
        """Report that the drive key was released."""
        self._key_s = -np.inf

    def reset_done(self) -> None:
        """Report that robot and workspace have been reset."""
        if self._settled(LeaseKind.HARD_RESET):
            self._reset_done = True

    def hand_back(self) -> None:
        """Hand the robot back, unless it needs a hard reset."""
        if self._lease is not None and self._lease.kind is LeaseKind.TELEOPERATE:
            self._clear_input()
            self._hand_back = True
            self._declined[self._lease.robot] = self._clock()

    def dismiss(self) -> None:
        """Dismiss the alarm that the lease began with, unless the operator has driven the robot already."""
        if self._is_asked and self._settled(LeaseKind.TELEOPERATE):
            self._clear_input()
            self._dismissed = True

    def cancel_hand_back(self) -> None:
        """Keep the robot, because it cannot be handed back."""
        self._hand_back = self._hand_back_taken = False

    def stop(self) -> None:
        """Request an emergency stop of all robots, not only this one."""
        self._clear_input()
        self._stop_requested_s = min(self._stop_requested_s, self._clock())
        self._stop()

    def reset_stop(self) -> None:
        """Request the end of the emergency stop at the second call within `TWICE_S`, so that a slip does not."""
        now_s = self._clock()
        if now_s - self._reset_requested_s <= TWICE_S:
            self._reset_requested_s, self._stop_requested_s = -np.inf, np.inf
            self._reset_stop()
        else:
            self._reset_requested_s = now_s

    def set_stopped(self, stopped: bool) -> None:
        """Set whether the gate has latched the emergency stop."""
        self._stopped = stopped
        if stopped:
            self._clear_input()
            self._stop_requested_s = np.inf

    def press(self, key: str) -> None:
        """Handle a pressed key; unknown keys are ignored. The drive key is handled by `hold`."""
        handler = {
            "r": self.reset_done,
            "h": self.hand_back,
            "d": self.dismiss,
            "p": self.pause,
            "e": self.stop,
            "u": self.reset_stop,
        }.get(key.lower())
        if handler:
            handler()

    def take_hand_back(self) -> bool:
        """Return whether the robot is to be handed back; true once per request."""
        requested = self._hand_back and not self._hand_back_taken
        self._hand_back_taken = self._hand_back
        return requested

    def pause(self) -> None:
        """Pause, so that no robots are assigned, or resume."""
        self.paused = not self.paused
        if self.paused:
            self.hand_back()

    def view(self) -> OperatorView:
        """Return what is shown to the operator now."""
        now_s = self._clock()
        phase, lease, target = self._phase(now_s), self._lease, self._clicked or self._pointer
        if lease is None:
            return OperatorView(self.human, phase, self._hint(phase), threshold=self.threshold, waiting=self.waiting)
        drives = lease.kind is LeaseKind.TELEOPERATE and self._state_S is not None
        return OperatorView(
            self.human,
            phase,
            self._hint(phase),
            robot=lease.robot,
            kind=lease.kind,
            uncertainty=self.uncertainties.get(lease.robot, float("nan")),
            threshold=self.threshold,
            reason=self._reason(lease),
            question=_question(lease) if self._is_asked else "",
            futures=self._futures,
            waiting=self.waiting,
            seconds=now_s - self._since_s,
            ticks=self._ticks,
            picture=self._picture,
            marks=self._pointing.marks(self._state_S) if self._state_S is not None else Marks(),
            aim=self._pointing.aim(target, self._state_S) if drives and target and self._state_S is not None else None,
            clicked=self._clicked is not None,
            held=self._is_held(now_s),
        )

    def _reason(self, lease: Lease) -> str:
        """Return why the robot needs a human: a violation, or its present uncertainty and the other signal that called, if one did."""
        if lease.kind is LeaseKind.HARD_RESET:
            return "needs a hard reset"
        uncertainty = self.uncertainties.get(lease.robot, float("nan"))
        text = f"uncertainty {with_unit(_number(uncertainty), self.unit)} (threshold {_number(self.threshold)})"
        if lease.signal in {"", UNCERTAINTY}:
            return text
        return f"{lease.signal} {_number(lease.value)} (threshold {_number(lease.threshold)}), {text}"

    @property
    def _is_asked(self) -> bool:
        """Whether the operator is asked if the robot needs help."""
        return self._lease is not None and self._lease.is_alarm and not self._ticks and not self._dismissed

    @property
    def _target(self) -> tuple[float, float] | None:
        """Picture coordinates of the end of the next motion; None until the operator has chosen it."""
        return self._pointer if self._pointing.repeats else self._clicked

    def _clear_click(self) -> None:
        self._clicked = self._drawn = None

    def _settled(self, kind: LeaseKind) -> bool:
        """Return whether the operator has had a lease of this kind for `SETTLE_S`."""
        lease = self._lease
        return lease is not None and lease.kind is kind and self._clock() - self._since_s >= SETTLE_S

    def _is_held(self, now_s: float) -> bool:
        return self._pressed and now_s - self._key_s <= HELD_S

    @property
    def _may_move(self) -> bool:
        """Whether no emergency stop is latched or requested."""
        return not self._stopped and not self.stop_requested

    def _may_send(self, now_s: float) -> bool:
        return self._may_move and self._is_held(now_s) and now_s - self._picture_s <= VIDEO_S and not self._hand_back

    def _phase(self, now_s: float) -> OperatorPhase:
        lease = self._lease
        phases = (
            (OperatorPhase.UNCONFIRMED, now_s - self._stop_requested_s > UNCONFIRMED_S),
            (OperatorPhase.STOPPED, self._stopped),
            (OperatorPhase.STOPPING, self.stop_requested),
            (OperatorPhase.PAUSED, lease is None and self.paused),
            (OperatorPhase.IDLE, lease is None),
            (OperatorPhase.RESET, lease is not None and lease.kind is LeaseKind.HARD_RESET),
            (OperatorPhase.NO_VIDEO, now_s - self._picture_s > VIDEO_S),
            (OperatorPhase.BUSY, now_s - self._action_requested_s > BUSY_S),
            (OperatorPhase.AIM, self._target is None),
        )
        return next((phase for phase, applies in phases if applies), OperatorPhase.READY)

    def _hint(self, phase: OperatorPhase) -> str:
        return {
            OperatorPhase.UNCONFIRMED: "use the robots' own emergency stop",
            OperatorPhase.STOPPING: "do not rely on it until it is confirmed",
            OperatorPhase.STOPPED: "when it is safe, press U and, a second later, U again",
            OperatorPhase.PAUSED: "press P to get robots again",
            OperatorPhase.IDLE: "you get a robot when one needs help",
            OperatorPhase.RESET: ("reset reported" if self._reset_done else "reset robot and workspace, then press R")
            + ("; afterwards you are paused" if self.paused else ""),
            OperatorPhase.NO_VIDEO: f"no new picture for {VIDEO_S:g} s",
            OperatorPhase.BUSY: "wait until it requests the next action",
            OperatorPhase.AIM: self._pointing.hint,
            OperatorPhase.READY: "hold SPACE to send the action",
        }[phase]


def _drift(aim: Aim, other: Aim) -> float:
    """Return the distance between the beginnings of two motions, in shares of the picture."""
    return float(np.hypot(aim.start[0] - other.start[0], aim.start[1] - other.start[1]))


def _inside(x: float, y: float) -> tuple[float, float]:
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def _question(lease: Lease) -> str:
    return f"Does {lease.robot} need help? ({lease.signal} {lease.value:.3g}, threshold {lease.threshold:.3g})"


def _number(value: float) -> str:
    """Return a number as it is shown."""
    return f"{value:.2f}" if np.isfinite(value) else "unknown"

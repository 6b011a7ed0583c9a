"""A person as a supervisor: what they see, what they do, and what of it reaches the robot.

H image rows, W image columns, S state dim, A action dim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fleet_contract.lease import Lease, LeaseKind
from teleop_gui.pointing import Aim, Marks, Pointing

VIDEO_S = 0.3
"""Without a new picture for so long, nothing is sent."""
HELD_S = 0.25
"""After the last sign that the drive key is down, it counts as released."""
DECLINED_S = 5.0
"""A robot that was handed back is not taken again so soon: somebody else may."""
SETTLE_S = 0.3
"""After a new lease has begun, clicks and keys are still meant for the last one."""
MOVED = 0.02
"""Of the picture: if what is to be moved has gone farther since the click, the arrow that was shown is not the one now."""
ASKED_S = 0.2
"""A robot that has not asked for an action for so long is busy with the last one."""
UNCONFIRMED_S = 1.0
"""Time that the gate has to confirm an emergency stop."""
TWICE_S = 3.0
"""The emergency stop is reset by pressing its key twice within so long."""


class OperatorPhase(Enum):
    """What the operator is to know first."""

    UNCONFIRMED = "the emergency stop is not confirmed"
    STOPPING = "emergency stop is asked for"
    STOPPED = "emergency stop: every robot holds"
    PAUSED = "paused: nobody is sent to you"
    IDLE = "nothing is assigned to you"
    RESET = "hard reset needed"
    NO_VIDEO = "no video: nothing is sent"
    BUSY = "the robot moves"
    AIM = "your turn"
    READY = "ready to send"


@dataclass(frozen=True)
class Sight:
    """All that is shown to one operator at one moment."""

    human: str
    phase: OperatorPhase
    hint: str
    robot: str = ""
    kind: LeaseKind = LeaseKind.TELEOPERATE
    uncertainty: float = float("nan")
    """Of the robot, nats."""
    threshold: float = float("nan")
    waiting: tuple[str, ...] = ()
    """Robots that ask for help and have no human."""
    seconds: float = 0.0
    """Under this operator's control."""
    ticks: int = 0
    """The same in ticks on which the operator acted."""
    picture: NDArray[np.uint8] | None = None
    """(H, W, 3), red green blue."""
    marks: Marks = field(default_factory=Marks)
    aim: Aim | None = None
    clicked: bool = False
    """The aim is chosen, not only pointed to."""
    held: bool = False
    """The drive key is down."""


class Operator:
    """`Supervisor` for a person. Whatever shows and listens calls the rest: a window, a browser.

    An action goes out only while the drive key is held, the video is fresh and nothing is stopped; and of a robot that
    moves once per click, only after a click that was shown. A new lease, a stop and a loss of video undo click and key: the
    key must be pressed anew.
    """

    def __init__(
        self,
        human: str,
        pointing: Pointing,
        clock: Callable[[], float],
        stop: Callable[[], object],
        reset_stop: Callable[[], object],
    ) -> None:
        """`clock` gives seconds that never go back; `stop` and `reset_stop` ask the gate for an emergency stop and its end."""
        self.human = human
        self.paused = False
        self.waiting: tuple[str, ...] = ()
        self.threshold = float("nan")
        self.uncertainties: dict[str, float] = {}
        """By robot, nats."""
        self._pointing = pointing
        self._clock = clock
        self._stop = stop
        self._reset_stop = reset_stop
        self._stopped = False
        self._stop_asked_s = np.inf
        self._reset_asked_s = -np.inf
        self._lease: Lease | None = None
        self._declined: dict[str, float] = {}
        self._key_s = -np.inf
        self._forget()

    def _forget(self) -> None:
        self._pointer: tuple[float, float] | None = None
        self._undo()
        self._picture: NDArray[np.uint8] | None = None
        self._state_S: NDArray[np.float64] | None = None
        self._seen_s = self._asked_s = -np.inf
        self._since_s = self._clock()
        self._reset_done = self._hand_back = self._leave_told = False
        self._ticks = 0

    def _undo(self) -> None:
        """What was chosen, and that the drive key was pressed."""
        self._clicked: tuple[float, float] | None = None
        self._drawn: Aim | None = None
        self._pressed = False

    @property
    def token(self) -> int:
        """Of the lease; 0 without one."""
        return self._lease.token if self._lease else 0

    @property
    def wants_stop(self) -> bool:
        """An emergency stop is asked for, and the gate has not said yet that it is latched."""
        return self._stop_asked_s < np.inf

    @property
    def unseen_s(self) -> float:
        """Seconds for which there was no new picture of the robot; 0 without a robot."""
        return self._clock() - max(self._seen_s, self._since_s) if self._lease else 0.0

    def assign(self, lease: Lease | None) -> None:
        """The lease that this operator has now."""
        if lease != self._lease:
            self._lease = lease
            self._forget()

    def accepts(self, robot: str) -> bool:
        """Whether this operator can be sent to a robot now."""
        return not self.paused and self._clock() - self._declined.get(robot, -np.inf) >= DECLINED_S

    def begin(self) -> None:
        """See `Supervisor.begin`; `assign` has told already."""

    def act(self, state_S: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """See `Supervisor.act`."""
        now_s = self._clock()
        self._state_S, self._asked_s = state_S, now_s
        if now_s - self._seen_s > VIDEO_S:
            self._undo()
        aim = self._pointing.aim(self._place, state_S) if self._place else None
        if self._clicked and (aim is None or self._drawn is None or _gap(aim, self._drawn) > MOVED):
            self._undo_click()
            return None
        if aim is None or not self._may_send(now_s):
            return None
        self._undo_click()
        self._asked_s = -np.inf
        self._ticks += 1
        return aim.values_A

    def has_reset(self) -> bool:
        """See `Supervisor.has_reset`."""
        return self._reset_done and self._may_move

    def see(self, picture_HW3: NDArray[np.uint8]) -> None:
        """A new picture of the robot has come, red green blue."""
        self._picture, self._seen_s = picture_HW3, self._clock()

    def point(self, x: float, y: float) -> None:
        """The pointer is there; shares of the picture's width and height."""
        self._pointer = _inside(x, y)

    def point_away(self) -> None:
        """The pointer has left the picture."""
        self._pointer = None

    def click(self, x: float, y: float) -> None:
        """That is where the next motion is to end; nothing, unless the robot is seen and asks."""
        state_S, seen = self._state_S, self._clock() - self._seen_s <= VIDEO_S
        if state_S is None or not (seen and self._may_move) or self._hand_back:
            return
        if self._settled(LeaseKind.TELEOPERATE):
            self._pointer = self._clicked = _inside(x, y)
            self._drawn = self._pointing.aim(self._clicked, state_S)

    def hold(self) -> None:
        """The drive key is down; say so again before `HELD_S` is over."""
        now_s = self._clock()
        self._pressed = self._pressed or now_s - self._key_s > HELD_S
        self._key_s = now_s

    def release(self) -> None:
        """The drive key is up."""
        self._key_s = -np.inf

    def reset_done(self) -> None:
        """Robot and workspace are right again."""
        if self._settled(LeaseKind.HARD_RESET):
            self._reset_done = True

    def hand_back(self) -> None:
        """The operator wants to be relieved of this robot, which stays with them if it needs a hard reset."""
        if self._lease is not None and self._lease.kind is LeaseKind.TELEOPERATE:
            self._undo()
            self._hand_back = True
            self._declined[self._lease.robot] = self._clock()

    def keep(self) -> None:
        """The robot cannot be handed back."""
        self._hand_back = self._leave_told = False

    def stop(self) -> None:
        """Emergency stop: all robots, not only this one."""
        self._undo()
        self._stop_asked_s = min(self._stop_asked_s, self._clock())
        self._stop()

    def reset_stop(self) -> None:
        """Let all robots move again: the second time within `TWICE_S`, so that a slip does not."""
        now_s = self._clock()
        if now_s - self._reset_asked_s <= TWICE_S:
            self._reset_asked_s, self._stop_asked_s = -np.inf, np.inf
            self._reset_stop()
        else:
            self._reset_asked_s = now_s

    def latched(self, stopped: bool) -> None:
        """What the gate says about the emergency stop."""
        self._stopped = stopped
        if stopped:
            self._undo()
            self._stop_asked_s = np.inf

    def press(self, key: str) -> None:
        """A key has been pressed; one that means nothing does nothing. The drive key is another matter: see `hold`."""
        meaning = {
            "r": self.reset_done,
            "h": self.hand_back,
            "p": self.pause,
            "e": self.stop,
            "u": self.reset_stop,
        }.get(key.lower())
        if meaning:
            meaning()

    def takes_leave(self) -> bool:
        """Whether the robot is to be handed back now; true once."""
        wanted = self._hand_back and not self._leave_told
        self._leave_told = self._hand_back
        return wanted

    def pause(self) -> None:
        """Be sent nowhere, or be there again."""
        self.paused = not self.paused
        if self.paused:
            self.hand_back()

    def sight(self) -> Sight:
        """What to show."""
        now_s = self._clock()
        phase, lease, place = self._phase(now_s), self._lease, self._clicked or self._pointer
        if lease is None:
            return Sight(self.human, phase, self._hint(phase), threshold=self.threshold, waiting=self.waiting)
        drives = lease.kind is LeaseKind.TELEOPERATE and self._state_S is not None
        return Sight(
            self.human,
            phase,
            self._hint(phase),
            robot=lease.robot,
            kind=lease.kind,
            uncertainty=self.uncertainties.get(lease.robot, float("nan")),
            threshold=self.threshold,
            waiting=self.waiting,
            seconds=now_s - self._since_s,
            ticks=self._ticks,
            picture=self._picture,
            marks=self._pointing.marks(self._state_S) if self._state_S is not None else Marks(),
            aim=self._pointing.aim(place, self._state_S) if drives and place and self._state_S is not None else None,
            clicked=self._clicked is not None,
            held=self._is_held(now_s),
        )

    @property
    def _place(self) -> tuple[float, float] | None:
        """Where the next action leads to, if the operator has said so."""
        return self._pointer if self._pointing.repeats else self._clicked

    def _undo_click(self) -> None:
        self._clicked = self._drawn = None

    def _settled(self, kind: LeaseKind) -> bool:
        """There is a lease of this kind, and has been for long enough to know of it."""
        lease = self._lease
        return lease is not None and lease.kind is kind and self._clock() - self._since_s >= SETTLE_S

    def _is_held(self, now_s: float) -> bool:
        return self._pressed and now_s - self._key_s <= HELD_S

    @property
    def _may_move(self) -> bool:
        """No emergency stop is latched or asked for."""
        return not self._stopped and not self.wants_stop

    def _may_send(self, now_s: float) -> bool:
        return self._may_move and self._is_held(now_s) and now_s - self._seen_s <= VIDEO_S and not self._hand_back

    def _phase(self, now_s: float) -> OperatorPhase:
        lease = self._lease
        phases = (
            (OperatorPhase.UNCONFIRMED, now_s - self._stop_asked_s > UNCONFIRMED_S),
            (OperatorPhase.STOPPED, self._stopped),
            (OperatorPhase.STOPPING, self.wants_stop),
            (OperatorPhase.PAUSED, lease is None and self.paused),
            (OperatorPhase.IDLE, lease is None),
            (OperatorPhase.RESET, lease is not None and lease.kind is LeaseKind.HARD_RESET),
            (OperatorPhase.NO_VIDEO, now_s - self._seen_s > VIDEO_S),
            (OperatorPhase.BUSY, now_s - self._asked_s > ASKED_S),
            (OperatorPhase.AIM, self._place is None),
        )
        return next((phase for phase, holds in phases if holds), OperatorPhase.READY)

    def _hint(self, phase: OperatorPhase) -> str:
        return {
            OperatorPhase.UNCONFIRMED: "use the robots' own emergency stop",
            OperatorPhase.STOPPING: "until it is confirmed, do not rely on it",
            OperatorPhase.STOPPED: "press U twice, slowly, when it is safe to move again",
            OperatorPhase.PAUSED: "press P to be sent to robots again",
            OperatorPhase.IDLE: "the fleet asks when it needs you",
            OperatorPhase.RESET: (
                "it is reported" if self._reset_done else "put robot and workspace right, then press R"
            )
            + (", and then you are paused" if self.paused else ""),
            OperatorPhase.NO_VIDEO: f"no new picture for {VIDEO_S:g} s",
            OperatorPhase.BUSY: "wait for its next question",
            OperatorPhase.AIM: self._pointing.hint,
            OperatorPhase.READY: "hold SPACE to send it",
        }[phase]


def _gap(aim: Aim, other: Aim) -> float:
    """How far apart two motions begin, in shares of the picture."""
    return float(np.hypot(aim.start[0] - other.start[0], aim.start[1] - other.start[1]))


def _inside(x: float, y: float) -> tuple[float, float]:
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

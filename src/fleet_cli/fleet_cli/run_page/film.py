"""Every intervention as a strip: what the robot saw, or else the way of its state.

S state dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_bags.interventions import Intervention
from fleet_bags.recording import Recording, read_recording
from fleet_common.jpeg import to_jpeg
from fleet_contract.translation import TO_RGB
from fleet_contract.validation import InputError

MOST_STRIPS = 60
MOST_FRAMES = 6
MOST_WAYS = 8
WIDEST = 160
"""Columns of a picture; wider ones are made smaller."""
Item = TypeVar("Item")
Place = tuple[int, int]
"""Tick and robot."""


@dataclass(frozen=True)
class FilmFrame:
    """What the robot saw."""

    tick: int
    is_after: bool
    """Of the intervention: what it led to."""
    picture: str
    """A data URI; empty where the bag holds none."""


@dataclass(frozen=True)
class StateTrace:
    """One number of the state, from the first tick to the one after the last."""

    name: str
    unit: str
    first: float
    last: float
    points: str
    """Of a line in a box of 100 by 20."""


@dataclass(frozen=True)
class Strip:
    """An intervention."""

    about: Intervention
    frames: tuple[FilmFrame, ...]
    """None where the robots have no camera."""
    ways: tuple[StateTrace, ...]
    """None where they have one."""


def strips(recording: Recording, found: Sequence[Intervention]) -> tuple[Strip, ...]:
    """Of these interventions, or, where they are too many, of some that are spread evenly over them.

    Raises:
        BadInput: an image is none.
    """
    chosen = _evenly(found, MOST_STRIPS)
    if recording.metadata.contract.observation.camera is None:
        return tuple(Strip(about, (), _ways(recording, about)) for about in chosen)
    places = [[(tick, _robot(recording, about)) for tick in _observed(recording, about)] for about in chosen]
    places = [_evenly(own, MOST_FRAMES) for own in places]
    pictures = _pictures(recording, {place for own in places for place in own})
    return tuple(
        Strip(
            about,
            tuple(FilmFrame(tick, tick > about.last_tick, pictures.get((tick, robot), "")) for tick, robot in own),
            (),
        )
        for about, own in zip(chosen, places, strict=True)
    )


def _evenly(items: Sequence[Item], most: int) -> list[Item]:
    """The first, the last, and others between."""
    if len(items) <= most:
        return list(items)
    return [items[number] for number in np.linspace(0, len(items) - 1, most).round().astype(int)]


def _robot(recording: Recording, about: Intervention) -> int:
    return recording.metadata.robots.index(about.lease.robot)


def _observed(recording: Recording, about: Intervention) -> list[int]:
    """Ticks of the intervention, and the one after it."""
    observed = recording.observed_N[_robot(recording, about)]
    return [tick for tick in range(about.first_tick, about.last_tick + 2) if tick in observed]


def _pictures(recording: Recording, wanted: set[Place]) -> dict[Place, str]:
    """As data URIs; the bag is read as far as they go."""
    encoding, pictures = recording.metadata.contract.require_camera().encoding, dict[Place, str]()
    if wanted:
        for tick, robot, image in _images(recording):
            if (tick, robot) in wanted:
                pictures[tick, robot] = _picture(image, encoding)
                if len(pictures) == len(wanted):
                    break
    return pictures


def _images(recording: Recording) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Those of a replay are in the bag that was replayed, if that is still there."""
    source = recording.metadata.fleet.environment.bag
    if source is None:
        return recording.images()
    try:
        return read_recording(source).images()
    except InputError:
        return iter(())


def _picture(image: NDArray[np.uint8], encoding: str) -> str:
    conversion = TO_RGB[encoding]
    pixels = image if conversion is None else cv2.cvtColor(image, conversion)
    rows, columns = pixels.shape[:2]
    if columns > WIDEST:
        pixels = cv2.resize(pixels, (WIDEST, max(1, round(rows * WIDEST / columns))), interpolation=cv2.INTER_AREA)
    return f"data:image/jpeg;base64,{base64.b64encode(to_jpeg(np.asarray(pixels, np.uint8))).decode()}"


def _ways(recording: Recording, about: Intervention) -> tuple[StateTrace, ...]:
    observed = recording.observed_N[_robot(recording, about)]
    ticks = _observed(recording, about)
    if not ticks:
        return ()
    states_TS = np.array([observed[tick].state_S for tick in _evenly(ticks, 100)])
    quantities = recording.metadata.contract.observation.state.quantities[:MOST_WAYS]
    return tuple(
        StateTrace(quantity.name, quantity.unit, float(values_T[0]), float(values_T[-1]), _line(values_T))
        for quantity, values_T in zip(quantities, states_TS.T, strict=False)
    )


def _line(values_T: NDArray[np.float64]) -> str:
    low, high = float(values_T.min()), float(values_T.max())
    heights = 18 - 16 * (values_T - low) / (high - low) if high > low else np.full(len(values_T), 10.0)
    places = np.linspace(1, 99, len(values_T)) if len(values_T) > 1 else np.array([50.0])
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True))

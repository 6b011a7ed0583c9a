"""Shows each intervention as a strip of camera images, or of state traces for robots without a camera.

S state dim, H image rows, W image columns, C channels.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet_bags.interventions import Intervention
from fleet_bags.recording import Recording, read_recording
from fleet_common.jpeg import to_jpeg
from fleet_contract.translation import TO_RGB
from fleet_contract.validation import InputError

MAX_STRIPS = 60
"""Number of interventions that are shown."""
MAX_FRAMES = 6
"""Number of images of an intervention."""
MAX_TRACES = 8
"""Number of state quantities of an intervention."""
MAX_TRACE_POINTS = 100
"""Number of points of a trace."""
MAX_WIDTH = 160
"""Columns to which wider images are reduced."""
Item = TypeVar("Item")
RobotTick = tuple[int, int]
"""A tick, and the index of a robot."""


@dataclass(frozen=True)
class FilmFrame:
    """A camera image during an intervention."""

    tick: int
    is_after: bool
    """Whether the tick is the first one after the intervention, and the image its outcome."""
    image: str
    """Data URI; empty if the bag has no image."""


@dataclass(frozen=True)
class StateTrace:
    """One quantity of the state, from the first tick of an intervention to the first one after it."""

    name: str
    unit: str
    first: float
    last: float
    points: str
    """Points of an SVG polyline in a box of 100 by 20."""


@dataclass(frozen=True)
class Strip:
    """An intervention as it is shown."""

    intervention: Intervention
    frames: tuple[FilmFrame, ...]
    """Images; empty if the robots have no camera."""
    traces: tuple[StateTrace, ...]
    """State traces; empty if the robots have a camera."""


def strips(recording: Recording, found: Sequence[Intervention]) -> tuple[Strip, ...]:
    """Return the strips of at most `MAX_STRIPS` interventions, spread evenly over all.

    Raises:
        InputError: an image cannot be decoded.
    """
    chosen = evenly(found, MAX_STRIPS)
    if recording.metadata.contract.observation.camera is None:
        return tuple(Strip(intervention, (), _traces(recording, intervention)) for intervention in chosen)
    ticks = [evenly(_robot_ticks(recording, intervention), MAX_FRAMES) for intervention in chosen]
    images = _images(recording, set(chain.from_iterable(ticks)))
    return tuple(
        Strip(intervention, tuple(_frame(robot_tick, intervention, images) for robot_tick in own), ())
        for intervention, own in zip(chosen, ticks, strict=True)
    )


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` items, spread evenly from the first to the last."""
    if len(items) <= most:
        return list(items)
    return [items[number] for number in np.linspace(0, len(items) - 1, most).round().astype(int)]


def _frame(robot_tick: RobotTick, intervention: Intervention, images: Mapping[RobotTick, str]) -> FilmFrame:
    tick, _ = robot_tick
    return FilmFrame(tick, tick > intervention.last_tick, images.get(robot_tick, ""))


def _robot_ticks(recording: Recording, intervention: Intervention) -> list[RobotTick]:
    """Return the observed ticks of an intervention, and the first one after it, with its robot."""
    robot = recording.metadata.robots.index(intervention.lease.robot)
    ticks = range(intervention.first_tick, intervention.last_tick + 2)
    return [(tick, robot) for tick in ticks if tick in recording.observed_N[robot]]


def _images(recording: Recording, wanted: set[RobotTick]) -> dict[RobotTick, str]:
    """Return images as data URIs; the bag is read up to the last of them."""
    encoding, images = recording.metadata.contract.require_camera().encoding, dict[RobotTick, str]()
    if wanted:
        for tick, robot, image in _recorded_images(recording):
            if (tick, robot) in wanted:
                images[tick, robot] = _data_uri(image, encoding)
                if len(images) == len(wanted):
                    break
    return images


def _recorded_images(recording: Recording) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Yield tick, robot and image; those of a replay are in the bag that was replayed, if it still exists."""
    source = recording.metadata.fleet.environment.bag
    if source is None:
        return recording.images()
    try:
        return read_recording(source).images()
    except InputError:
        return iter(())


def _data_uri(image: NDArray[np.uint8], encoding: str) -> str:
    conversion = TO_RGB[encoding]
    pixels = image if conversion is None else cv2.cvtColor(image, conversion)
    rows, columns = pixels.shape[:2]
    if columns > MAX_WIDTH:
        pixels = cv2.resize(
            pixels, (MAX_WIDTH, max(1, round(rows * MAX_WIDTH / columns))), interpolation=cv2.INTER_AREA
        )
    return f"data:image/jpeg;base64,{base64.b64encode(to_jpeg(np.asarray(pixels, np.uint8))).decode()}"


def _traces(recording: Recording, intervention: Intervention) -> tuple[StateTrace, ...]:
    robot_ticks = evenly(_robot_ticks(recording, intervention), MAX_TRACE_POINTS)
    if not robot_ticks:
        return ()
    states_TS = np.array([recording.observed_N[robot][tick].state_S for tick, robot in robot_ticks])
    quantities = recording.metadata.contract.observation.state.quantities[:MAX_TRACES]
    return tuple(
        StateTrace(quantity.name, quantity.unit, float(values_T[0]), float(values_T[-1]), _polyline(values_T))
        for quantity, values_T in zip(quantities, states_TS.T, strict=False)
    )


def _polyline(values_T: NDArray[np.float64]) -> str:
    low, high = float(values_T.min()), float(values_T.max())
    heights = 18 - 16 * (values_T - low) / (high - low) if high > low else np.full(len(values_T), 10.0)
    widths = np.linspace(1, 99, len(values_T)) if len(values_T) > 1 else np.array([50.0])
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(widths, heights, strict=True))

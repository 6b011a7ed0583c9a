"""Serves the images of a recording tick by tick.

H image rows, W image columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fleet_bags.recording import Recording


class RecordedImages:
    """Reads ahead in the bag as far as a tick needs, and holds no more images than that.

    A first pass over the bag finds which images there are: a lost image must be known at its tick, and a restarted recorder
    may have received it later.
    """

    def __init__(self, recording: Recording) -> None:
        self._recorded = recording.image_ticks()
        self._unread: Iterator[tuple[int, int, NDArray[np.uint8]]] = recording.images()
        self._ahead: dict[tuple[int, int], NDArray[np.uint8]] = {}
        """Images of later ticks that have been read already, by robot and tick."""

    def has(self, robot: int, tick: int) -> bool:
        """Return whether the robot's image at a tick was recorded."""
        return (robot, tick) in self._recorded

    def at(self, tick: int, robots: Iterable[int]) -> Mapping[int, NDArray[np.uint8]]:
        """Return the images (H, W, C) of these robots at a tick, by robot; ticks may only increase from call to call."""
        wanted = {(robot, tick) for robot in robots} & self._recorded
        while not wanted <= self._ahead.keys():
            image_tick, robot, image = next(self._unread)
            self._ahead[robot, image_tick] = image
        images = {robot: self._ahead[robot, tick] for robot, _ in wanted}
        self._ahead = {key: image for key, image in self._ahead.items() if key[1] > tick}
        return images

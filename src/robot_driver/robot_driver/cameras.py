"""The camera interface that robot drivers and simulated environments share.

N robots, H image rows, W image columns.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override


class Cameras(Protocol):
    """The cameras of N robots."""

    def images(self) -> NDArray[np.uint8]:
        """Return the latest camera images, (N, H, W, 3), in the contract's size and encoding.

        Raises:
            RuntimeError: the contract has no camera.
        """

    def video(self, robot: int) -> NDArray[np.uint8]:
        """Return what an operator sees of one robot now, (H, W, 3), red green blue, in the size of the contract's video.

        Raises:
            RuntimeError: the contract has no operation, so that nobody can drive its robots.
        """

    def camera_matrix(self) -> NDArray[np.float64]:
        """Return the intrinsics of the cameras, (3, 3), pixels: a pinhole without distortion.

        Raises:
            RuntimeError: the contract has no camera.
        """


class NoCameras(Cameras):
    """Robots without a camera: derive from it to refuse all requests for images."""

    no_camera: ClassVar[str] = "the contract has no camera"
    """The message of the error that is raised."""

    @override
    def images(self) -> NoReturn:
        raise RuntimeError(self.no_camera)

    @override
    def video(self, robot: int) -> NoReturn:
        raise RuntimeError(self.no_camera)

    @override
    def camera_matrix(self) -> NoReturn:
        raise RuntimeError(self.no_camera)

"""Robots that nothing looks at: the part of `Environment` that is about cameras."""

from __future__ import annotations

from typing import ClassVar, NoReturn


class WithoutCamera:
    """Derive from it, and say whose robots they are."""

    no_camera: ClassVar[str]
    """What is said to whoever asks for images."""

    def images(self) -> NoReturn:
        """Raises RuntimeError: there is no camera."""
        raise RuntimeError(self.no_camera)

    def video(self, robot: int) -> NoReturn:  # noqa: ARG002
        """Raises RuntimeError: there is no camera."""
        raise RuntimeError(self.no_camera)

    def camera_matrix(self) -> NoReturn:
        """Raises RuntimeError: there is no camera."""
        raise RuntimeError(self.no_camera)

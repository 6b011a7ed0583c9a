"""What this machine must bring along because pip cannot."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Lack(NamedTuple):
    """Something missing, and the Debian or Ubuntu package that brings it."""

    what: str
    package: str


def real_ros() -> str | None:
    """Name the sourced ROS 2 distribution, if there is one."""
    return os.environ.get("ROS_DISTRO") if shutil.which("ros2") else None


def lacks() -> list[Lack]:
    """List all that is missing on this machine."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needs = [
        (shutil.which("g++") is not None, Lack("g++", "g++")),
        (_header("Python.h"), Lack("Python.h", f"{version}-dev")),
        (importlib.util.find_spec("ensurepip") is not None, Lack("Python's venv module", f"{version}-venv")),
        (_loads("libEGL.so.1"), Lack("libEGL.so.1", "libegl1")),
        (_loads("libGL.so.1"), Lack("libGL.so.1", "libgl1")),
        (_loads("libgthread-2.0.so.0"), Lack("libgthread-2.0.so.0", "libglib2.0-0")),
        (_loads("libSM.so.6"), Lack("libSM.so.6", "libsm6")),
        (_loads("libXext.so.6"), Lack("libXext.so.6", "libxext6")),
    ]
    return [lack for present, lack in needs if not present]


def test_lacks() -> list[Lack]:
    """List the programs that some tests use, and that are missing on this machine."""
    needs = [
        (("sshd", "/usr/sbin/sshd"), "openssh-server"),
        (("Xvfb",), "xvfb"),
        (("xdotool",), "xdotool"),
        (("chromium", "chromium-browser", "google-chrome"), "chromium"),
        (("chromedriver",), "chromium-driver"),
    ]
    return [Lack(names[0], package) for names, package in needs if not any(map(shutil.which, names))]


def unsupported() -> str | None:
    """Say in one sentence why this machine cannot run the fleet at all, if so."""
    if not real_ros() and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return (
            f"ROS 2 wheels exist for x86-64 Linux only, this is {platform.machine()} {platform.system()}: "
            "install ROS 2 Kilted and source its setup.bash, or use the images in docker/."
        )
    return None


def install_command(missing: list[Lack]) -> list[str]:
    """Build the command that installs what is missing."""
    return ["apt-get", "install", "-y", "--no-install-recommends", *(lack.package for lack in missing)]


def describe(missing: list[Lack]) -> str:
    """Name what is missing and the command that brings it, in one line."""
    names = ", ".join(lack.what for lack in missing)
    return f"Missing: {names}. Install with: sudo {' '.join(install_command(missing))}"


def _header(name: str) -> bool:
    return (Path(sysconfig.get_paths()["include"]) / name).is_file()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True

"""This checkout: what is made in it, from what, and whether that is done."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import _host
from _host import ROOT
from _steps import Stamp, digest

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD = ROOT / "build"
INSTALL = ROOT / "install"
SOURCES = ("src", "launch")
TF2_MSGS = "wheels/tf2_msgs"
FOREIGN_INCLUDES = ROOT / "wheels" / "foreign_includes.cmake"
REQUIREMENTS = ROOT / "requirements"

PACKAGES_STAMP = Stamp(VENV / ".packages-stamp")
BUILD_STAMP = Stamp(BUILD / ".build-stamp")

# Python files are linked into the build, so only what is copied or generated from counts by its content ...
BUILT_FROM = {"package.xml", "setup.py", "setup.cfg", "CMakeLists.txt"}
BUILT_SUFFIXES = {".msg", ".srv", ".action", ".cmake"}
# ... and other files by their names, because setup.py lists them in data_files. What is in these folders is in neither.
SKIPPED_FOLDERS = {"__pycache__", "node_modules", "test"}


def finished() -> bool:
    """Tell whether nothing is left to do."""
    packages = package_inputs()
    return (
        PACKAGES_STAMP.matches(packages)
        and BUILD_STAMP.matches(build_inputs(packages))
        and PYTHON.exists()
        and (INSTALL / "setup.bash").is_file()
    )


@contextmanager
def alone() -> Iterator[int]:
    """Hold the lock on this checkout.

    Running commands inherit it, so a command that outlives a killed setup keeps the next setup waiting.
    """
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Another setup is running here; waiting for it.\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def usable_venv() -> bool:
    """Tell whether .venv is whole, made at this place, for the interpreter it links to, and of the right kind."""
    try:
        settings = (VENV / "pyvenv.cfg").read_text()
        pip = (VENV / "bin" / "pip").read_text()[:300]
    except OSError:
        return False
    version = re.search(r"^version = (\d+\.\d+)", settings, re.MULTILINE)
    system_packages = "include-system-site-packages = true" in settings
    return (
        str(VENV) + "/bin/python" in pip
        and version is not None
        and os.path.realpath(PYTHON).endswith(f"python{version[1]}")
        and system_packages == bool(_host.real_ros())
        and os.access(PYTHON, os.X_OK)
    )


def requirement_files() -> list[Path]:
    """List what pip installs from; a real ROS 2 takes the place of the wheels."""
    files = [REQUIREMENTS / "python.txt"]
    return files if _host.real_ros() else [REQUIREMENTS / "ros_wheels.txt", *files]


def package_inputs() -> str:
    """Hash what the Python environment is made from."""
    files = [*requirement_files(), REQUIREMENTS / "constraints.txt"]
    return digest([str(VENV), os.path.realpath(PYTHON), *(file.read_bytes() for file in files)])


def built() -> tuple[str, ...]:
    """Name the folders with packages to build: our own, and what a ROS 2 has and its wheels have not."""
    return SOURCES if has_ros_package("tf2_msgs") else (*SOURCES, TF2_MSGS)


def has_ros_package(name: str) -> bool:
    """Tell whether the ROS 2 under the packages has one of that name; what was built in this checkout does not count."""
    sourced = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if _host.real_ros() else [str(VENV)]
    under = [Path(prefix) for prefix in sourced if prefix and not Path(prefix).is_relative_to(INSTALL)]
    return any((prefix / "share/ament_index/resource_index/packages" / name).exists() for prefix in under)


def package_files(sources: Sequence[str] = SOURCES) -> list[Path]:
    """List the files of the packages in some folders, our own by default."""
    found = []
    for source in sources:
        for folder, folders, names in os.walk(ROOT / source):
            folders[:] = sorted(
                name
                for name in folders
                if name not in SKIPPED_FOLDERS and not name.startswith(".") and not name.endswith(".egg-info")
            )
            found += [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
    return found


def build_inputs(packages: str) -> str:
    """Hash what the build is made from: the Python environment, and the packages."""
    parts: list[str | bytes] = [packages, *([] if _host.real_ros() else [FOREIGN_INCLUDES.read_bytes()])]
    for file in package_files(built()):
        if file.name in BUILT_FROM or file.suffix in BUILT_SUFFIXES:
            parts += [str(file), file.read_bytes()]
        elif file.suffix not in {".py", ".pyc"} or file.name.endswith("launch.py"):
            parts.append(str(file))
    return digest(parts)


def package_name(manifest: Path) -> str:
    """Read the name in a package.xml."""
    name = re.search(r"<name>\s*([^<\s]+)\s*</name>", manifest.read_text())
    return name[1] if name else manifest.parent.name

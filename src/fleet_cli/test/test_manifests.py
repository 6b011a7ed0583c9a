"""Every package.xml names what its package imports, and nothing else."""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {path.name: path for path in sorted((ROOT / "src").iterdir()) if (path / "setup.py").exists()}
PACKAGES["fleet_bringup"] = ROOT / "launch"
PACKAGES["fleet_examples"] = ROOT / "examples/fleet_examples"
ROSDEP = {
    "PIL": "python3-pil",
    "aiohttp": "python3-aiohttp",
    "annotated_types": "python3-pydantic",
    "asyncssh": "python3-asyncssh",
    "cv2": "python3-opencv",
    "google": "python3-protobuf",
    "gymnasium": "python3-gymnasium-pip",
    "hypothesis": "python3-hypothesis",
    "jinja2": "python3-jinja2",
    "matplotlib": "python3-matplotlib",
    "mujoco": "python3-mujoco-pip",
    "numpy": "python3-numpy",
    "pydantic": "python3-pydantic",
    "pydantic_core": "python3-pydantic",
    "pytest": "python3-pytest",
    "requests": "python3-requests",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
    "scipy": "python3-scipy",
    "setproctitle": "python3-setproctitle",
    "stable_baselines3": "python3-stable-baselines3-pip",
    "tensorboard": "python3-tensorboard-pip",
    "torch": "python3-torch",
    "typer": "python3-typer",
    "typing_extensions": "python3-typing-extensions",
    "yaml": "python3-yaml",
}
"""rosdep keys by the names of modules; ROS packages have their own names."""
WITHOUT_KEY = {
    "abb_robot_client",
    "av",
    "flwr",
    "foxglove",
    "isaacgym",
    "lerobot",
    "mcap",
    "mcap_ros2",
    "metaworld",
    "mujoco_warp",
    "pyarrow",
    "ray",
    "safetensors",
    "selenium",
    "starlette",
    "warp",
}
"""Modules for which rosdep has no key: pip installs them from the requirements, or users do."""
NOT_IMPORTED = {
    "fleet_bringup": {
        # It starts their nodes.
        "fleet_allocator",
        "fleet_bags",
        "fleet_safety",
        "fleet_views",
        "mobile_base",
        "robot_driver",
    },
    # Curves are written with torch.utils.tensorboard.
    "fleet_learning": {"python3-tensorboard-pip"},
    "yumi_driver": {"openssh-server"},
}
ALL_TESTS = {"python3-pytest", "python3-pytest-timeout"}


def imported(folder: Path) -> Iterator[str]:
    """The top-level modules that the files of a folder import, other than Python's own and the folder's."""
    files = [path for path in folder.rglob("*.py") if path.name != "setup.py" and "stand_in" not in path.parts]
    local = {path.stem for path in files}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            yield from {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - local


def keys(package: str, folder: Path) -> set[str]:
    """What rosdep and colcon call the modules that a folder of a package imports."""
    return {ROSDEP.get(name, name) for name in imported(folder) if name not in WITHOUT_KEY and name != package}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_manifest_names_what_is_imported(package: str) -> None:
    folder = PACKAGES[package]
    manifest = ET.parse(folder / "package.xml").getroot()
    found = {kind: {tag.text for tag in manifest.iter(f"{kind}_depend")} for kind in ("exec", "test")}
    needed = keys(package, folder / package) | NOT_IMPORTED.get(package, set())
    for launch_file in folder.glob("*.launch.py"):
        assert launch_file.parent == ROOT / "launch"
        needed |= {"launch", "launch_ros"}
    assert found["exec"] == needed
    tested = keys(package, folder / "test") if (folder / "test").exists() else set()
    assert found["test"] == (tested | ALL_TESTS if tested else set()) - needed


@pytest.mark.parametrize("package", PACKAGES)
def test_name_version_and_description_are_the_same_in_both_files(package: str) -> None:
    folder = PACKAGES[package]
    manifest, setup = ET.parse(folder / "package.xml").getroot(), (folder / "setup.py").read_text(encoding="utf-8")
    for key in ("name", "version", "description"):
        assert f'{key}="{manifest.findtext(key)}"' in setup

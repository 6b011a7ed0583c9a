from pathlib import Path

from setuptools import find_packages, setup


def files(*patterns: str) -> list[str]:
    return sorted(str(path) for pattern in patterns for path in Path().glob(pattern))


setup(
    name="fleet_bringup",
    version="0.1.0",
    description="Launch files, fleet files, the node graph, and the preparation of a run.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_bringup", "fleet_bringup.*"]),
    package_data={"fleet_bringup": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_bringup"]),
        ("share/fleet_bringup", ["package.xml"]),
        ("share/fleet_bringup/launch", files("*.launch.py")),
        ("share/fleet_bringup/config", files("config/*.yaml", "config/*.rviz", "config/*.xml", "config/*.json")),
        ("share/fleet_bringup/config/robots", files("config/robots/*.yaml")),
        *(
            (f"share/fleet_bringup/config/benchmark/{scale}", files(f"config/benchmark/{scale}/*.yaml"))
            for scale in ("paper", "cpu")
        ),
        ("share/fleet_bringup/config/policies", files("config/policies/*")),
        ("share/fleet_bringup/config/monitors/tabletop", files("config/monitors/tabletop/*")),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "fleet.drivers": [
            "replay = fleet_bringup.drivers:REPLAY",
            "ros = fleet_bringup.drivers:ROS",
            "yumi = fleet_bringup.drivers:YUMI",
            "yumi_sim = fleet_bringup.drivers:YUMI_SIM",
        ],
        "console_scripts": [
            "prepare = fleet_bringup.prepare:main",
        ],
    },
)

from setuptools import find_packages, setup

setup(
    name="fleet_examples",
    version="0.1.0",
    description="A policy, a signal, an allocation rule, and a task with its supervisor, added to the stack from outside.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_examples"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_examples"]),
        ("share/fleet_examples", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    entry_points={
        "fleet.policies": ["nearest = fleet_examples.nearest:Nearest"],
        "fleet.signals": ["standstill = fleet_examples.standstill:Standstill"],
        "fleet.allocation_rules": ["longest_waiting = fleet_examples.longest_waiting:LongestWaiting"],
        "fleet.environments": ["numpy/grid = fleet_examples.grid:Grid"],
        "fleet.supervisors": ["grid/straight = fleet_examples.straight:Straight"],
    },
)

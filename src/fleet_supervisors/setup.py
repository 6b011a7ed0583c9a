from setuptools import find_packages, setup

SUPERVISORS = {
    "block_push": ("push:PushSupervisor", ("clockwise", "counterclockwise")),
    "navigation": ("navigation:NavigationSupervisor", ("up", "down", "either")),
    "windy_navigation": ("navigation:NavigationSupervisor", ("up", "down", "either")),
    "beacon": ("beacon:BeaconSupervisor", ("left", "right")),
    "tabletop": ("tabletop.supervisor:TabletopSupervisor", ("left", "right")),
    "mt6": ("metaworld.supervisor:MetaworldSupervisor", ("brisk", "calm")),
    "ball_balance": ("balance:BalanceSupervisor", ("even", "gentle", "firm")),
    "franka_cube_stack": ("stack:StackSupervisor", ("theta", "theta_minus_quarter")),
    "ant": ("learned:LearnedSupervisor", ("learned", "mirrored")),
    "anymal": ("learned:LearnedSupervisor", ("learned", "mirrored")),
}

setup(
    name="fleet_supervisors",
    version="0.1.0",
    description="Scripted and learned supervisors with their weights, and the node that runs them.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_supervisors", "fleet_supervisors.*"]),
    package_data={"fleet_supervisors": ["py.typed", "weights/*.safetensors"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_supervisors"]),
        ("share/fleet_supervisors", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "fleet.supervisors": [
            f"{task}/{style} = fleet_supervisors.{supervisor}"
            for task, (supervisor, styles) in SUPERVISORS.items()
            for style in styles
        ],
        "console_scripts": [
            "station_node = fleet_supervisors.station_node:main",
        ],
    },
)

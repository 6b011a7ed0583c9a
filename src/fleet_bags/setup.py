from setuptools import find_packages, setup

setup(
    name="fleet_bags",
    version="0.1.0",
    description="Recording into rosbag2 MCAP, repair, replay, and training sets from bags.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_bags", "fleet_bags.*"]),
    package_data={"fleet_bags": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_bags"]),
        ("share/fleet_bags", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "recorded_stations_node = fleet_bags.recorded_stations_node:main",
            "recorder_node = fleet_bags.recorder_node:main",
            "replay_node = fleet_bags.replay_node:main",
        ],
    },
)

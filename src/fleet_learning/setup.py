from setuptools import find_packages, setup

setup(
    name="fleet_learning",
    version="0.1.0",
    description="Learning for all kinds of policies: datasets, encoders, optimization, checkpoints, and the nodes that serve and retrain policies.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_learning", "fleet_learning.*"]),
    package_data={"fleet_learning": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_learning"]),
        ("share/fleet_learning", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "policy_node = fleet_learning.policy_node:main",
            "signal_node = fleet_learning.signal_node:main",
            "signal_trainer_node = fleet_learning.signal_trainer_node:main",
            "trainer_node = fleet_learning.trainer_node:main",
        ],
        "fleet.uncertainties": [
            "variance = fleet_learning.variance:Variance",
        ],
    },
)

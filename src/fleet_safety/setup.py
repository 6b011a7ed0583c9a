from setuptools import find_packages, setup

setup(
    name="fleet_safety",
    version="0.1.0",
    description="The action gate, the only node that publishes actions for robots.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_safety", "fleet_safety.*"]),
    package_data={"fleet_safety": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_safety"]),
        ("share/fleet_safety", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "gate_node = fleet_safety.gate_node:main",
        ],
    },
)

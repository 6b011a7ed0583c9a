from setuptools import find_packages, setup

setup(
    name="fleet_common",
    version="0.1.0",
    description="Shared by all nodes: the node base class, QoS profiles, health checks, diagnostics, colours, JPEG.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_common", "fleet_common.*"]),
    package_data={"fleet_common": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_common"]),
        ("share/fleet_common", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)

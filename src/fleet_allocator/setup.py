from setuptools import find_packages, setup

setup(
    name="fleet_allocator",
    version="0.1.0",
    description="Assigns humans to robots: priorities, uncertainty thresholds, leases, and the return on human effort.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_allocator", "fleet_allocator.*"]),
    package_data={"fleet_allocator": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_allocator"]),
        ("share/fleet_allocator", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "fleet.allocation_rules": [
            "priority = fleet_allocator.priority:Priority",
            "random = fleet_allocator.random_rule:RandomRule",
            "td = fleet_allocator.thrifty:Thrifty",
        ],
        "console_scripts": [
            "allocator_node = fleet_allocator.allocator_node:main",
        ],
    },
)

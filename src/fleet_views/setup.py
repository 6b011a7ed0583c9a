from setuptools import find_packages, setup

setup(
    name="fleet_views",
    version="0.1.0",
    description="Views of a running fleet: the console, markers for RViz, a Foxglove server, and aggregated diagnostics.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_views", "fleet_views.*"]),
    package_data={"fleet_views": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_views"]),
        ("share/fleet_views", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "console_node = fleet_views.console_node:main",
            "diagnostics_node = fleet_views.diagnostics_node:main",
            "foxglove_node = fleet_views.foxglove_node:main",
            "markers_node = fleet_views.markers_node:main",
        ],
    },
)

from setuptools import find_packages, setup

setup(
    name="fleet_cli",
    version="0.1.0",
    description="The fleet command: runs, reports, training, experiments, and benchmarks.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_cli", "fleet_cli.*"]),
    package_data={"fleet_cli": ["py.typed", "run_page/report.*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_cli"]),
        ("share/fleet_cli", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "fleet = fleet_cli.main:main",
        ],
    },
)

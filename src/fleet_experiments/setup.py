from setuptools import find_packages, setup

setup(
    name="fleet_experiments",
    version="0.1.0",
    description="Figures and tables of the papers, and benchmarks of the cores.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_experiments", "fleet_experiments.*"]),
    package_data={"fleet_experiments": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_experiments"]),
        ("share/fleet_experiments", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)

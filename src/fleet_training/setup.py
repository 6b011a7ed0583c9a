from setuptools import find_packages, setup

setup(
    name="fleet_training",
    version="0.1.0",
    description="The fleet in one process, and the policies that are trained with it or from recordings.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_training", "fleet_training.*"]),
    package_data={"fleet_training": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_training"]),
        ("share/fleet_training", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)

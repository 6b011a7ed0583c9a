from setuptools import find_packages, setup

setup(
    name="fleet_contract",
    version="0.1.0",
    description="The robot contract, the fleet file, their validation, and the translation between messages and arrays.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_contract", "fleet_contract.*"]),
    package_data={"fleet_contract": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_contract"]),
        ("share/fleet_contract", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)

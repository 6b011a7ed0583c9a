from setuptools import find_packages, setup

setup(
    name="robot_driver",
    version="0.1.0",
    description="The robot driver interface, its conformance tests, and the node that serves a driver to the fleet.",
    license="Apache-2.0",
    packages=find_packages(include=["robot_driver", "robot_driver.*"]),
    package_data={"robot_driver": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/robot_driver"]),
        ("share/robot_driver", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={"console_scripts": ["adapter_node = robot_driver.adapter_node:main"]},
)

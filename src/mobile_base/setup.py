from setuptools import find_packages, setup

setup(
    name="mobile_base",
    version="0.1.0",
    description="A simulated mobile base that speaks ROS 2 and does not depend on the fleet.",
    license="Apache-2.0",
    packages=find_packages(include=["mobile_base", "mobile_base.*"]),
    package_data={"mobile_base": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/mobile_base"]),
        ("share/mobile_base", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={"console_scripts": ["base_node = mobile_base.base_node:main"]},
)

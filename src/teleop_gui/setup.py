from setuptools import find_packages, setup

setup(
    name="teleop_gui",
    version="0.1.0",
    description="Supervisors: operators' windows and scripted supervisors behind one interface.",
    license="Apache-2.0",
    packages=find_packages(include=["teleop_gui", "teleop_gui.*"]),
    package_data={"teleop_gui": ["py.typed", "page/*", "experts/*.safetensors"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/teleop_gui"]),
        ("share/teleop_gui", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "station_node = teleop_gui.station_node:main",
            "web_node = teleop_gui.web_node:main",
            "window_node = teleop_gui.window_node:main",
        ],
    },
)

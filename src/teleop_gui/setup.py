from setuptools import find_packages, setup

setup(
    name="teleop_gui",
    version="0.1.0",
    description="Operators' windows and web page, and the stations through which supervisors drive robots.",
    license="Apache-2.0",
    packages=find_packages(include=["teleop_gui", "teleop_gui.*"]),
    package_data={"teleop_gui": ["py.typed", "page/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/teleop_gui"]),
        ("share/teleop_gui", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "web_node = teleop_gui.web_node:main",
            "window_node = teleop_gui.window_node:main",
        ],
    },
)

from setuptools import find_packages, setup

setup(
    name="fleet_monitor",
    version="0.1.0",
    description="Monitors, which foresee failures of robots from camera images.",
    license="Apache-2.0",
    packages=find_packages(include=["fleet_monitor", "fleet_monitor.*"]),
    package_data={"fleet_monitor": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/fleet_monitor"]),
        ("share/fleet_monitor", ["package.xml"]),
    ],
    entry_points={"fleet.signals": ["monitor = fleet_monitor.monitor_signals:MonitorSignals"]},
    install_requires=["setuptools"],
    zip_safe=False,
)

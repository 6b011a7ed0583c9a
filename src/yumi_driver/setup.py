from setuptools import find_packages, setup

setup(
    name="yumi_driver",
    version="0.1.0",
    description="ABB YuMi arms over SSH to the gateway PC beside the robot, and a simulated laboratory.",
    license="Apache-2.0",
    packages=find_packages(include=["yumi_driver", "yumi_driver.*"]),
    package_data={"yumi_driver": ["py.typed", "limits.yaml", "rapid/*.mod"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/yumi_driver"]),
        ("share/yumi_driver", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        # The simulation in which policies for the arms are trained.
        "fleet.environments": [
            "yumi/block_push = sim_bridge.environments:push_cell",
            "yumi_sim/block_push = sim_bridge.environments:push_cell",
        ],
        "console_scripts": [
            "simulated_cells_node = yumi_driver.simulated_cells_node:main",
            "yumi_agent = yumi_driver.agent.__main__:main",
            "yumi_node = yumi_driver.yumi_node:main",
        ],
    },
)

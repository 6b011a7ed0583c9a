from setuptools import find_packages, setup

BENCHMARK = ("ball_balance", "ant", "anymal", "franka_cube_stack")
FIXED_EPISODES = ("mujoco/block_push", "isaacgym/block_push", "numpy/navigation", "numpy/windy_navigation")

setup(
    name="sim_bridge",
    version="0.1.0",
    description="Simulated robots behind the topics of real ones, in batched MuJoCo and in Isaac Gym.",
    license="Apache-2.0",
    packages=find_packages(include=["sim_bridge", "sim_bridge.*"]),
    package_data={"sim_bridge": ["py.typed", "benchmark/expert_returns/*.json"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/sim_bridge"]),
        ("share/sim_bridge", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "fleet.environments": [
            "mujoco/block_push = sim_bridge.environments:push_cell",
            "isaacgym/block_push = sim_bridge.environments:isaac_push_cell",
            "mujoco/tabletop = sim_bridge.environments:tabletop",
            "metaworld/mt6 = sim_bridge.environments:metaworld",
            "numpy/navigation = sim_bridge.environments:maze",
            "numpy/windy_navigation = sim_bridge.environments:windy_maze",
            *(f"mujoco/{task} = sim_bridge.environments:benchmark" for task in BENCHMARK),
            *(f"mujoco_warp/{task} = sim_bridge.environments:warp_benchmark" for task in BENCHMARK),
            *(f"isaacgym/{task} = sim_bridge.environments:isaac_benchmark" for task in BENCHMARK),
        ],
        "fleet.environment_traits": [
            *(f"{name} = sim_bridge.traits:FIXED_EPISODES" for name in FIXED_EPISODES),
            "mujoco/tabletop = sim_bridge.traits:TABLETOP",
            "metaworld/mt6 = sim_bridge.traits:METAWORLD",
        ],
        "console_scripts": [
            "bridge_node = sim_bridge.bridge_node:main",
        ],
    },
)

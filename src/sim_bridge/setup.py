from setuptools import find_packages, setup

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
        "console_scripts": [
            "bridge_node = sim_bridge.bridge_node:main",
        ],
    },
)

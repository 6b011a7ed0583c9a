from setuptools import find_packages, setup

setup(
    name="policy_merge",
    version="0.1.0",
    description="Merges policies that were trained at several sites, by their weights.",
    license="Apache-2.0",
    packages=find_packages(include=["policy_merge", "policy_merge.*"]),
    package_data={"policy_merge": ["py.typed", "federation/flower_app/pyproject.toml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/policy_merge"]),
        ("share/policy_merge", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
)

from setuptools import find_packages, setup

setup(
    name="iifl_policy",
    version="0.1.0",
    description="The policies of IIFL: energy models, Langevin sampling, Jeffreys uncertainty, and the explicit baselines.",
    license="Apache-2.0",
    packages=find_packages(include=["iifl_policy", "iifl_policy.*"]),
    package_data={"iifl_policy": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/iifl_policy"]),
        ("share/iifl_policy", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "fleet.policies": [
            "explicit = iifl_policy.explicit:ExplicitPolicy",
            "implicit = iifl_policy.implicit:ImplicitPolicy",
        ],
        "fleet.signals": [
            "risk_critic = iifl_policy.risk_signal:RiskSignal",
        ],
        "fleet.uncertainties": [
            "jeffreys = iifl_policy.jeffreys:Jeffreys",
        ],
    },
)

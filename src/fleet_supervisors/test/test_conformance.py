"""All supervisors of this package keep the rules of scripted supervisors."""

from pathlib import Path

import pytest

from fleet_contract.plugins import nested_names, plugin
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_supervisors.conformance import SupervisorConformance
from fleet_supervisors.supervisor_request import SupervisorRequest
from fleet_supervisors.supervisors import GROUP

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACTS = {
    "block_push": "push_cell",
    "navigation": "pointbot",
    "windy_navigation": "pointbot",
    "beacon": "mobile_base",
    "mt6": "metaworld",
    **{task: task for task in ("tabletop", "ball_balance", "franka_cube_stack", "ant", "anymal")},
}


class TestSupervisors(SupervisorConformance):
    @pytest.fixture(
        autouse=True, params=[(task, style) for task in CONTRACTS for style in nested_names(GROUP)[task]], ids="/".join
    )
    def choose(self, request):
        self.task, self.style = request.param
        self.contract = read_yaml(ROBOTS / f"{CONTRACTS[self.task]}.yaml", RobotContract)

    def make(self, generator):
        supervisor = plugin(GROUP, f"{self.task}/{self.style}", key="supervisors.styles")
        return supervisor(SupervisorRequest(self.task, self.style, self.contract, generator))

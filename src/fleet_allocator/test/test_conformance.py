"""The rules of this package keep the rules of allocation rules."""

import pytest

from fleet_allocator.allocation_rule import make_rule
from fleet_allocator.conformance import RuleConformance
from fleet_contract.fleet import AllocationConfig

RULES = {
    "priority": {"order": ["violation", "uncertainty", "risk"]},
    "priority among all": {"order": ["uncertainty", "violation", "risk"], "idle_humans": False},
    "td": {"rule": "td", "order": ["risk", "uncertainty", "violation"]},
    "random": {"rule": "random", "idle_humans": False},
    "random in a budget": {"rule": "random", "options": {"budget_per_tick": 1.5}},
}


class TestRules(RuleConformance):
    signals = ("uncertainty", "risk", "violation")

    @pytest.fixture(autouse=True, params=RULES)
    def choose(self, request):
        self.config = AllocationConfig(**RULES[request.param])

    def make(self):
        return make_rule(self.config, self.supervisors)

"""A small federation in one process, for tests of what sites and server do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_learning.checkpoint import checkpoint_metadata, write_checkpoint
from fleet_learning.dataset import new_dataset
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import contract_scaling
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from policy_merge.federation.exchange import Exchange, Failure
from policy_merge.federation.rounds import Federation, Settings, prepare_folder
from policy_merge.federation.site import FederatedSite

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACT = read_yaml(ROBOTS / "push_cell.yaml", RobotContract)
STEPS, SEED = 5, 3


def pairs(seed, count=140):
    """Pairs of a site."""
    random = np.random.default_rng(seed)
    return new_dataset(
        random.normal(size=(count, CONTRACT.state_dim)),
        random.uniform(CONTRACT.action_low_A, CONTRACT.action_high_A, (count, CONTRACT.action_dim)),
    )


def first_policy():
    """An untrained policy of two members."""
    shape = ExplicitShape(CONTRACT.state_dim, CONTRACT.action_dim, members=2, width=9, depth=2)
    config = ExplicitConfig(shape, optimizer=OptimizerConfig(batch_size=16, learning_rate=1e-3))
    return new_explicit(config, contract_scaling(CONTRACT, pairs(99)), torch.Generator().manual_seed(0))


def write_start(path):
    """Write the checkpoint of the first policy."""
    policy = first_policy()
    metadata = checkpoint_metadata(policy, CONTRACT, calibrations=(), dataset=pairs(99), command="test")
    return write_checkpoint(path, policy, metadata)


class InOneProcess(Exchange):
    """Hands messages to functions; what a function returns is the reply, and what is longer than allowed is not read."""

    def __init__(self, answers):
        """Use one function per site."""
        self.answers, self.messages = answers, []

    def wait_for(self, count):
        """Return all sites; tests do not wait."""
        assert len(self.answers) >= count
        return range(len(self.answers))

    def exchange(self, message, sites, *, longest, timeout_s):
        """Return the replies."""
        self.messages.append(message)
        replies = {}
        for site in sites:
            reply = self.answers[site](message)
            too_long = isinstance(reply, bytes) and len(reply) > longest
            replies[site] = Failure("expected a shorter reply") if too_long else reply
        return replies


class Trial:
    """A folder with a server and sites."""

    def __init__(self, folder, method, sites=3, steps=STEPS):
        """Write the first policy, and make the sites."""
        self.folder, self.reported = folder / "server", []
        start = folder / "start.safetensors"
        digest = write_start(start)
        self.settings = Settings(contract=CONTRACT.digest, start=digest, method=method, steps=steps, seed=SEED)
        prepare_folder(self.folder, start, CONTRACT, self.settings)
        self.sites = [self.site(folder, index) for index in range(sites)]
        self.answers = [site.answer for site in self.sites]

    def site(self, folder, index):
        """Make the site with this index."""
        own = folder / f"site_{index}"
        own.mkdir()
        return FederatedSite(chr(ord("a") + index), CONTRACT, pairs(index), "state", own)

    def run(self, rounds, answers=None):
        """Make rounds, and return the last checkpoint."""
        return self.server(answers or self.answers).run(rounds, len(answers or self.answers))

    def server(self, answers):
        """Make the server of sites that answer like this."""
        return Federation(
            InOneProcess(answers),
            self.folder,
            CONTRACT,
            self.settings,
            timeout_s=1.0,
            report=self.reported.append,
        )

    @property
    def refusals(self):
        """Sites that were refused, and why."""
        found = [re.fullmatch(r"round \d+: site (\S+|number \d+) refused: (.*)", line) for line in self.reported]
        return {match[1]: match[2] for match in found if match}

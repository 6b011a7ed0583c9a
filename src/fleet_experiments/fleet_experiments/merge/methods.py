"""The ways in which the networks of several sites become one in the merging experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet_experiments.merge.site import Site
from policy_merge.alignment import AlignmentConfig
from policy_merge.merging import METHODS as COMMANDS
from policy_merge.merging import Merged, Method, merge_networks

METHODS: Mapping[str, Method] = {
    "average": COMMANDS["average"],
    "Git Re-Basin, weights": COMMANDS["weights"],
    "Git Re-Basin, activations": COMMANDS["activations"],
    "FLEET-MERGE": COMMANDS["fleet_merge"],
    "RegMean": Method("none", regresses=True),
    "RegMean, matched": COMMANDS["regression_mean"],
}
"""Methods by their name in results: those of `./fleet merge`, and RegMean of networks as they are."""


def merged(sites: Sequence[Site], method: str, alignment: AlignmentConfig, seed: int) -> Merged:
    """Merge the networks of sites by a method of `METHODS`."""
    return merge_networks(sites, METHODS[method], seed=seed, alignment=alignment)

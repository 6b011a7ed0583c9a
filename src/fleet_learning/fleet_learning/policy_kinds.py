"""The registry of policy kinds, to which every installed package may add.

A kind is an entry point of the group `fleet.policies`: its name is the `kind` of the policy's config and of its checkpoints,
and it refers to the class of the policy.
"""

from __future__ import annotations

from fleet_contract.plugins import plugin
from fleet_learning.policy import Policy

GROUP = "fleet.policies"
"""Group of the entry points."""


def policy_class(kind: object) -> type[Policy]:
    """Return the policy class of a kind.

    Raises:
        InputError: no installed package provides policies of this kind.
    """
    found: type[Policy] = plugin(GROUP, kind, key="policy.kind")
    return found

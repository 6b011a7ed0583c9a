"""The kinds of policies: every installed package may add some.

A kind is an entry point of the group `fleet.policies`: its name is the `kind` of the policy's config and of its checkpoints,
and it refers to the policy's class.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from fleet_contract.validation import InputError
from fleet_learning.policy import Policy

GROUP = "fleet.policies"


def policy_class(kind: object) -> type[Policy]:
    """Load the class of the policies of a kind.

    Raises:
        BadInput: no installed package has policies of this kind.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind not in found:
        raise InputError(f"policy.kind: found {kind!r}, allowed are {', '.join(sorted(found))}.")
    loaded: type[Policy] = found[str(kind)].load()
    return loaded

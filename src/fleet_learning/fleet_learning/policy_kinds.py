"""The registry of policy kinds, to which every installed package may add.

A kind is an entry point of the group `fleet.policies`: its name is the `kind` of the policy's config and of its checkpoints,
and it refers to the class of the policy.
"""

from __future__ import annotations

from fleet_contract.validation import InputError
from fleet_learning.policy import Policy
from fleet_learning.registry import registered

GROUP = "fleet.policies"
"""Group of the entry points."""


def policy_class(kind: object) -> type[Policy]:
    """Return the policy class of a kind.

    Raises:
        InputError: no installed package provides policies of this kind.
    """
    kinds = registered(GROUP)
    entry = kinds.get(kind) if isinstance(kind, str) else None
    if entry is None:
        raise InputError(f"policy.kind: expected one of {', '.join(sorted(kinds))}, got {kind!r}.")
    loaded: type[Policy] = entry.load()
    return loaded

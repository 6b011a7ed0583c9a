"""The registry of uncertainties, to which every installed package may add.

An uncertainty is an entry point of the group `fleet.uncertainties`: its name is `policy.uncertainty` in a fleet file, and it refers to
a class that follows the `Uncertainty` protocol.
"""

from __future__ import annotations

from fleet_contract.plugins import plugin, plugin_names
from fleet_contract.validation import InputError
from fleet_learning.policy import Policy
from fleet_learning.uncertainty import Uncertainty

GROUP = "fleet.uncertainties"
"""Group of the entry points."""


def uncertainty_of(name: str) -> Uncertainty:
    """Return the uncertainty of a name, or of `module:Class`.

    Raises:
        InputError: no installed package provides it, or there is no such class.
    """
    found = plugin(GROUP, name, key="policy.uncertainty")
    if not (callable(found) and hasattr(found, "unit") and hasattr(found, "needs_energies")):
        raise InputError(
            f"policy.uncertainty: expected a class with unit, needs_energies and __call__, got {name!r} without them."
        )
    made: Uncertainty = found()
    return made


def require_uncertainty(name: str, policy: Policy) -> None:
    """Refuse an uncertainty that does not exist, or is not defined for this policy.

    Raises:
        InputError: in both cases.
    """
    if uncertainty_of(name).needs_energies and not policy.has_energies:
        possible = [kind for kind in plugin_names(GROUP) if not uncertainty_of(kind).needs_energies]
        raise InputError(
            f"policy.uncertainty: expected one of {', '.join(possible)} for a policy of kind {policy.config.kind}, "
            f"which has no energies, got {name}."
        )

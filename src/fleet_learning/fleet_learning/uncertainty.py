"""The Uncertainty protocol: how much the members of an ensemble disagree about the actions of N robots.

E ensemble members, N robots, K actions per member, A action dim. Actions are in model space, [-1, 1] per dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor


@dataclass(frozen=True)
class MemberEnergies:
    """Energies of an implicit policy's members."""

    of_own_ENK: Tensor
    """Each member's energies of its own actions, nats."""
    of: Callable[[Tensor], Tensor]
    """From one set of actions per member (E, N, K, A) to that member's energies of them (E, N, K), nats."""


@dataclass(frozen=True)
class MemberActions:
    """The actions that each member of an ensemble would take, from which the policy's own action comes as well."""

    actions_ENKA: Tensor
    """Samples of each member; the one action of each member, K = 1, if it predicts a single action."""
    weights_ENK: Tensor
    """Weight of each action in an expectation; weights sum to one over K."""
    energies: MemberEnergies | None = None
    """Energies of the members; None if the policy has none."""


@dataclass(frozen=True)
class OwnUncertainty:
    """The uncertainty of a policy that estimates it itself, for example because it has no ensemble."""

    unit: str
    """Unit of the uncertainty."""


class Uncertainty(Protocol):
    """Estimates the uncertainty of an ensemble of at least two members.

    Entry points of the group `fleet.uncertainties` refer to such classes, which are constructed without arguments.
    """

    unit: ClassVar[str]
    """Unit of the uncertainty."""
    needs_energies: ClassVar[bool]
    """Whether it is defined for policies with energies only."""

    def __call__(self, members: MemberActions) -> tuple[Tensor, Tensor]:
        """Return the uncertainty and its standard error, (N,) each, in `unit`; an error of zero means an exact value."""

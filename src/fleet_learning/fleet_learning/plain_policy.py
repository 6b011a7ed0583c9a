"""The base of policies that do not sample: what `Policy` asks about samplers and deciders has one answer for all of them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from fleet_contract.robot import Stream
from fleet_contract.validation import InputError
from fleet_learning.full_decider import FULL, FullDecider
from fleet_learning.policy import Decider
from fleet_learning.uncertainty import Uncertainty


class PlainPolicy:
    """Derive a policy from it, as a frozen dataclass, and add what else `fleet_learning.policy.Policy` has.

    Such a policy may estimate its own uncertainty; then its `uncertainty` is an `OwnUncertainty`, and no other can be chosen. If it has
    an ensemble instead, it overrides `with_uncertainty`.
    """

    config: Any
    has_energies: ClassVar[bool] = False
    sampler: ClassVar[None] = None
    deciders: ClassVar[tuple[str, ...]] = (FULL,)

    @property
    def observes(self) -> Stream:
        """Stream that the policy decides from."""
        observes: Stream = self.config.observes
        return observes

    def decider(self: Any, kind: str, *, humans: int, threshold: float) -> Decider:  # noqa: ARG002
        """Return the full decider, which is the only one."""
        return FullDecider(self)

    def with_sampling(
        self,
        chains: int,  # noqa: ARG002
        iterations: int,  # noqa: ARG002
        sampler: str | None = None,  # noqa: ARG002
        step_sizes: tuple[float, float] | None = None,  # noqa: ARG002
    ) -> Self:
        """Return this policy: it does not sample."""
        return self

    def with_uncertainty(self, uncertainty: Uncertainty) -> Self:
        """Refuse another uncertainty than its own.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"policy.uncertainty: expected null for a policy of kind {self.config.kind}, which estimates its own, "
            f"got {type(uncertainty).__name__}."
        )

    def rounded(self) -> Self:
        """Return this policy: its decisions are cheap."""
        return self

"""What a round makes of the sites' updates."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from fleet_learning.mergeable import Mergeable
from policy_merge.averaging import averaged
from policy_merge.federation.message import Method
from policy_merge.federation.update import Update
from policy_merge.member import count, ensemble, member_parameters
from policy_merge.regression_mean import regression_mean


def merged(start: Mergeable, updates: Sequence[Update], method: Method) -> dict[str, Tensor]:
    """Return the tensors of the merged policy.

    Args:
        start: policy that the round began with.
        updates: of the sites, checked.
        method: how the round merges.
    """
    if method != "regression_mean":
        return averaged([update.tensors for update in updates])
    return ensemble(
        [
            regression_mean(
                start.member_network,
                [member_parameters(update.tensors, member) for update in updates],
                [update.grams[member] for update in updates],
            )
            for member in range(count(start.tensors()))
        ]
    )

"""The variance of an ensemble: how far the mean actions of its members are apart.

E ensemble members, N robots, K actions per member, A action dim.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from fleet_learning.uncertainty import MemberActions, Uncertainty


class Variance(Uncertainty):
    """Variance of the members' mean actions in model space, averaged over action dimensions (IFL benchmark).

    It is at most 1: one half of the members is then at one end of the range, the other half at the other. The mean of K
    sampled actions has an error, which makes the estimate larger than the variance by the mean square of that error.
    """

    unit: ClassVar[str] = "1"
    needs_energies: ClassVar[bool] = False

    @override
    def __call__(self, members: MemberActions) -> tuple[Tensor, Tensor]:
        """Return variances and their standard errors by the delta method, assuming K independent samples; see `Uncertainty`."""
        actions_ENKA, weights_ENK = members.actions_ENKA, members.weights_ENK
        means_ENA = (weights_ENK.unsqueeze(-1) * actions_ENKA).sum(2)
        slopes_ENA = 2 * (means_ENA - means_ENA.mean(0)) / (len(means_ENA) * means_ENA.shape[-1])
        effects_ENK = ((actions_ENKA - means_ENA.unsqueeze(2)) * slopes_ENA.unsqueeze(2)).sum(-1)
        errors_N = (weights_ENK * effects_ENK).square().sum((0, 2)).sqrt()
        return means_ENA.var(0, correction=0).mean(-1), errors_N

"""A policy of another package that does not declare its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleet_learning.policy import PolicyConfig
from iifl_policy.explicit import ExplicitConfig, ExplicitPolicy


@dataclass(frozen=True)
class OpaqueConfig(ExplicitConfig):
    kind: Literal["opaque_policy:Opaque"] = "opaque_policy:Opaque"


class Opaque(ExplicitPolicy):
    config_type: ClassVar[type[PolicyConfig]] = OpaqueConfig
    imitation_loss = None

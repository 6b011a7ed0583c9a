"""Number formats that a device supports natively."""

from __future__ import annotations

from typing import Literal

import torch

from fleet_learning.policy import Policy


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 matrices natively, several times faster than float32 matrices."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def native_precision(policy: Policy, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return the number format in which this policy decides fastest on the device; the same on every run on this machine."""
    return "bfloat16" if policy.rounded() is not policy and multiplies_bfloat16(device) else "float32"

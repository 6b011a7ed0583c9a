"""The supported number formats are those that the kernel reports."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from fleet_learning.precision import multiplies_bfloat16


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernel reports these instructions on x86 only")
def test_bfloat16_is_native_where_the_processor_has_instructions_for_it():
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    assert multiplies_bfloat16(torch.device("cpu")) == bool({"avx512_bf16", "amx_bf16"} & set(flags))

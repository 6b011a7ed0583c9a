"""Steps an allocator with the signals of the papers."""

from __future__ import annotations

import numpy as np

from fleet_allocator.allocator import Allocator
from fleet_contract.lease_table import LeaseTable
from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION


def step(allocator: Allocator, tick: int, uncertain, violated, available=None, risks=None) -> LeaseTable:
    signals = {UNCERTAINTY: uncertain, VIOLATION: violated.astype(np.float64)}
    return allocator.step(tick, signals if risks is None else signals | {RISK: risks}, available)

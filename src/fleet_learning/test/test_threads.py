"""Policy and trainer leave processors to the other nodes."""

from __future__ import annotations

import os

import pytest
import torch

from fleet_learning import threads
from fleet_learning.threads import SMALL, limit_threads_for_decisions, threads_for_decisions, threads_for_training


@pytest.mark.parametrize("processors", range(1, 130))
def test_policy_and_trainer_together_leave_a_processor_where_there_are_three(processors):
    together = threads_for_decisions(processors, lockstep=False) + threads_for_training(processors, SMALL)
    assert together <= max(2, processors - 1)
    assert threads_for_decisions(processors, lockstep=True) == processors
    assert threads_for_training(processors, SMALL - 1) == 1 <= threads_for_training(processors, SMALL)


@pytest.mark.parametrize("chosen", [None, 3])
def test_a_number_in_the_environment_has_precedence(chosen, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if chosen:
        monkeypatch.setenv("OMP_NUM_THREADS", str(chosen))
        monkeypatch.setattr(torch, "get_num_threads", lambda: chosen)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(10))
    used: list[int] = []
    monkeypatch.setattr(threads, "use_threads", used.append)
    limit_threads_for_decisions(lockstep=False)
    assert used == [chosen or 5]

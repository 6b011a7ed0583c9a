"""Policy and trainer leave processors to the other nodes."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from fleet_learning import threads
from fleet_learning.threads import (
    SMALL,
    limit_threads_for_decisions,
    limit_threads_for_training,
    threads_for_decisions,
    threads_for_training,
)


@pytest.mark.parametrize("processors", range(1, 130))
def test_policy_and_trainer_together_leave_a_processor_where_there_are_three(processors):
    together = threads_for_decisions(processors, lockstep=False) + threads_for_training(processors, lockstep=False)
    assert together <= max(2, processors - 1)
    assert threads_for_training(processors, lockstep=False) >= 1


@pytest.mark.parametrize("processors", [1, 2, 16])
def test_in_lockstep_each_has_all_processors_because_the_other_waits(processors):
    assert (
        threads_for_decisions(processors, lockstep=True)
        == threads_for_training(processors, lockstep=True)
        == processors
    )


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


@pytest.mark.parametrize(("parameters", "members_first"), [(SMALL - 1, True), (SMALL, False)])
def test_threads_of_a_training_have_a_member_each_unless_the_network_is_large(parameters, members_first, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    by_member: list[int] = []
    by_operation: list[int] = []
    monkeypatch.setattr(threads, "use_threads", by_member.append)
    monkeypatch.setattr(torch, "set_num_threads", by_operation.append)
    policy = SimpleNamespace(tensors=lambda: {"weights": torch.empty(parameters, device="meta")})
    limit_threads_for_training(policy, lockstep=False)
    assert (by_member, by_operation) == (([2], []) if members_first else ([], [2]))

"""The number of threads that the processes of policy and trainer compute with, so that neither starves the other nodes."""

from __future__ import annotations

import os

import torch

from fleet_learning.parallel import use_threads
from fleet_learning.policy import Policy

DECIDING, TRAINING = 2, 4
"""In real time the policy decides with one in two processors, and the trainer trains with one in four: the nodes have the remaining
ones. In lockstep all wait for the policy, or for the trainer, which then computes with all processors."""
SMALL = 1 << 18
"""Number of parameters below which the threads of a training compute one member each. Those of larger networks share every operation,
so that more threads than members are of use; on two processors, that costs up to 30 % more processor time for small ones."""


def threads_for_decisions(processors: int, *, lockstep: bool) -> int:
    """Return the number of threads of a process that decides."""
    return processors if lockstep else max(1, processors // DECIDING)


def threads_for_training(processors: int, *, lockstep: bool) -> int:
    """Return the number of threads of a process that trains."""
    return processors if lockstep else max(1, processors // TRAINING)


def limit_threads_for_decisions(*, lockstep: bool) -> None:
    """Limit this process to its share of the processors; `OMP_NUM_THREADS` has precedence."""
    use_threads(_chosen(threads_for_decisions(_processors(), lockstep=lockstep)))


def limit_threads_for_training(policy: Policy, *, lockstep: bool) -> None:
    """Limit this process, which trains this policy, to its share of the processors; `OMP_NUM_THREADS` has precedence."""
    parameters = sum(tensor.numel() for tensor in policy.tensors().values())
    if parameters < SMALL:
        use_threads(_chosen(threads_for_training(_processors(), lockstep=lockstep)))
    else:
        share_threads_for_training(lockstep=lockstep)


def share_threads_for_training(*, lockstep: bool) -> None:
    """Limit this process, which trains a large network, to its share of the processors; `OMP_NUM_THREADS` has precedence."""
    torch.set_num_threads(_chosen(threads_for_training(_processors(), lockstep=lockstep)))


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _chosen(threads: int) -> int:
    return torch.get_num_threads() if "OMP_NUM_THREADS" in os.environ else threads

"""Policy and trainer leave processors to the other nodes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fleet_learning.threads import SMALL, threads_for_decisions, threads_for_training


@pytest.mark.parametrize("processors", range(1, 130))
def test_policy_and_trainer_together_leave_a_processor_where_there_are_three(processors):
    together = threads_for_decisions(processors, lockstep=False) + threads_for_training(processors, SMALL)
    assert together <= max(2, processors - 1)
    assert threads_for_decisions(processors, lockstep=True) == processors
    assert threads_for_training(processors, SMALL - 1) == 1 <= threads_for_training(processors, SMALL)


@pytest.mark.parametrize("chosen", [{}, {"OMP_NUM_THREADS": "2"}])
def test_a_number_in_the_environment_has_precedence(chosen):
    code = (
        "import torch; from fleet_learning.threads import *; from fleet_learning import threads; before = torch.get_num_threads();"
        "limit_threads_for_decisions(lockstep=False); print(before, torch.get_num_threads(), "
        "threads_for_decisions(threads._processors(), lockstep=False))"
    )
    others = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], env=others | chosen, capture_output=True, text=True, check=True)
    before, after, share = done.stdout.split()
    assert after == (before if chosen else share)

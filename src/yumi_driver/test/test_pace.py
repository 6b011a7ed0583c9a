import threading
import time

import pytest

from yumi_driver.sim_controller.lockstep_pace import LockstepPace
from yumi_driver.sim_controller.real_time_pace import RealTimePace


def test_real_time_makes_up_for_ten_late_steps_and_not_for_more():
    pace = RealTimePace(0.1)
    pace._due_s -= 100.0
    started_s = time.monotonic()
    for _ in range(10):
        assert pace.wait()
    assert time.monotonic() - started_s < 0.8
    for _ in range(3):
        assert pace.wait()
    assert time.monotonic() - started_s >= 0.19


def test_closing_ends_the_waiting():
    pace = RealTimePace(1000.0)
    closing = threading.Timer(0.01, pace.close)
    closing.start()
    assert not pace.wait()
    closing.join()
    assert not pace.wait()


def test_lockstep_makes_the_steps_that_are_wanted_and_no_more():
    pace, steps = LockstepPace(), []

    def run():
        while pace.wait():
            time.sleep(0.005)  # a step that takes its time
            steps.append(None)

    stepping = threading.Thread(target=run)
    stepping.start()
    for wanted in (1, 5, 0, 2):
        made = len(steps)
        pace.advance(wanted)
        assert len(steps) == made + wanted
    pace.close()
    stepping.join()
    with pytest.raises(RuntimeError):
        pace.advance()
    assert len(steps) == 8

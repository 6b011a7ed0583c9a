import threading
import time

import numpy as np
import pytest

from yumi_driver.sim_controller import real_time_pace
from yumi_driver.sim_controller.lockstep_pace import LockstepPace
from yumi_driver.sim_controller.real_time_pace import RealTimePace


class FakeTime:
    """A clock that advances only by waiting."""

    def __init__(self):
        self.now_s = 0.0
        self.waits_s = []

    def monotonic(self):
        return self.now_s

    def wait(self, timeout_s):
        self.waits_s.append(timeout_s)
        self.now_s += timeout_s
        return False


def test_real_time_catches_up_ten_late_steps_and_no_more(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(real_time_pace, "time", fake)
    pace = RealTimePace(0.1)
    monkeypatch.setattr(pace._closed, "wait", fake.wait)
    fake.now_s = 100.0
    assert all(pace.wait() for _ in range(13))
    np.testing.assert_allclose(fake.waits_s, [0.0] * 11 + [0.1] * 2, atol=1e-9)


def test_closing_ends_waiting():
    pace = RealTimePace(1000.0)
    closing = threading.Timer(0.01, pace.close)
    closing.start()
    assert not pace.wait()
    closing.join()
    assert not pace.wait()


def test_lockstep_runs_the_requested_steps_and_no_more():
    pace, steps = LockstepPace(), []

    def run():
        while pace.wait():
            time.sleep(0.005)  # a slow step
            steps.append(None)

    stepping = threading.Thread(target=run)
    stepping.start()
    for requested in (1, 5, 0, 2):
        done = len(steps)
        pace.advance(requested)
        assert len(steps) == done + requested
    pace.close()
    stepping.join()
    with pytest.raises(RuntimeError):
        pace.advance()
    assert len(steps) == 8

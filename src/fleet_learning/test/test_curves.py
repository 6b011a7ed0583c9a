"""TensorBoard reads the measures that a training reported."""

from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fleet_learning.curves import curves


def test_tensorboard_finds_every_measure_at_its_step(tmp_path):
    with curves(tmp_path) as on_step_from:
        on_step = on_step_from(100)
        for done in (1, 2, 3):
            on_step(done, {"InfoNCE": 1 / done, "learning rate": 5e-4})
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {"InfoNCE", "learning rate"}
    found = [(event.step, event.value) for event in events.Scalars("InfoNCE")]
    assert found == [(101, 1.0), (102, 0.5), (103, pytest.approx(1 / 3))]

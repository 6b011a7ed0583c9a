"""A task of the simulated benchmark is looked at: in a window, and as a video."""

from __future__ import annotations

import os
import subprocess
import sys

import av
import numpy as np
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "src/teleop_gui/test"))
from display import TIMEOUT_S, Person, display, until


@pytest.mark.slow
def test_where_there_is_a_display_the_viewer_shows_the_expert_and_a_video_is_left(tmp_path):
    video = tmp_path / "ball.mp4"
    with display(800, 600) as name:
        person = Person(name)
        words = [ROOT / "fleet", "show", "ball_balance", "--seconds", "2", "-o", video]
        with subprocess.Popen(words, env={**os.environ, "DISPLAY": name}) as process:
            until(lambda: person.windows("MuJoCo") and person.screenshot().any())
            first = person.screenshot()
            until(lambda: not np.array_equal(person.screenshot(), first))
            assert process.wait(TIMEOUT_S) == 0
    with av.open(video) as container:
        assert len([*container.decode(video=0)]) == 2 * container.streams.video[0].average_rate

"""Colours of different meanings are distinguishable, also with colour-blindness."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest

from fleet_common.palette import DRIVER_COLOURS, ORANGE, SKY, as_hex, uncertainty_colour
from fleet_contract.driving import Driver

# By Machado, Oliveira and Fernandes: A physiologically-based model for simulation of color vision deficiency, 2009;
# severity 1, on linear RGB.
SEEN_BY = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
MIN_DIFFERENCE = 10.0
"""CIE 1976 colour difference; 2.3 is just noticeable side by side."""


def lab(colour, seen_by):
    srgb = np.array(colour) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SEEN_BY[seen_by] @ linear, 0, 1).astype(np.float32)
    return cv2.cvtColor(seen.reshape(1, 1, 3), cv2.COLOR_LRGB2Lab)[0, 0]


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_colours_of_drivers_are_distinguishable(eyes):
    assert DRIVER_COLOURS.keys() == set(Driver)
    for one, other in combinations(DRIVER_COLOURS.values(), 2):
        assert np.linalg.norm(lab(one, eyes) - lab(other, eyes)) > MIN_DIFFERENCE, (one, other)


@pytest.mark.parametrize(("uncertainty", "colour"), [(0.24, SKY), (0.25, SKY), (0.26, ORANGE), (float("nan"), SKY)])
def test_a_robot_that_asks_for_help_has_another_colour(uncertainty, colour):
    assert uncertainty_colour(uncertainty, 0.25) == colour


def test_hexadecimal_colours_are_those_of_the_web():
    assert as_hex((0, 180, 255)) == "#00b4ff"

"""The supervisor of mobile bases finds beacons, rarely hits obstacles, and stays within the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml
from fleet_supervisors.beacon import STYLES, TICK_S
from fleet_supervisors.supervisors import make_supervisor
from mobile_base.arena import Arena

CONTRACT = read_yaml(Path(__file__).parents[3] / "launch/config/robots/mobile_base.yaml", RobotContract)
OPEN = [4.0] * 5


@pytest.mark.parametrize("style", STYLES)
def test_beacons_are_found_and_obstacles_avoided(style):
    supervisor, found, hits = make_supervisor("beacon", style, CONTRACT, 0, 0), 0, 0
    for seed in range(6):
        arena = Arena(seed)
        for _ in range(100):
            action_A = supervisor.act(np.concatenate([arena.beacon_in_base_2, arena.ranges]))
            assert (action_A >= CONTRACT.action_low_A).all()
            assert (action_A <= CONTRACT.action_high_A).all()
            for _ in range(10):
                arena.drive(*action_A, TICK_S / 10)
            if arena.bumped:
                hits += 1
                arena.put_back()
            if arena.at_beacon:
                found += 1
                arena.light_beacon()
    assert found >= 18
    assert hits <= 4


def test_the_tick_is_the_contracts():
    assert pytest.approx(1 / CONTRACT.rate_hz) == TICK_S


@pytest.mark.parametrize(("left_m", "turns"), [(1.0, 1), (-1.0, -1)])
def test_it_turns_towards_the_beacon(left_m, turns):
    _, turn = make_supervisor("beacon", "left", CONTRACT, 0, 0).act(np.array([0.5, left_m, *OPEN]))
    assert np.sign(turn) == turns


def test_the_styles_differ_if_both_sides_are_equally_free():
    blocked = np.array([2.0, 0.0, 4.0, 0.3, 0.15, 0.3, 4.0])
    turns = {style: make_supervisor("beacon", style, CONTRACT, 0, 0).act(blocked)[1] for style in STYLES}
    assert turns["left"] > 0 > turns["right"]


def test_obstacles_behind_the_beacon_are_not_in_the_way():
    _, turn = make_supervisor("beacon", "left", CONTRACT, 0, 0).act(np.array([0.3, 0.0, 0.4, 0.4, 0.35, 0.4, 0.4]))
    assert turn == pytest.approx(0.0)

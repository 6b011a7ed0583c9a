"""Signals are the same before and after the wire, and those that do not fit are refused in one sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Signal as SignalMessage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from wire_messages import KNOWN, ROBOTS, TEXT, UINT32, UINT64, received, require_same, stamp_of

from fleet_contract.signal import Signal, fill_signal, signal_of


@st.composite
def signals(draw, *, with_errors: bool) -> Signal:
    robots = draw(ROBOTS)
    return Signal(
        name=draw(TEXT),
        tick=draw(UINT64),
        robots=robots,
        values_N=draw(arrays(np.float64, len(robots))),
        unit=draw(TEXT),
        provider=draw(TEXT),
        standard_errors_N=draw(arrays(np.float64, len(robots))) if with_errors else None,
        threshold=draw(st.floats()),
        version=draw(UINT32),
    )


@given(signals(with_errors=True))
def test_a_signal_survives_serialization(signal):
    message = SignalMessage()
    fill_signal(message, signal, Time(sec=3, nanosec=4))
    for arrived in received(message):
        require_same(signal_of(arrived, KNOWN), signal)
        assert stamp_of(arrived) == (3, 4)


@given(signals(with_errors=False))
def test_unknown_standard_errors_arrive_as_not_a_number(signal):
    message = SignalMessage()
    fill_signal(message, signal, Time())
    for arrived in received(message):
        found = signal_of(arrived, KNOWN)
        require_same(found, signal, but=("standard_errors_N",))
        assert found.standard_errors_N.shape == (len(signal.robots),)
        assert np.isnan(found.standard_errors_N).all()


def test_values_are_found_by_robot():
    signal = Signal("uncertainty", 3, ("robot_02", "robot_01"), np.array([1.5, math.nan]), unit="nats", provider="test")
    np.testing.assert_equal(signal.by_robot, {"robot_02": 1.5, "robot_01": math.nan})


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"robots": ["robot_02", "robot_99"]}, "robots: expected different robots of this fleet, got ['robot_99']"),
        (
            {"robots": ["robot_01", "robot_01"]},
            "robots: expected different robots of this fleet, got ['robot_01', 'robot_01']",
        ),
        ({"values": [1.0]}, "values: expected one entry for each of 2 robots, got 1"),
        ({"standard_errors": []}, "standard_errors: expected one entry for each of 2 robots, got 0"),
    ],
)
def test_signals_that_do_not_fit_are_refused_in_one_sentence(changes, refusal):
    fields = {"robots": ["robot_02", "robot_01"], "values": [1.0, 2.0], "standard_errors": [0.1, 0.2]}
    for arrived in received(SignalMessage(**fields)):
        assert signal_of(arrived, KNOWN).by_robot == {"robot_02": 1.0, "robot_01": 2.0}
    for arrived in received(SignalMessage(**fields | changes)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
            signal_of(arrived, KNOWN)
        assert str(caught.value) == refusal


def test_a_threshold_may_be_an_integer():
    message = SignalMessage()
    fill_signal(message, Signal("standstill", 0, (), np.zeros(0), "ticks", "monitor", threshold=5), Time())
    assert {signal_of(arrived, KNOWN).threshold for arrived in received(message)} == {5.0}

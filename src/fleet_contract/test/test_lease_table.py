"""Lease tables are the same before and after the wire, in bags of version 0.1.0 as well."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from fleet_interfaces.msg import Lease as LeaseMessage
from fleet_interfaces.msg import LeaseTable as TableMessage
from hypothesis import given
from hypothesis import strategies as st
from wire_messages import TEXT, UINT64, received, stamp_of

from fleet_contract.lease import Lease, LeaseKind
from fleet_contract.lease_table import Dismissal, LeaseTable, fill_lease_table, lease_table_of
from fleet_contract.signal import UNCERTAINTY

NUMBERS = st.floats(allow_nan=False)
LEASES = st.builds(
    Lease,
    robot=TEXT,
    supervisor=TEXT,
    token=UINT64,
    kind=st.sampled_from(LeaseKind),
    since_tick=UINT64,
    signal=TEXT,
    value=NUMBERS,
    threshold=NUMBERS,
)
TABLES = st.builds(
    LeaseTable,
    tick=UINT64,
    leases=st.lists(LEASES, max_size=4).map(tuple),
    waiting=st.lists(TEXT, max_size=4).map(tuple),
    thresholds=st.dictionaries(TEXT, NUMBERS, max_size=4),
    dismissals=st.lists(st.builds(Dismissal, TEXT, TEXT), max_size=4).map(tuple),
)


@given(TABLES)
def test_a_table_survives_serialization(table):
    message = TableMessage()
    fill_lease_table(message, table, Time(sec=3, nanosec=4))
    for arrived in received(message):
        found = lease_table_of(arrived)
        assert found == table
        assert list(found.thresholds) == list(table.thresholds)
        assert stamp_of(arrived) == found.stamp == (3, 4)


def test_leases_are_found_by_robot_and_thresholds_by_signal():
    lease = Lease("robot_03", "human_01", 7, LeaseKind.TELEOPERATE, 4, UNCERTAINTY, 1.5, 0.5)
    table = LeaseTable(tick=4, leases=(lease,), thresholds={UNCERTAINTY: 0.5})
    assert table.by_robot == {"robot_03": lease}
    assert (table.threshold(UNCERTAINTY), table.threshold("risk")) == (0.5, math.inf)


def test_signals_without_a_threshold_are_refused():
    for arrived in received(TableMessage(signals=["uncertainty", "risk"], thresholds=[0.5])):
        with pytest.raises(ValueError, match=r"^thresholds: expected one for each of 2 signals, got 1$"):
            lease_table_of(arrived)


def test_dismissed_signals_without_a_robot_are_refused():
    for arrived in received(TableMessage(dismissed=["robot_01"], dismissed_signals=["failure", "novelty"])):
        with pytest.raises(ValueError, match=r"^dismissed_signals: expected one for each of 1 robots, got 2$"):
            lease_table_of(arrived)


@pytest.mark.parametrize(
    ("kind", "signal", "is_alarm"),
    [
        (LeaseKind.TELEOPERATE, "failure", True),
        (LeaseKind.TELEOPERATE, "", False),
        (LeaseKind.HARD_RESET, "failure", False),
    ],
)
def test_a_call_to_drive_is_an_alarm(kind, signal, is_alarm):
    assert Lease("robot_03", "human_01", 7, kind, 4, signal, 1.5, 0.5).is_alarm == is_alarm


def test_leases_of_an_undefined_kind_are_refused():
    for arrived in received(TableMessage(leases=[LeaseMessage(kind=2)])):
        with pytest.raises(ValueError, match=r"^2 is not a valid LeaseKind$"):
            lease_table_of(arrived)


def test_a_table_of_version_0_1_0_has_the_threshold_of_the_uncertainty():
    lease = SimpleNamespace(robot="robot_02", supervisor="human_01", token=7, kind=1, since_tick=4)
    header = SimpleNamespace(stamp=SimpleNamespace(sec=3, nanosec=4))
    table = lease_table_of(SimpleNamespace(header=header, tick=5, threshold=0.25, leases=[lease], waiting=["robot_03"]))
    expected = Lease("robot_02", "human_01", 7, LeaseKind.HARD_RESET, 4)
    assert table == LeaseTable(5, (expected,), ("robot_03",), {UNCERTAINTY: 0.25})

"""Labels agree with a plain reading of the rules, step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_learning.labels import EpisodeEvents, Label, balanced_rows, step_labels

STEPS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)
SIGNS = "-hp"
"""Normal, human, pre-intervention."""


def events(human, violated="", end="success"):
    """Events of an episode as text: x marks the steps at which a human drove, or that were in violation."""
    violated = violated or "." * len(human)
    return EpisodeEvents(*(np.array([sign == "x" for sign in text], dtype=bool) for text in (human, violated)), end)


def text(labels):
    return "".join(SIGNS[label] for label in labels)


@pytest.mark.parametrize(
    ("episode", "lead", "expected"),
    [
        (events("........"), 3, "--------"),
        (events(".....xx."), 3, "--ppphh-"),
        (events(".....xx."), 0, "-----hh-"),
        (events(".x......"), 3, "ph------"),
        (events("x......."), 3, "h-------"),
        (events("..x..x.."), 4, "pphpph--"),
        (events("........", "....x..."), 2, "--ppp---"),
        (events("......x.", "....xx.."), 2, "--pppph-"),
        (events("........", end="failure"), 3, "-----ppp"),
        (events("........", end="truncated"), 3, "--------"),
        (events("......xx", end="failure"), 3, "---ppphh"),
        (events(""), 3, ""),
    ],
)
def test_examples(episode, lead, expected):
    assert text(step_labels(episode, lead)) == expected


@given(STEPS, st.sampled_from(["success", "failure", "truncated"]), st.integers(0, 6))
def test_labels_are_those_of_the_rules(steps, end, lead):
    human, violated = ([step[which] for step in steps] for which in (0, 1))

    def event_follows(step):
        """Whether a human or a violation begins, or the episode fails, within the next `lead` steps."""
        for later in range(step + 1, step + lead + 1):
            if later == len(steps) and end == "failure":
                return True
            if later < len(steps) and any(kind[later] and not kind[later - 1] for kind in (human, violated)):
                return True
        return False

    expected = [
        Label.INTERVENTION
        if human[step]
        else Label.PRE_INTERVENTION
        if violated[step] or event_follows(step)
        else Label.NORMAL
        for step in range(len(steps))
    ]
    found = step_labels(EpisodeEvents(np.array(human, bool), np.array(violated, bool), end), lead)
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("human", "violated", "end", "dismissed", "expected"),
    [
        ("......xx", "", "success", "...x....", "----pphh"),
        ("......xx", "", "success", "x..x....", "----pphh"),
        ("......xx", "", "success", ".....x..", "------hh"),
        ("......xx", "", "success", ".......x", "--pppphh"),
        (".x....xx", "", "success", ".x......", "phpppphh"),
        ("........", "....x...", "success", "..x.....", "ppppp---"),
        ("........", "", "failure", ".....x..", "----pppp"),
        ("....x...", "", "failure", "..x.....", "---phppp"),
    ],
)
def test_a_dismissed_alarm_ends_the_lead_of_later_interventions_only(human, violated, end, dismissed, expected):
    episode = replace(events(human, violated, end), dismissed_T=np.array([sign == "x" for sign in dismissed]))
    assert text(step_labels(episode, 4)) == expected


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="expected 3 steps, got 2"):
        step_labels(EpisodeEvents(np.zeros(3, bool), np.zeros(2, bool), "success"), 1)


def test_a_negative_lead_is_refused():
    with pytest.raises(ValueError, match="from 0, got -1"):
        step_labels(events("..x"), -1)


@given(st.lists(st.sampled_from(list(Label)), max_size=60))
def test_rows_are_balanced_over_labels_and_within_them(labels):
    labels = np.array(labels, dtype=np.int64)
    rows = balanced_rows(labels)
    assert set(rows.tolist()) == set(range(len(labels)))
    assert len(set(Counter(labels[rows].tolist()).values())) <= 1
    for label in np.unique(labels):
        times = Counter(row for row in rows.tolist() if labels[row] == label).values()
        assert max(times) - min(times) <= 1

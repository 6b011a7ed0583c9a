"""The letters by which the papers, and fleet files of version 0.1.0, name the signals of an allocation's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet_contract.signal import RISK, UNCERTAINTY, VIOLATION

LETTERS = {"U": UNCERTAINTY, "C": VIOLATION, "R": RISK}
"""Signals by Fleet-DAgger's letters."""
RULES = {"TD": ("td", (RISK, UNCERTAINTY, VIOLATION)), "random": ("random", ())}
"""Rules and their orders by the words that stood in place of letters."""
THRESHOLDS = {"threshold": UNCERTAINTY, "risk_threshold": RISK}
"""Signals by the keys that their thresholds had."""
OPTIONS = {"risk_weight": "td", "budget_per_tick": "random"}
"""Rules by the keys that their options had."""


def from_letters(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return an allocation section in which signals have names, and thresholds and options are grouped; others stay as they are."""
    content = dict(section)
    order = content.get("order")
    if isinstance(order, str) and order in RULES:
        content["rule"], content["order"] = RULES[order]
    elif isinstance(order, str) and set(order) <= set(LETTERS):
        content["order"] = tuple(LETTERS[letter] for letter in order)
    thresholds = {
        signal: content.pop(key)
        for key, signal in THRESHOLDS.items()
        # The threshold of the risk was there whether or not the order used it.
        if key in content and (signal == UNCERTAINTY or signal in _signals(content.get("order")))
    }
    options = {
        key: content[key]
        for key, rule in OPTIONS.items()
        if content.get(key) is not None and content.get("rule") == rule
    }
    old = {*THRESHOLDS, *OPTIONS} & content.keys()
    for key in old:
        del content[key]
    if thresholds:
        content["thresholds"] = thresholds
    if options:
        content["options"] = options
    return content


def _signals(order: object) -> tuple[Any, ...]:
    return tuple(order) if isinstance(order, list | tuple) else ()

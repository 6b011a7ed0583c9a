"""YAML that means something else than it says is refused; everything else is read as PyYAML reads it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from fleet_contract.validation import InputError, StrictModel, read_yaml
from fleet_contract.yaml_text import parse_yaml

CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda own: st.lists(own) | st.dictionaries(st.text(), own),
)


class Robots(StrictModel):
    count: int
    limits: dict[str, float] = Field(default_factory=dict)


@given(CONTENT)
def test_what_yaml_writes_is_read_again(content):
    assert parse_yaml(yaml.safe_dump(content)) == content


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("count: 4\nlimits: {}\ncount: 5\n", "count: expected once, got it at lines 1 and 3."),
        ("count: 4\nlimits:\n  low: 1\n  high: 2\n  low: 3\n", "low: expected once, got it at lines 3 and 5."),
        ("count: 4\nlimits: {low: 1, 'low': 2}\n", "low: expected once, got it at lines 2 and 2."),
        ("count: 010\n", "line 1: expected a decimal number or a text in quotes, got 010."),
        ("count: 1\nlimits: {low: -012.5}\n", None),
        ("count: 1\nlimits: {low: 1:30}\n", "line 2: expected a decimal number or a text in quotes, got 1:30."),
        ("count: 1\nlimits: {low: 1:30.5}\n", "line 2: expected a decimal number or a text in quotes, got 1:30.5."),
    ],
)
def test_keys_that_are_there_twice_and_numbers_of_another_base_are_refused(tmp_path, text, sentence):
    file = tmp_path / "robots.yaml"
    file.write_text(text)
    if sentence is None:
        assert read_yaml(file, Robots).limits == {"low": -12.5}
        return
    with pytest.raises(InputError) as error:
        read_yaml(file, Robots)
    assert str(error.value) == f"{file}: {sentence}"


def test_merge_keys_and_plain_zeros_are_read(tmp_path):
    file = tmp_path / "robots.yaml"
    file.write_text("count: 0\nlimits: &limits {low: 0.0, high: 1_000}\n")
    assert read_yaml(file, Robots) == Robots(count=0, limits={"low": 0.0, "high": 1000.0})
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\n")["b"] == {"x": 1, "y": 2}
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, x: 2}\n")["b"] == {"x": 2}

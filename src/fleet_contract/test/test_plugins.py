"""Parts are found by the entry points of installed packages, and what cannot be used is refused in one sentence."""

import sys

import pytest

from fleet_contract import plugins
from fleet_contract.plugins import nested_names, plugin, plugin_names
from fleet_contract.validation import InputError

GROUP = "fleet.tests"
ENTRY_POINTS = f"""
[{GROUP}]
maze/round = parts_of_a_test:Round
maze/square = parts_of_a_test:Square
plain = parts_of_a_test:Plain
broken = parts_of_a_test:Nothing
"""
MODULE = """
class Round: ...
class Plain: ...
"""


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    """An installed package with entry points."""
    info = tmp_path / "parts_of_a_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parts_of_a_test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "parts_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    plugins._entry_points.cache_clear()
    yield
    plugins._entry_points.cache_clear()


def test_names_are_listed_without_importing_the_parts(monkeypatch):
    monkeypatch.delitem(sys.modules, "parts_of_a_test", raising=False)
    assert plugin_names(GROUP) == ("broken", "maze/round", "maze/square", "plain")
    assert nested_names(GROUP) == {"broken": ("",), "maze": ("round", "square"), "plain": ("",)}
    assert "parts_of_a_test" not in sys.modules


@pytest.mark.parametrize("name", ["maze/round", "parts_of_a_test:Round"])
def test_a_part_is_found_by_its_name_or_by_its_class(name):
    assert plugin(GROUP, name, key="part").__name__ == "Round"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flat", "part: expected one of broken, maze/round, maze/square, plain, or module:Class, got 'flat'."),
        (3, "part: expected one of broken, maze/round, maze/square, plain, or module:Class, got 3."),
        (
            "broken",
            (
                "part: expected module:Class that can be imported, got 'parts_of_a_test:Nothing': "
                "module 'parts_of_a_test' has no attribute 'Nothing'."
            ),
        ),
        (
            "nowhere:Class",
            "part: expected module:Class that can be imported, got 'nowhere:Class': No module named 'nowhere'.",
        ),
    ],
)
def test_a_part_that_cannot_be_used_is_refused(name, message):
    with pytest.raises(InputError) as refused:
        plugin(GROUP, name, key="part")
    assert str(refused.value) == message

"""Any file is either accepted or refused in one sentence that names file, key, expected and got."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from fleet_contract.fleet import Fleet, read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, StrictModel, read_yaml, validated

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = yaml.safe_load((CONFIG / "block_push.yaml").read_text(encoding="utf-8"))
CONTRACT = yaml.safe_load((CONFIG / "robots/push_cell.yaml").read_text(encoding="utf-8"))


class Wheel(StrictModel):
    radius_m: float = Field(gt=0)


class Cart(StrictModel):
    wheels: tuple[Wheel, ...]
    spare: Wheel | None = None
    load_kg: int = 0


def refusal(content: str | bytes, folder: Path, model: type[StrictModel] = Cart) -> str:
    """Return the refusal of a file with this content, without the name of the file."""
    path = folder / "cart.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_yaml(path, model)
    return after_name(str(caught.value), str(path))


def after_name(sentence: str, name: str) -> str:
    assert sentence.startswith(f"{name}: ")
    assert len(sentence.splitlines()) == 1
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    return sentence.removeprefix(f"{name}: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("wheels: []\ncolour: red", "unknown key colour, expected one of load_kg, spare, wheels."),
        ("wheels: [{radius_m: 1, tyre: 2}]", "unknown key wheels.0.tyre, expected one of radius_m."),
        ("wheels: []\nspare: {radius_m: 1, tyre: 2}", "unknown key spare.tyre, expected one of radius_m."),
        ("spare: {radius_m: 1}", "wheels is missing."),
        ("wheels: [{radius_m: 1}, {}]", "wheels.1.radius_m is missing."),
        ("wheels: []\nload_kg: much", "load_kg: expected an integer, got 'much'."),
        ("wheels: []\nload_kg: 1.5", "load_kg: expected an integer, got 1.5."),
        ("wheels: [{radius_m: -1}]", "wheels.0.radius_m: expected a number greater than 0, got -1."),
        ("wheels: [{radius_m: .inf}]", "wheels.0.radius_m: expected a finite number, got inf."),
        ("wheels: 4", "wheels: expected a list, got 4."),
        ("wheels: {radius_m: 1}", "wheels: expected a list, got {'radius_m': 1}."),
        ("[1, 2]", "expected a mapping with the keys load_kg, spare, wheels, got list."),
        ("just text", "expected a mapping with the keys load_kg, spare, wheels, got str."),
        ("", "expected a mapping with the keys load_kg, spare, wheels, got NoneType."),
        ("wheels: []\nload_kg: [", "is not valid YAML at line 2."),
        ("wheels: []\nload_kg: !!python/name:os.system", "is not valid YAML at line 2."),
        ("wheels: 2024-13-45", "is not valid YAML."),
        ("load_kg: 0b_", "is not valid YAML."),
        ("[" * 1500, "is not valid YAML."),
        ("wheels: \0", "is not valid YAML."),
        (b"\xff\xfe\x00\xd8", "is not a text file."),
    ],
)
def test_each_kind_of_error_has_its_sentence(tmp_path, content, expected):
    assert refusal(content, tmp_path).startswith(expected)


def test_line_breaks_in_keys_and_values_do_not_break_the_sentence(tmp_path):
    assert "wheels" in refusal('wheels: []\n"a\\nb": 1', tmp_path)
    assert "load_kg" in refusal('wheels: []\nload_kg: "a\\nb"', tmp_path)


def test_keys_that_are_not_text_are_refused(tmp_path):
    assert refusal("wheels: []\n7: 1", tmp_path).startswith("7")


def test_files_that_cannot_be_read_are_named(tmp_path):
    for path, why in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError) as caught:
            read_yaml(path, Cart)
        assert after_name(str(caught.value), str(path)).startswith(f"cannot be read: {why}")


def test_an_impossible_path_is_refused(tmp_path):
    changed = copy.deepcopy(FLEET) | {"robots": {"contract": "a\0b", "count": 4}}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be read"):
        read_fleet(tmp_path / "fleet.yaml").contract()


def test_a_union_of_words_and_numbers_is_refused_with_all_alternatives():
    changed = copy.deepcopy(FLEET)
    changed["allocation"]["thresholds"] = {"uncertainty": "often"}
    with pytest.raises(InputError) as caught:
        validated(changed, Fleet, source="here")
    sentence = after_name(str(caught.value), "here")
    assert sentence == "allocation.thresholds.uncertainty: expected 'calibrated' or 'online' or a number, got 'often'."


def test_valid_content_becomes_a_frozen_model():
    cart = validated({"wheels": [{"radius_m": 0.5}], "load_kg": 3}, Cart, source="here")
    assert cart == Cart(wheels=(Wheel(radius_m=0.5),), load_kg=3)
    with pytest.raises(ValueError, match="frozen"):
        cart.load_kg = 4


def places(tree, at=()):
    """Return all locations in a tree of mappings and lists."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [at] + [place for key, child in children for place in places(child, (*at, key))]


def holder(tree, place):
    for key in place[:-1]:
        tree = tree[key]
    return tree


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@given(
    data=st.data(),
    which=st.sampled_from([(FLEET, Fleet), (CONTRACT, RobotContract)]),
    act=st.sampled_from(["set", "drop", "add"]),
)
def test_a_changed_file_is_accepted_or_refused_with_the_changed_key(data, which, act):
    tree, model = copy.deepcopy(which[0]), which[1]
    place = data.draw(st.sampled_from(places(tree)[1:]))
    parent = holder(tree, place)
    if act == "drop":
        del parent[place[-1]]
    elif act == "add" and isinstance(parent, dict):
        place = (*place[:-1], data.draw(st.text("xyz", min_size=1)))
        parent[place[-1]] = data.draw(ANYTHING)
    else:
        parent[place[-1]] = data.draw(ANYTHING)
    try:
        validated(tree, model, source="here")
    except InputError as refused:
        sentence = after_name(str(refused), "here")
        named = sentence.removeprefix("unknown key ").split(",")[0].split(" ")[0].rstrip(":").split(".")
        path = [str(part) for part in place]
        shared = min(len(named), len(path))
        # A rule between two keys may name their common section, or the one that names the other.
        naming = named[0] == "operation" and path[0] in {"observation", "action"}
        assert naming or named[:shared] == path[:shared] or named[: shared - 1] == path[: shared - 1]
    else:
        assert act != "add" or isinstance(parent, list)


@given(
    content=st.binary(max_size=40)
    | st.text(st.sampled_from("ab:- [{}]\n\"'&*!|>%@?0._#,~<="), max_size=40).map(str.encode)
)
def test_any_content_is_refused_in_one_sentence(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_yaml(path, Cart)
    after_name(str(caught.value), str(path))

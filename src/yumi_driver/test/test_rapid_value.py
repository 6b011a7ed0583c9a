import pytest
from hypothesis import given
from hypothesis import strategies as st

from yumi_driver.sim_controller.rapid_data import RapidData
from yumi_driver.sim_controller.rapid_value import NotAValue, RapidValue
from yumi_driver.sim_controller.refusal import Refusal, ReturnCode

nums = st.floats(-1e30, 1e30)
atoms = nums | st.booleans() | st.text("abc ,]\"'", max_size=40)
values = st.recursive(atoms, lambda inner: st.lists(inner, min_size=1, max_size=4).map(tuple), max_leaves=10)


@given(values)
def test_a_formatted_value_is_parsed_to_the_same_value(content):
    text = str(RapidValue(content))
    assert str(RapidValue.of_text(text)) == text
    assert RapidValue.of_text(text).is_like(RapidValue(content))


@given(st.text())
def test_any_text_is_a_value_or_refused(text):
    try:
        value = RapidValue.of_text(text)
    except NotAValue:
        return
    assert RapidValue.of_text(str(value)).is_like(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1.0", "1"),
        (" -2.50 ", "-2.5"),
        ("1e-05", "1E-05"),
        ("-0", "0"),
        ("9E9", "9E+09"),
        ("true", "TRUE"),
        ('"say ""hi"""', '"say ""hi"""'),
        ("[[1, 2.0],[0,0,1,0]]", "[[1,2],[0,0,1,0]]"),
    ],
)
def test_values_are_formatted_uniquely(text, written):
    assert str(RapidValue.of_text(text)) == written


@pytest.mark.parametrize(
    "text", ["", "[]", "[1,", "[1", "1]", "1 2", "nan", "inf", "1e39", "True1", "[" * 5000, '"open']
)
def test_an_invalid_value_is_refused(text):
    with pytest.raises(NotAValue):
        RapidValue.of_text(text)


@pytest.mark.parametrize("text", ["TRUE", "[1]", '"1"', "one"])
def test_a_variable_keeps_its_data_type(text):
    data = RapidData({"T_ROB_L/speed": "1"})
    with pytest.raises(Refusal) as refused:
        data["T_ROB_L/speed"] = text
    assert refused.value.code is ReturnCode.INVALID_ARGUMENT
    assert data["T_ROB_L/speed"] == "1"


def test_names_ignore_case():
    data = RapidData({"T_ROB_L/PushSpeed": "1"})
    data["t_rob_l/pushspeed"] = "2"
    assert data["T_ROB_L/PUSHSPEED"] == "2"

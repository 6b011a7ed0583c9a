"""Fleet files are validated, changed, and written to any folder; schedules and names are as counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet_contract.fleet import (
    AllocationConfig,
    EnvironmentConfig,
    Fleet,
    PretrainingConfig,
    TickConfig,
    numbered,
    read_fleet,
)
from fleet_contract.validation import InputError

CONFIG = Path(__file__).parents[3] / "launch/config"
FLEET = read_fleet(CONFIG / "block_push.yaml")


def changed(**sections) -> Fleet:
    return FLEET.with_changes(source="fleet.yaml", **sections)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"supervisors": {"count": 4}}, "supervisors.count: expected less than robots.count (4), got 4."),
        ({"supervisors": {"count": 5}}, "supervisors.count: expected less than robots.count (4), got 5."),
        ({"supervisors": {"count": 0}}, "supervisors.count: expected a number greater than or equal to 1, got 0."),
        (
            {"supervisors": {"styles": []}},
            "supervisors.styles: expected at least one style, unless all supervisors are people, got none.",
        ),
        ({"supervisors": {"operators": 3}}, "supervisors.operators: expected at most count (2), got 3."),
        (
            {"supervisors": {"operators": -1}},
            "supervisors.operators: expected a number greater than or equal to 0, got -1.",
        ),
        ({"supervisors": {"patience_s": 0}}, "supervisors.patience_s: expected a number greater than 0, got 0."),
        (
            {"pretraining": {"filters": [0, 4]}},
            "pretraining.filters.0: expected a number greater than or equal to 1, got 0.",
        ),
        ({"robots": {"count": 0}}, "robots.count: expected a number greater than or equal to 1, got 0."),
        ({"robots": {"count": 1001}}, "robots.count: expected a number less than or equal to 1000, got 1001."),
        (
            {"training": {"update_ticks": [50, 50]}},
            "training.update_ticks: expected increasing ticks from 1, got [50, 50].",
        ),
        (
            {"training": {"update_ticks": [50, 20]}},
            "training.update_ticks: expected increasing ticks from 1, got [50, 20].",
        ),
        (
            {"training": {"update_ticks": [0, 20]}},
            "training.update_ticks: expected increasing ticks from 1, got [0, 20].",
        ),
        (
            {"training": {"weighting": "iwr"}},
            "training.weighting: expected 'uniform' or 'sirius', got 'iwr'.",
        ),
        ({"policy": {"chains": 1}}, "policy.chains: expected a number greater than or equal to 2, got 1."),
        ({"allocation": {"order": "UX"}}, "allocation.order: expected a list, got 'UX'."),
        (
            {"allocation": {"order": ["risk", "risk"]}},
            "allocation.order: expected different signals, got ['risk', 'risk'].",
        ),
        ({"allocation": {"order": [1]}}, "allocation.order.0: expected text, got 1."),
        (
            {"allocation": {"thresholds": {"uncertainty": "often"}}},
            "allocation.thresholds.uncertainty: expected 'calibrated' or 'online' or a number, got 'often'.",
        ),
        (
            {"allocation": {"thresholds": {"violation": 0.5}}},
            "allocation.thresholds: expected no threshold of violation: every robot in violation asks for help, got",
        ),
        ({"signals": [{"provider": 3}]}, "signals.0.provider: expected text, got 3."),
        ({"signals": [{"names": ["risk"]}]}, "signals.0.provider is missing."),
        (
            {"allocation": {"online_ticks": 0}},
            "allocation.online_ticks: expected a number greater than or equal to 1, got 0.",
        ),
        (
            {"allocation": {"online_percentile": 100}},
            "allocation.online_percentile: expected a number less than 100, got 100.",
        ),
        (
            {"environment": {"backend": "gazebo/tennis"}},
            "environment.backend: expected text that matches ^[a-z][a-z0-9_]*$, got 'gazebo/tennis'.",
        ),
        (
            {"environment": {"task": "tennis:"}},
            "environment.task: expected text that matches ^([a-z][a-z0-9_]*|\\w+(\\.\\w+)*:\\w+)$, got 'tennis:'.",
        ),
    ],
)
def test_impossible_fleets_are_refused(sections, expected):
    with pytest.raises(InputError) as caught:
        changed(**sections)
    sentence = str(caught.value).removeprefix("fleet.yaml: ")
    assert expected in sentence
    assert sentence.startswith(expected.split(":")[0])
    assert sentence.count("\n") == 0


def test_changes_are_in_the_copy_only():
    before = FLEET.model_copy(deep=True)
    fleet = changed(robots={"count": 3}, policy={"checkpoint": None, "chains": 8}, tick=TickConfig(mode="real_time"))
    assert before == FLEET
    assert (fleet.robots.count, fleet.policy.checkpoint, fleet.policy.chains) == (3, None, 8)
    assert fleet.tick.mode == "real_time"
    assert fleet.robots.contract == FLEET.robots.contract
    assert fleet.policy.iterations == FLEET.policy.iterations
    assert changed() == FLEET


def test_a_section_is_replaced_by_a_model():
    pretraining = PretrainingConfig(pairs=7)
    assert FLEET.pretraining != pretraining
    assert changed(pretraining=pretraining).pretraining == pretraining


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            {"robot": {"count": 3}},
            "unknown key robot, expected one of allocation, environment, fleet, monitors, policy,",
        ),
        ({"robots": {"number": 3}}, "unknown key robots.number, expected one of contract, count, tasks."),
        ({"robots": {"count": "many"}}, "robots.count: expected an integer, got 'many'."),
        ({"robots": None}, "robots: expected a mapping, got null."),
    ],
)
def test_changes_that_do_not_fit_are_refused(sections, expected):
    with pytest.raises(InputError) as caught:
        FLEET.with_changes(source="--set", **sections)
    assert str(caught.value).startswith(f"--set: {expected}")


@given(data=st.data())
def test_the_letters_of_version_0_1_0_name_the_same_allocation(data):
    signals = {"U": "uncertainty", "C": "violation", "R": "risk"}
    letters = data.draw(st.permutations("UCR"))[: data.draw(st.integers(1, 3))]
    old = {
        "order": "".join(letters),
        "threshold": 0.25,
        "risk_threshold": 0.75,
        "risk_weight": 0.1,
        "budget_per_tick": None,
    }
    found = AllocationConfig.model_validate(old)
    assert found.rule == "priority"
    assert found.order == tuple(signals[letter] for letter in letters)
    assert found.threshold("uncertainty") == 0.25
    assert found.threshold("violation") == 0.0
    assert found.threshold("risk") == (0.75 if "R" in letters else "calibrated")
    assert found.options == {}
    assert AllocationConfig.model_validate(found.model_dump()) == found


def test_the_words_of_version_0_1_0_name_rules():
    td = AllocationConfig.model_validate({"order": "TD", "threshold": 1.0, "risk_weight": 0.1})
    assert (td.rule, td.options) == ("td", {"risk_weight": 0.1})
    assert td.order == ("risk", "uncertainty", "violation")
    random = AllocationConfig.model_validate({"order": "random", "budget_per_tick": 1.5})
    assert (random.rule, random.order, random.options) == ("random", (), {"budget_per_tick": 1.5})
    busy = AllocationConfig.model_validate({"order": "random", "idle_humans": False, "budget_per_tick": None})
    assert busy.options == {}


def test_signals_of_a_fleet_are_those_of_policy_and_providers(tmp_path):
    assert FLEET.signal_names == ("uncertainty",)
    path = tmp_path / "fleet.yaml"
    selection = {"provider": "risk_critic", "names": ["risk"], "checkpoint": "critic.safetensors"}
    tree = FLEET.model_dump(mode="json") | {"signals": [selection]}
    path.write_text(yaml.safe_dump(tree))
    fleet = read_fleet(path)
    assert fleet.signal_names == ("uncertainty", "risk")
    assert fleet.signals[0].checkpoint == tmp_path / "critic.safetensors"


def test_a_fleet_has_at_least_two_robots():
    with pytest.raises(InputError, match=r"less than robots\.count"):
        changed(robots={"count": 1}, supervisors={"count": 1})
    assert changed(robots={"count": 2}, supervisors={"count": 1}).robots.count == 2


@given(data=st.data())
def test_a_fleet_survives_writing_and_reading(data, tmp_path_factory):
    robots = data.draw(st.integers(2, 1000))
    fleet = changed(
        robots={"count": robots},
        supervisors={"count": data.draw(st.integers(1, robots - 1))},
        allocation={
            "rule": data.draw(st.sampled_from(["priority", "td"])),
            "order": data.draw(st.permutations(["uncertainty", "violation", "risk"])),
            "thresholds": {"uncertainty": data.draw(st.sampled_from(["calibrated", "online"]) | st.floats(-1e9, 1e9))},
            "idle_humans": data.draw(st.booleans()),
        },
        training={"update_ticks": sorted(data.draw(st.sets(st.integers(1, 10**6), max_size=5)))},
        pretraining={"learning_rate": data.draw(st.floats(1e-300, 1.0))},
    )
    path = tmp_path_factory.mktemp("elsewhere") / "fleet.yaml"
    fleet.write(path)
    assert read_fleet(path) == fleet
    assert read_fleet(path).contract() == FLEET.contract()


def test_paths_are_relative_to_the_file_and_not_to_the_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").symlink_to(CONFIG)
    for path in (CONFIG / "block_push.yaml", Path("there/block_push.yaml")):
        fleet = read_fleet(path)
        assert fleet.contract().robot == "push_cell"
        assert fleet.policy.checkpoint.samefile(CONFIG / "policies/block_push.safetensors")
        assert fleet.training.demonstrations.is_absolute()


def test_a_file_that_cannot_be_written_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^\S+/none/fleet.yaml: cannot be written: No such file or directory\.$"):
        FLEET.write(tmp_path / "none" / "fleet.yaml")


@given(st.integers(1, 1200))
def test_names_sort_by_number_and_have_the_same_length(count):
    names = numbered("robot", count)
    assert len(names) == len(set(names)) == count
    assert sorted(names) == list(names)
    assert len({len(name) for name in names}) == 1
    assert [int(name.removeprefix("robot_")) for name in names] == list(range(1, count + 1))
    assert names[0] == f"robot_{'0' * (max(len(str(count)), 2) - 1)}1"


def test_humans_have_numbers_and_alternating_styles():
    fleet = changed(robots={"count": 120}, supervisors={"count": 5})
    assert fleet.supervisor_names == ("human_01", "human_02", "human_03", "human_04", "human_05")
    assert fleet.robot_names[-1] == "robot_120"
    styles = [fleet.style_of(index) for index in range(5)]
    assert styles == ["clockwise", "counterclockwise", "clockwise", "counterclockwise", "clockwise"]


@given(st.sets(st.integers(1, 60), max_size=8))
def test_the_scheduled_version_increases_by_one_at_every_update_tick(updates):
    fleet = changed(training={"update_ticks": sorted(updates)})
    version = 1
    for tick in range(65):
        version += tick in updates
        assert fleet.version_due(tick) == version


@pytest.mark.parametrize(("operators", "people"), [(0, ()), (1, ("human_01",)), (2, ("human_01", "human_02"))])
def test_the_first_supervisors_are_the_people(operators, people):
    fleet = changed(supervisors={"operators": operators})
    assert fleet.operator_names == people
    assert fleet.supervisor_names == ("human_01", "human_02")


@pytest.mark.parametrize(("backend", "timeout_s"), [("yumi_sim", 5.0), ("mujoco", 0.2), ("ros", 0.2)])
def test_only_a_simulated_lab_waits_longer_for_the_gate(backend, timeout_s):
    assert EnvironmentConfig(backend=backend, task="block_push").gate_timeout_s == timeout_s

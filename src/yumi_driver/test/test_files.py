"""Tests the validation of cell files, gateways files and limits files."""

import asyncssh
import pytest
import yaml
from lab import CORNERS

from fleet_contract.validation import InputError
from yumi_driver.cell import read_cell
from yumi_driver.gateways import read_gateways
from yumi_driver.limits import PACKAGED, read_limits
from yumi_driver.simulated.gateway import ARMS

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
GATEWAY = {
    "name": "bench_1",
    "host": "10.0.0.21",
    "user": "fleet",
    "key": "keys/fleet",
    "host_key": HOST_KEY,
    "arms": [{"name": arm, "corners": [list(corner) for corner in CORNERS]} for arm in ("left", "right")],
}
CELL = {
    "controller": {"url": "http://192.168.125.1"},
    "arms": {arm: config | {"egm_port": 6511, "camera": "/dev/video0"} for arm, config in ARMS.items()},
}


def changed(tree, path, value):
    """Return a copy of the tree with another value at the path; None removes it."""
    tree = yaml.safe_load(yaml.safe_dump(tree))
    *parents, last = path
    place = tree
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return tree


def written(folder, tree):
    file = folder / "file.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def test_paths_are_relative_to_their_file(tmp_path):
    (gateway,) = read_gateways(written(tmp_path, {"gateways": [GATEWAY]}), robots=2).gateways
    assert gateway.key == tmp_path / "keys/fleet"
    assert read_cell(written(tmp_path, CELL | {"limits": "own.yaml"})).limits == tmp_path / "own.yaml"
    assert read_cell(written(tmp_path, CELL)).limits == PACKAGED


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("gateways", 0, "password"), "secret", "unknown key gateways.0.password, expected one of "),
        (("gateways", 0, "host_key"), None, "gateways.0.host_key is missing."),
        (
            ("gateways", 0, "host_key"),
            "AAAA",
            "gateways.0.host_key: expected a public key such as 'ssh-ed25519 AAAA...', got 'AAAA'",
        ),
        (("gateways", 0, "port"), 0, "gateways.0.port: expected a number greater than or equal to 1, got 0."),
        (("gateways", 0, "arms", 0, "corners"), [[0, 0]], "gateways.0.arms.0.corners"),
        (("gateways", 0, "arms"), [], "gateways.0.arms"),
        (("gateways",), [GATEWAY, GATEWAY], "gateways: expected different names, got bench_1, bench_1"),
        (
            ("gateways", 0, "arms"),
            GATEWAY["arms"][:1],
            "gateways: expected 2 arms, as many as the fleet's robots.count, got 1.",
        ),
    ],
)
def test_an_invalid_gateways_file_is_refused(tmp_path, path, value, message):
    file = written(tmp_path, changed({"gateways": [GATEWAY]}, path, value))
    with pytest.raises(InputError) as refused:
        read_gateways(file, robots=2)
    assert str(refused.value).startswith(f"{file}: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("arms", "left", "unit"), "ROB_R", "arms: expected different mechanical units, got ROB_R, ROB_R"),
        (("arms", "left", "unit"), "ROB_1", "arms.left.unit: expected 'ROB_L' or 'ROB_R', got 'ROB_1'."),
        (("arms", "left", "parked_deg"), [0.0] * 6, "arms.left.parked_deg"),
        (
            ("arms", "left", "parked_deg"),
            [0.0, 60.0, 0, 0, 0, 0, 0],
            "axis 2: expected -143.5 to 43.5 degrees, got 60.0",
        ),
        (
            ("arms", "left", "workspace", "half_m"),
            0,
            "arms.left.workspace.half_m: expected a number greater than 0, got 0.",
        ),
        (("arms", "Left Arm"), {}, "arms"),
        (("arms",), {}, "arms"),
        (("controller",), None, "controller is missing."),
    ],
)
def test_an_invalid_cell_file_is_refused(tmp_path, path, value, message):
    file = written(tmp_path, changed(CELL, path, value))
    with pytest.raises(InputError) as refused:
        read_cell(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert message in str(refused.value)


def test_every_limit_has_a_number_and_a_source(tmp_path):
    limits = yaml.safe_load(PACKAGED.read_text())
    assert read_limits().travel_m_s.value <= 0.25
    for path, value, message in (
        (("silence_s", "source"), "", "silence_s.source"),
        (("silence_s", "value"), -1, "silence_s.value: expected a number greater than 0, got -1."),
        (("push_m_s",), None, "push_m_s is missing."),
    ):
        with pytest.raises(InputError, match=message):
            read_limits(written(tmp_path, changed(limits, path, value)))

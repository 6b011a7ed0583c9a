"""Recorded runs at the command line: what is in a bag, and its repair."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import call
from typer.testing import CliRunner

from fleet_bags.bag_metadata import Topic, reliable_qos
from fleet_bags.bag_writer import BagWriter
from fleet_bringup.run_setup import fleet_file
from fleet_cli.bag import bag
from fleet_contract.fleet import RecordingConfig, read_fleet
from fleet_contract.validation import InputError

TOPIC = Topic("/fleet/emergency_stopped", "std_msgs/msg/Bool", "bool data", "RIHS01_0", reliable_qos(100))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with a bag of 200 messages in it: one a decisecond."""
    described, folder = read_fleet(fleet_file("block_push")), tmp_path / "out"
    folder.mkdir()
    described.write(folder / "fleet.yaml")
    contract = described.contract()
    said = {
        "fleet": (folder / "fleet.yaml").read_text(),
        "contract": contract.model_dump_json(),
        "contract_digest": contract.digest,
        "seed": "7",
    }
    writer = BagWriter(folder / "bag", [TOPIC], said, RecordingConfig(), now_s=0.0)
    for number in range(200):
        writer.write(TOPIC.name, b"\0\1\0\0\1", received_ns=number * 10**8, published_ns=0)
        writer.advance(number / 10)
    writer.close()
    return folder


def said(*words: object) -> str:
    """What `fleet bag` answers."""
    answer = CliRunner().invoke(bag, [str(word) for word in words], catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.output


def test_a_bag_is_described_repaired_and_left_alone(run: Path) -> None:
    described = said("info", run)
    for word in (
        "block_push: 4 robots, 2 supervisors",
        "seed  7",
        "200 messages in 19.9 s",
        "state  complete",
        TOPIC.name,
    ):
        assert word in described
    file = run / "bag" / "bag_0.mcap"
    os.truncate(file, file.stat().st_size // 2)
    assert f"bag_0.mcap: incomplete; run ./fleet bag repair {run}/bag" in said("info", run)
    repaired = said("repair", run / "bag")
    assert "bag_0.mcap: was incomplete;" in repaired
    assert f"{run}/bag: repaired" in repaired
    assert said("repair", run) == f"{run}/bag: complete; nothing was changed\n"


@pytest.mark.parametrize("verb", ["info", "repair"])
def test_what_is_no_bag_is_refused(verb: str, tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(InputError, match="expected the folder of a recorded run or of its bag"):
        said(verb, tmp_path)
    (tmp_path / "bag" / "bag_0.mcap").write_text("a text")
    with pytest.raises(InputError, match=r"bag_0.mcap: expected an MCAP file"):
        said(verb, tmp_path)


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = call("bag", "info", "none", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("none: expected the folder of a recorded run or of its bag")
    assert len(done.stderr.splitlines()) == 1

"""Domains and shared memory: runs keep to themselves and leave nothing behind."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_cli.runner.domain import own_domain, runs_in_progress
from fleet_cli.runner.shared_memory import SHARED, remove_orphans
from fleet_contract.validation import InputError


def test_two_runs_never_share_a_domain(tmp_path: Path) -> None:
    with own_domain(None, tmp_path) as one, own_domain(None, tmp_path) as two, own_domain(str(one), tmp_path) as three:
        assert len({one, two, three}) == 3
    with own_domain(str(one), tmp_path) as again:
        assert again == one


def test_runs_are_found_by_their_folders_as_long_as_they_go_on(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with own_domain(None, one) as first:
        with own_domain(None, two) as second:
            assert {folder: domain for folder, domain in runs_in_progress().items() if folder in (one, two)} == {
                one: first,
                two: second,
            }
        assert one in runs_in_progress()
        assert two not in runs_in_progress()
    assert one not in runs_in_progress()


@pytest.mark.parametrize("offset", [0, 10, 13])
def test_a_domain_on_which_somebody_else_listens_is_left_alone(offset: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 7400 + 250 * 90 + offset))
        with own_domain("90", tmp_path) as domain:
            assert domain != 90
    with own_domain("90", tmp_path) as domain:
        assert domain == 90


@pytest.mark.parametrize("wanted", ["-1", "102", "seven", "1.5"])
def test_what_is_no_domain_is_refused(wanted: str, tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match=r"expected a number from 0 to 101, got .*\.$")
    with refused, own_domain(wanted, tmp_path):
        pass


@contextmanager
def mapped_elsewhere(file: Path) -> Iterator[None]:
    program = f"import mmap; file = open({str(file)!r}, 'r+b'); held = mmap.mmap(file.fileno(), 4096); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        yield
        other.communicate(b"\n")


def test_segments_that_nobody_maps_are_removed_and_others_kept() -> None:
    orphan, lock, used, foreign = (
        SHARED / name for name in ("fastdds_test_a", "fastdds_test_a_el", "fastdds_test_b", "other_test_c")
    )
    files: list[Path] = [orphan, lock, used, foreign]
    try:
        for file in files:
            file.write_bytes(b"x" * 4096)
        with mapped_elsewhere(used):
            removed = set(remove_orphans())
            assert {orphan.name, lock.name} <= removed
            assert used.exists()
            assert foreign.exists()
        remove_orphans()
        assert not used.exists()
    finally:
        for file in files:
            file.unlink(missing_ok=True)

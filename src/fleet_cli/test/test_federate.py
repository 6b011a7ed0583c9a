"""`fleet federate`: rounds over real processes go on without sites that break and after the server was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import call
from running import TIMEOUT_S, wait_for_file

from fleet_bringup.run_setup import config_folder
from fleet_contract.fleet import read_fleet
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import checkpoint_metadata, read_checkpoint, write_checkpoint
from fleet_learning.dataset import new_dataset
from fleet_learning.scaling import contract_scaling
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup
from fleet_training.offline_training import read_training_data
from policy_merge.averaging import averaged
from policy_merge.federation.flower_process import ENVIRONMENT, free_port

FLEET = f"""
fleet: federated
robots: {{contract: {config_folder()}/robots/push_cell.yaml, count: 4}}
environment: {{backend: mujoco, task: block_push}}
supervisors: {{count: 2, styles: [clockwise, counterclockwise]}}
policy: {{checkpoint: start.safetensors, chains: 8, iterations: 3}}
allocation: {{intervention_ticks: 2, hard_reset_ticks: 2}}
training: {{demonstrations: a.npz, update_ticks: [8, 16], gradient_steps: 12}}
pretraining:
  {{pairs: 40, width: 16, depth: 2, gradient_steps: 30, batch_size: 8, counter_example_iterations: 2, learning_rate: 1.0e-3}}
"""
ROUNDS = 2
SITES = {"a": None, "b": "corrupt", "c": "killed"}
"""How each site breaks."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fleet file, the first policy, and each site's pairs."""
    made = tmp_path_factory.mktemp("federation")
    (made / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    fleet = read_fleet(made / "fleet.yaml")
    contract, random = fleet.contract(), np.random.default_rng(0)
    for name in SITES:
        observed = random.normal(size=(60, contract.state_dim))
        acted = random.uniform(contract.action_low_A, contract.action_high_A, (60, contract.action_dim))
        pairs = new_dataset(observed, acted)
        pairs.save(made / f"{name}.npz")
    policy = learning_setup(fleet, ticks=0).new_policy(ALGORITHMS["iifl"], contract_scaling(contract, pairs), 0)
    metadata = checkpoint_metadata(policy, contract, calibrations=(), dataset=pairs, command="test")
    write_checkpoint(made / "start.safetensors", policy, metadata)
    return made


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    words = ["serve", "--fleet", "fleet.yaml", "--start", "start.safetensors", "--sites", "3", "--rounds", str(ROUNDS)]
    words += ["--method", "average", "-o", "server", "--listen", f"127.0.0.1:{port}", "--timeout", "300"]
    return started(folder, "server", [sys.executable, "-m", "fleet_cli.main", "federate", *words])


def join(folder: Path, port: int, name: str) -> subprocess.Popen[bytes]:
    how = SITES[name]
    program = ["-m", "fleet_cli.main"] if how is None else [str(Path(__file__).with_name("broken_site.py")), how]
    words = ["join", f"127.0.0.1:{port}", "--fleet", "fleet.yaml", "--data", f"{name}.npz"]
    return started(folder, name, [sys.executable, *program, "federate", *words, "--site", name, "-o", f"site_{name}"])


def started(folder: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def left_behind(folder: Path) -> list[int]:
    """Processes of Flower whose output goes to a file of the test."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in str((process / "fd/1").readlink()):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def trained(folder: Path, name: str, start: Path, number: int):
    """What a site makes of a version: the same seeds, in this process."""
    fleet = read_fleet(folder / "fleet.yaml")
    policy, _ = read_checkpoint(start, fleet.contract())
    pairs = read_training_data([folder / f"{name}.npz"], fleet.contract(), "state", 0).pairs
    seed = int.from_bytes(sha256(f"0 {number} {name}".encode()).digest()[:4], "big")
    return policy.fit(pairs, steps=12, seed=seed).policy.tensors()


@pytest.mark.slow
def test_rounds_go_on_without_broken_sites_and_after_the_server_was_killed(folder):
    try:
        ENVIRONMENT.prepare("federate")
    except InputError as error:
        pytest.skip(str(error))
    port, server = free_port(), folder / "server"
    processes = {name: join(folder, port, name) for name in SITES}
    try:
        processes["server"] = serve(folder, port)
        wait_for_file(server / "version_002.safetensors")
        processes["server"].kill()
        processes["server"].wait()
        processes["again"] = serve(folder, port)
        assert processes["again"].wait(TIMEOUT_S) == 0, (folder / "server.log").read_text()
        for name in ("a", "b"):
            assert processes[name].wait(TIMEOUT_S) == 0, (folder / f"{name}.log").read_text()
        deadline = time.monotonic() + TIMEOUT_S
        processes["c"].kill()
        while left_behind(folder) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert left_behind(folder) == []
    finally:
        for process in processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    records = [json.loads((server / f"version_00{version}.json").read_text()) for version in (2, 3)]
    assert [list(record["sites"]) for record in records] == [["a", "c"], ["a", "b"]]
    assert "expected finite numbers" in records[0]["refused"]["b"]
    assert (folder / "site_a/version_003.safetensors").read_bytes() == (server / "version_003.safetensors").read_bytes()
    for version, names in ((2, "ac"), (3, "ab")):
        before = server / f"version_00{version - 1}.safetensors"
        expected = averaged([trained(folder, name, before, version - 1) for name in names])
        policy, _ = read_checkpoint(
            server / f"version_00{version}.safetensors", read_fleet(folder / "fleet.yaml").contract()
        )
        for name, tensor in policy.tensors().items():
            assert torch.allclose(tensor, expected[name], rtol=0, atol=1e-6)
    assert (
        read_fleet(server / "fleet.yaml").policy.require_checkpoint() == (server / "version_003.safetensors").absolute()
    )


SERVE = ("federate", "serve", "--fleet", "fleet.yaml", "--sites", "2", "--rounds", "1", "-o", "refused")
JOIN = ("federate", "join", "--fleet", "fleet.yaml", "-o", "refused")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (*SERVE, "--start", "start.safetensors", "--listen", "0.0.0.0:8780"),
            "--listen: expected --certificates for an address that other machines can reach, got 0.0.0.0 without them.",
        ),
        (
            (*SERVE, "--start", "start.safetensors", "--listen", "8780"),
            "--listen: expected HOST:PORT with a port from 1 to 65535, got '8780'.",
        ),
        (
            (*SERVE, "--start", "start.safetensors", "--certificates", "."),
            "ca.crt: there is no such file.",
        ),
        ((*SERVE, "--start", "missing.safetensors"), "missing.safetensors: there is no such checkpoint."),
        (
            (*JOIN, "robots.example.org:8780", "--data", "a.npz"),
            "HOST:PORT: expected --certificates for an address that other machines can reach, got robots.example.org without them.",
        ),
        ((*JOIN, "127.0.0.1:8780", "--data", "missing.npz"), "missing.npz: there is no such file."),
        (
            (*JOIN, "127.0.0.1:8780", "--data", "a.npz", "--site", "../a"),
            "--site: site: expected text that matches ^[\\w.-]+$, got '../a'.",
        ),
    ],
)
def test_input_that_cannot_be_used_is_refused_before_anything_starts(folder, words, message):
    ended = call(*words, cwd=folder)
    assert (ended.returncode, ended.stderr.strip()) == (2, message)
    assert not (folder / "refused").exists()

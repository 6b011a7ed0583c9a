"""`fleet merge`: two sites' policies become one that a fleet can use, and policies that do not fit together are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT, call, up
from opaque_policy import Opaque, OpaqueConfig

from fleet_bringup.run_setup import config_folder
from fleet_contract.fleet import Fleet, read_fleet
from fleet_learning.checkpoint import read_checkpoint, write_checkpoint
from fleet_learning.dataset import Dataset, read_dataset
from fleet_learning.scaling import Scaling
from fleet_learning.tensor_file import file_digest
from iifl_policy.explicit import ExplicitShape, new_explicit
from iifl_policy.implicit import new_implicit

DEMONSTRATIONS = config_folder() / "policies/block_push_demonstrations.npz"
PAIRS = 60


@dataclass(frozen=True)
class Sites:
    """Two sites whose policies learned from different demonstrations, from a common start."""

    folder: Path
    fleet_file: Path

    @property
    def fleet(self) -> Fleet:
        return read_fleet(self.fleet_file)

    def read(self, name: str):
        return read_checkpoint(self.folder / name, self.fleet.contract())

    def changed(self, name: str, change, **metadata_changes) -> str:
        """Write another policy that was made from the second one; returns its file."""
        policy, metadata = self.read("b.safetensors")
        policy = change(policy)
        write_checkpoint(
            self.folder / name, policy, metadata.model_copy(update={"policy": policy.config, **metadata_changes})
        )
        return name

    def merge(self, *words: str, second: str = "b.safetensors", data: tuple[str, ...] = ("a.npz", "b.npz")):
        """Merge both; the files that there are afterwards tell what was written."""
        sets = [word for name in data for word in ("--data", name)]
        fleet = ("--fleet", str(self.fleet_file))
        return call("merge", "a.safetensors", second, *sets, *fleet, *words, cwd=self.folder)


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Sites:
    made = Sites(tmp_path_factory.mktemp("sites"), tiny)
    contract = made.fleet.contract()
    policy, metadata = read_checkpoint(made.fleet.policy.require_checkpoint(), contract)
    pairs = read_dataset(DEMONSTRATIONS, contract.observed_shape("camera"), contract.action_dim)
    for seed, name in enumerate(("a", "b")):
        own = pairs[np.arange(seed, 2 * PAIRS, 2)]
        own.save(made.folder / f"{name}.npz")
        write_checkpoint(
            made.folder / f"{name}.safetensors", policy.fit(own, steps=20 + seed, seed=seed).policy, metadata
        )
    return made


def test_the_merged_policy_has_what_the_sites_have_in_common(sites: Sites) -> None:
    done = sites.merge("-o", "merged")
    assert done.returncode == 0, done.stderr
    (policy, metadata), (first, first_metadata) = sites.read("merged/policy.safetensors"), sites.read("a.safetensors")
    assert (policy.config, metadata.robot, metadata.contract) == (
        first.config,
        first_metadata.robot,
        first_metadata.contract,
    )
    for name, tensor in first.scaling.tensors().items():
        assert torch.equal(policy.scaling.tensors()[name], tensor)
    assert any(not torch.equal(policy.tensors()[name], tensor) for name, tensor in first.tensors().items())
    assert first_metadata.calibrations
    assert metadata.calibrations == ()
    digests = ", ".join(file_digest(sites.folder / name) for name in ("a.safetensors", "b.safetensors"))
    assert metadata.command == f"fleet merge --method regression_mean --seed 0 of {digests}"
    assert {path.name for path in (sites.folder / "merged").iterdir()} == {"policy.safetensors", "fleet.yaml"}
    assert "calibrate it: ./fleet calibrate --fleet merged/fleet.yaml" in done.stdout
    assert "60 training pairs" in done.stdout
    assert not list(sites.folder.glob("*.partial"))


@pytest.mark.slow
def test_the_merged_policy_drives_a_fleet_once_it_is_calibrated(sites: Sites, tmp_path: Path) -> None:
    assert sites.merge("-o", str(tmp_path / "merged")).returncode == 0
    words = ("--fleet", "merged/fleet.yaml")
    refused = call("up", "--ticks", "2", "--headless", "--report", "out", *words, cwd=tmp_path)
    assert refused.returncode == 2
    assert "calibrations: expected one for decider full" in refused.stderr
    assert "which ./fleet calibrate adds" in refused.stderr
    calibrated = call("calibrate", *words, cwd=tmp_path)
    assert calibrated.returncode == 0, calibrated.stderr
    run = up(tmp_path / "out", *words, "--ticks", "4", "--headless")
    assert run.code == 0, run.err
    assert run.summary["ticks"] == 4
    used = yaml.safe_load((tmp_path / "out/fleet.yaml").read_text())["policy"]["checkpoint"]
    assert used == str(tmp_path / "merged/policy.safetensors")


@pytest.mark.parametrize("method", ["weights", "average"])
def test_methods_without_data_need_no_dataset(sites: Sites, method: str, tmp_path: Path) -> None:
    done = sites.merge("--method", method, "-o", str(tmp_path / "merged"), data=())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "merged/policy.safetensors").exists()


def refusal(sites: Sites, *words: str, **changes) -> str:
    """The one sentence with which a merging is refused, which has written nothing."""
    before = set(sites.folder.iterdir())
    done = sites.merge("-o", "refused", *words, **changes)
    assert done.returncode == 2, done.stdout + done.stderr
    assert set(sites.folder.iterdir()) == before
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_policies_that_do_not_fit_together_are_refused(sites: Sites) -> None:
    def wider(policy):
        config = replace(policy.config, shape=replace(policy.config.shape, width=17))
        return new_implicit(config, policy.scaling, torch.Generator().manual_seed(0))

    def scaled(policy):
        tensors = policy.scaling.tensors()
        return replace(policy, scaling=Scaling(**{**tensors, "state_std_S": 2 * tensors["state_std_S"]}))

    other = sites.changed("other_scaling.safetensors", scaled)
    sentence = refusal(sites, second=other)
    assert f"{other}: scaling.state_std_S: expected that of a.safetensors, got another" in sentence
    assert "./fleet train --moments" in sentence
    other = sites.changed("other_shape.safetensors", wider)
    assert f"{other}: biases.0: expected shape (2, 1, 16) as in a.safetensors, got (2, 1, 17)." in refusal(
        sites, second=other
    )
    (sites.folder / "copy.safetensors").write_bytes((sites.folder / "a.safetensors").read_bytes())
    for same in ("a.safetensors", "copy.safetensors"):
        assert f"{same}: expected another policy than that of a.safetensors, got the same." in refusal(
            sites, second=same
        )
    (sites.folder / "cut.safetensors").write_bytes((sites.folder / "b.safetensors").read_bytes()[:-100])
    assert "cut.safetensors: expected a checkpoint, got no complete" in refusal(sites, second="cut.safetensors")
    assert "none.safetensors: there is no such checkpoint." in refusal(sites, second="none.safetensors")
    other = sites.changed("other_contract.safetensors", lambda policy: policy, contract="0" * 64)
    assert f"{other}: contract: expected" in refusal(sites, second=other)


def test_an_explicit_policy_is_not_merged_with_an_implicit_one(sites: Sites, tiny: Path) -> None:
    made = call("pretrain", "--fleet", str(explicit_fleet(sites)), "--policy", "explicit", cwd=sites.folder)
    assert made.returncode == 0, made.stderr
    sentence = refusal(sites, second="explicit.safetensors")
    assert "explicit.safetensors: policy.kind: expected implicit as in a.safetensors, got explicit." in sentence


def test_a_policy_that_does_not_declare_its_network_is_refused(sites: Sites) -> None:
    def opaque(policy):
        shape = ExplicitShape(policy.config.encoder.features, 2)
        config = OpaqueConfig(shape, encoder=policy.config.encoder)
        other = new_explicit(config, policy.scaling, torch.Generator().manual_seed(0))
        return Opaque.from_tensors(config, other.tensors(), policy.scaling, policy.optimizer_state)

    other = sites.changed("opaque.safetensors", opaque)
    assert (
        f"{other}: policy.kind: expected a policy that declares its network (fleet_learning.mergeable), "
        "got opaque_policy:Opaque." in refusal(sites, second=other)
    )


def explicit_fleet(sites: Sites) -> Path:
    content = yaml.safe_load(sites.fleet_file.read_text())
    content["policy"]["checkpoint"] = str(sites.folder / "explicit.safetensors")
    content["training"]["demonstrations"] = str(sites.folder / "explicit.npz")
    path = sites.folder / "explicit.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_data_that_do_not_fit_are_refused(sites: Sites) -> None:
    assert "--data: expected 2 datasets, one for each checkpoint in the same order, got 0." in refusal(sites, data=())
    assert "got 1." in refusal(sites, data=("a.npz",))
    contract = sites.fleet.contract()
    states = Dataset(np.zeros((PAIRS, contract.state_dim), np.float32), np.zeros((PAIRS, 2), np.float32))
    states.save(sites.folder / "states.npz")
    assert "states.npz: shapes: expected (B, 96, 96, 3)" in refusal(sites, data=("a.npz", "states.npz"))
    (sites.folder / "cut.npz").write_bytes((sites.folder / "b.npz").read_bytes()[:1000])
    assert "cut.npz: expected a .npz file" in refusal(sites, data=("a.npz", "cut.npz"))


def test_bad_options_are_refused(sites: Sites) -> None:
    assert "--method: expected one of regression_mean, fleet_merge" in refusal(sites, "--method", "magic")
    (sites.folder / "there").mkdir()
    (sites.folder / "there/policy.safetensors").write_text("of somebody else")
    done = sites.merge("-o", "there")
    assert done.returncode == 2
    assert "there: expected the path of a new folder, got one that exists already." in done.stderr
    assert (sites.folder / "there/policy.safetensors").read_text() == "of somebody else"
    done = call("merge", "a.safetensors", "-o", "one", cwd=sites.folder)
    assert (done.returncode, done.stderr) == (2, "checkpoints: expected at least two, got 1.\n")


@pytest.mark.slow
def test_sites_that_train_from_scratch_agree_on_a_scaling_first(sites: Sites) -> None:
    fleet = ("--fleet", str(sites.fleet_file))
    for name in ("a", "b"):
        done = call("dataset", "moments", f"{name}.npz", "-o", f"{name}.json", *fleet, cwd=sites.folder)
        assert (done.returncode, done.stdout) == (0, f"{name}.json: {PAIRS} pairs\n"), done.stderr
    for name, options in {
        "alone": ("b.npz",),
        "one": ("a.npz", "--moments", "a.json", "--moments", "b.json"),
        "other": ("b.npz", "--moments", "b.json", "--moments", "a.json"),
    }.items():
        done = call("train", *options, "-o", name, "--steps", "4", "--algo", "ibc", *fleet, cwd=sites.folder)
        assert done.returncode == 0, done.stderr
    first, second, alone = (
        sites.read(f"{name}/policy.safetensors")[0].scaling.tensors() for name in ("one", "other", "alone")
    )
    assert all(torch.equal(first[name], own) for name, own in second.items())
    assert not torch.equal(first["state_mean_S"], alone["state_mean_S"])
    words = ("merge", "one/policy.safetensors", "--data", "a.npz", "--data", "b.npz", *fleet, "-o", "of_both")
    assert call(*words, "alone/policy.safetensors", cwd=sites.folder).returncode == 2
    assert call(*words, "other/policy.safetensors", cwd=sites.folder).returncode == 0


@pytest.mark.slow
def test_the_commands_of_the_guide_work(sites: Sites, tmp_path: Path) -> None:
    """Without those that record runs, and with a small policy and few steps."""
    for name in ("a", "b"):
        (tmp_path / f"set_{name}.npz").symlink_to(sites.folder / f"{name}.npz")
        (tmp_path / f"site_{name}/policies").mkdir(parents=True)
        (tmp_path / f"site_{name}/policies/version_003.safetensors").symlink_to(sites.folder / f"{name}.safetensors")
    blocks = re.findall(r"```bash\n(.+?)```", (ROOT / "docs/how-to/merge-policies.md").read_text(), re.DOTALL)
    commands = [line.split()[1:] for block in blocks for line in block.splitlines()]
    assert {words[0] for words in commands} == {"up", "dataset", "merge", "calibrate", "train"}
    tiny = ["--fleet", str(sites.fleet_file)]
    changes = {"dataset": tiny, "merge": tiny, "train": [*tiny, "--steps", "4"]}
    for words in commands:
        if words[0] == "up" or words[1] == "build":
            continue
        own = [f"{word}.npz" if word.startswith("set_") else word for word in words]
        done = call(*own, *changes.get(words[0], []), cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)
    assert read_fleet(tmp_path / "merged_again/fleet.yaml").policy.require_checkpoint().exists()
    assert sites.read(str(tmp_path / "merged/policy.safetensors"))[1].calibrations

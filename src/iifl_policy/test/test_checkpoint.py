"""A checkpoint is read as the same policy or refused in one sentence; nothing in it is executed."""

from __future__ import annotations

import ast
import json
import struct
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

import fleet_learning
import iifl_policy
from fleet_contract.fleet import read_fleet
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_learning.checkpoint import (
    Calibration,
    CheckpointMetadata,
    checkpoint_metadata,
    read_checkpoint,
    write_checkpoint,
)
from fleet_learning.dataset import Dataset, empty_dataset, read_dataset
from fleet_learning.image_encoder import ImageEncoderShape
from fleet_learning.optimization import OptimizerConfig
from fleet_learning.scaling import contract_scaling
from fleet_learning.state_encoder import StateEncoderShape
from iifl_policy.derivative_free import DerivativeFree
from iifl_policy.energy import EnergyShape
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from iifl_policy.implicit import ImplicitConfig, new_implicit
from iifl_policy.langevin import REFERENCE, Langevin
from iifl_policy.uniform import Uniform

CONFIG_FOLDER = Path(__file__).parents[3] / "launch/config"
SHIPPED = {
    "ant_100": CONFIG_FOLDER / "ant_100.yaml",
    "block_push": CONFIG_FOLDER / "block_push.yaml",
    "metaworld": CONFIG_FOLDER / "metaworld.yaml",
    "mobile_base": CONFIG_FOLDER / "mobile_base.yaml",
    "tabletop": CONFIG_FOLDER / "tabletop.yaml",
    "yumi": CONFIG_FOLDER / "yumi_sim.yaml",
}
"""Fleets of the shipped checkpoints."""
CONTRACT = read_yaml(CONFIG_FOLDER / "robots/push_cell.yaml", RobotContract)
ENCODER = ImageEncoderShape(96, 96, filters=(2, 2, 4))
CONFIG = ImplicitConfig(
    EnergyShape(6, 2, width=4, depth=2),
    sampler=Langevin(iterations=3, most_move=0.2),
    chains=16,
    optimizer=OptimizerConfig(learning_rate=1e-4),
)
CONFIGS = {
    "Langevin": CONFIG,
    "reference": replace(CONFIG, sampler=REFERENCE),
    "uniform": replace(CONFIG, sampler=Uniform()),
    "derivative-free": replace(CONFIG, sampler=DerivativeFree(iterations=2)),
    "one member": replace(CONFIG, shape=replace(CONFIG.shape, members=1)),
    "explicit": ExplicitConfig(ExplicitShape(6, 2, members=3, width=8)),
    "implicit from images": replace(CONFIG, shape=replace(CONFIG.shape, state_dim=8), encoder=ENCODER),
    "implicit behind an encoder of states": replace(
        CONFIG, shape=replace(CONFIG.shape, state_dim=5), encoder=StateEncoderShape(6, width=5, depth=2)
    ),
    "explicit from images": ExplicitConfig(ExplicitShape(8, 2, members=3, width=8), encoder=ENCODER),
}
CALIBRATION = Calibration(decider="full", sampler="langevin", uncertainty="jeffreys", threshold=0.1)
CASCADED = CALIBRATION.model_copy(update={"decider": "cascade", "threshold": -3.0})
OBSERVED = {
    "state": np.random.default_rng(0).normal(0, 0.1, (5, 6)),
    "camera": np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8),
}


def some_policy(config=CONFIG):
    states = np.random.default_rng(1).normal(0.1, 0.2, (50, 6)).astype(np.float32)
    observed = OBSERVED["camera"] if config.encoder == ENCODER else states
    scaling = contract_scaling(CONTRACT, Dataset(observed, np.zeros((len(observed), 2), np.float32)))
    new = new_implicit if isinstance(config, ImplicitConfig) else new_explicit
    return new(config, scaling, torch.Generator().manual_seed(1))


def about_of(policy, **changes) -> CheckpointMetadata:
    about = checkpoint_metadata(
        policy, CONTRACT, calibrations=(CALIBRATION,), dataset=empty_dataset((6,), 2), command="made by hand"
    )
    return about.model_copy(update=changes)


def decisions(policy):
    decision = policy.decide(OBSERVED[policy.observes], torch.Generator().manual_seed(2))
    return decision.actions_NA, decision.uncertainties_N, decision.standard_errors_N


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("intact") / "policy.safetensors"
    write_checkpoint(path, some_policy(), about_of(some_policy()))
    return path.read_bytes()


def refusal(path, contract=CONTRACT) -> str:
    with pytest.raises(InputError) as caught:
        read_checkpoint(path, contract)
    return checked(str(caught.value), path)


def checked(sentence, path) -> str:
    assert sentence.startswith((f"{path}: ", f"{path} (about): "))
    assert sentence.endswith(".")
    assert len(sentence.splitlines()) == 1
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize("calibrations", [(), (CALIBRATION,), (CALIBRATION, CASCADED)])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_policy_that_is_written_and_read_decides_the_same(tmp_path, config, calibrations):
    policy, path = some_policy(config), tmp_path / "policy.safetensors"
    policy = replace(policy, optimizer_state=replace(policy.optimizer_state, steps=7))
    about = about_of(policy, calibrations=calibrations)
    digest = write_checkpoint(path, policy, about)
    assert digest == sha256(path.read_bytes()).hexdigest()
    found, found_about = read_checkpoint(path, CONTRACT)
    assert found_about == about
    assert (found.config, found.optimizer_state.steps) == (config, 7)
    for before, after in zip(decisions(policy), decisions(found), strict=True):
        np.testing.assert_array_equal(before, after)


def test_equal_policies_give_equal_files(tmp_path):
    digests = {write_checkpoint(tmp_path / f"{number}", some_policy(), about_of(some_policy())) for number in range(10)}
    assert len(digests) == 1


def test_writing_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "policy.safetensors"
    path.write_bytes(b"old")
    write_checkpoint(path, some_policy(), about_of(some_policy()))
    assert [file.name for file in tmp_path.iterdir()] == ["policy.safetensors"]
    assert read_checkpoint(path, CONTRACT)[1].command == "made by hand"


def test_a_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / "policy.safetensors"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_checkpoint(path, some_policy(), about_of(some_policy()))
    assert list(tmp_path.iterdir()) == [path]


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(intact, tmp_path_factory, share):
    path = tmp_path_factory.getbasetemp() / "truncated.safetensors"
    path.write_bytes(intact[: int(share * len(intact))])
    assert refusal(path).startswith("expected a checkpoint, got no complete safetensors file (")


def refused_or_the_same(path, intact_policy):
    try:
        found, about = read_checkpoint(path, CONTRACT)
    except InputError as refused:
        checked(str(refused), path)
        return
    assert about == about_of(some_policy())
    for before, after in zip(decisions(intact_policy), decisions(found), strict=True):
        np.testing.assert_array_equal(before, after)


@given(data=st.data())
def test_a_changed_byte_is_refused_or_harmless(intact, tmp_path_factory, data):
    header = 8 + struct.unpack("<Q", intact[:8])[0]
    place = data.draw(st.integers(0, header - 1) | st.integers(header, len(intact) - 1))
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    path.write_bytes(intact[:place] + bytes([intact[place] ^ data.draw(st.integers(1, 255))]) + intact[place + 1 :])
    if place >= header:
        assert refusal(path).startswith(
            "expected the content as it was written, got content that differs from its digest"
        )
    else:
        refused_or_the_same(path, some_policy())


@pytest.mark.parametrize("kind", [b"I32", b"U32", b"F16", b"BF16"])
def test_numbers_of_another_type_are_refused(intact, tmp_path, kind):
    path = tmp_path / "policy.safetensors"
    assert b'"F32"' in intact
    header = intact[8 : 8 + struct.unpack("<Q", intact[:8])[0]].replace(b'"F32"', b'"' + kind + b'"')
    path.write_bytes(struct.pack("<Q", len(header)) + header + intact[8 + struct.unpack("<Q", intact[:8])[0] :])
    refusal(path)


def rewritten(path, *, tensors=lambda found: found, **given) -> None:
    """Write the checkpoint of `some_policy` with other tensors or metadata, as a complete safetensors file.

    Another text about the tensors has the digest that belongs to it.
    """
    write_checkpoint(path, some_policy(), about_of(some_policy()))
    with safe_open(path, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        metadata = file.metadata() | given
    if "about" in given and "content" not in given:
        metadata["content"] = digest(metadata["about"] or "", found)
    save_file(tensors(found), path, metadata={name: text for name, text in metadata.items() if text is not None})


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"format": "fleet-policy-0"}, "format: expected 'fleet-policy-1', got 'fleet-policy-0'."),
        ({"format": None}, "format: expected 'fleet-policy-1', got None."),
        ({"content": "0" * 64}, "expected the content as it was written, got content that differs from its digest."),
        ({"content": None}, "expected the content as it was written, got content that differs from its digest."),
    ],
)
def test_another_format_or_digest_is_refused(tmp_path, metadata, expected):
    rewritten(tmp_path / "policy.safetensors", **metadata)
    assert refusal(tmp_path / "policy.safetensors").startswith(expected)


@pytest.mark.parametrize("about", ["", "{", "[]", "{}", '{"robot": 3}', None])
def test_unreadable_metadata_is_refused(tmp_path, about):
    path = tmp_path / "policy.safetensors"
    rewritten(path, about=about)
    with pytest.raises(InputError, match=rf"^{path} \(about\): [^\n]*\.$"):
        read_checkpoint(path, CONTRACT)


def test_unknown_keys_of_the_metadata_are_named(tmp_path):
    path = tmp_path / "policy.safetensors"
    rewritten(path, about=json.dumps(json.loads(about_of(some_policy()).model_dump_json()) | {"colour": "red"}))
    with pytest.raises(InputError, match=r"unknown key colour, expected one of .*calibrations"):
        read_checkpoint(path, CONTRACT)


def test_foreign_safetensors_and_other_files_are_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    save_file({"encoder.weight": torch.zeros(3, dtype=torch.bfloat16)}, path)
    assert refusal(path).startswith("format: expected 'fleet-policy-1', got None")
    path.write_text("a text", encoding="utf-8")
    assert refusal(path).startswith("expected a checkpoint, got no complete safetensors file (")
    assert refusal(tmp_path / "none.safetensors") == "there is no such checkpoint."
    refusal(tmp_path)


@pytest.mark.parametrize(
    "tensors",
    [
        lambda found: {name: tensor for name, tensor in found.items() if name != "scaling.state_std_S"},
        lambda found: {name: tensor for name, tensor in found.items() if name != "weights.0"},
        lambda found: found | {"weights.0": torch.zeros(2, 8, 5)},
        lambda found: found | {"weights.9": torch.zeros(1)},
    ],
    ids=["no scaling", "no layer", "other width", "more layers"],
)
def test_tensors_of_another_shape_are_refused_even_with_their_digest(tmp_path, tensors):
    path = tmp_path / "policy.safetensors"
    written = {}

    def keep(found):
        written.update(tensors(found))
        return written

    rewritten(path, tensors=keep)
    rewritten(path, tensors=tensors, content=digest(about_of(some_policy()).model_dump_json(), written))
    assert refusal(path).startswith("expected the tensors of the policy's config")


def digest(about: str, tensors) -> str:
    content = sha256(about.encode())
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].numpy().tobytes())
    return content.hexdigest()


def with_config(path, policy, change) -> None:
    """Write the policy's checkpoint with a changed config and the digest that belongs to it."""
    with_metadata(path, policy, lambda about: change(about["policy"]))


def with_metadata(path, policy, change) -> None:
    """Write the policy's checkpoint with changed metadata and the digest that belongs to it."""
    write_checkpoint(path, policy, about_of(policy))
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        metadata = file.metadata()
    about = json.loads(metadata["about"])
    change(about)
    text = json.dumps(about)
    save_file(tensors, path, metadata=metadata | {"about": text, "content": digest(text, tensors)})


def test_a_checkpoint_of_earlier_code_with_fewer_options_is_read(tmp_path):
    path, policy = tmp_path / "policy.safetensors", some_policy()
    with_config(path, policy, lambda config: config.pop("polish"))
    read, _ = read_checkpoint(path, CONTRACT)
    assert read.config == policy.config


@pytest.mark.parametrize("kind", ["oracle", 3, None, [], ["implicit"], {}])
def test_a_kind_that_no_package_provides_is_refused(tmp_path, kind):
    path = tmp_path / "policy.safetensors"
    with_config(path, some_policy(), lambda config: config.update(kind=kind))
    with pytest.raises(InputError) as caught:
        read_checkpoint(path, CONTRACT)
    assert str(caught.value) == (
        f"{path} (about): policy.kind: expected one of explicit, implicit, or module:Class, got {kind!r}."
    )


@pytest.mark.parametrize("name", ["Langevin", "explicit"])
def test_a_checkpoint_of_version_0_1_0_is_read(tmp_path, name):
    """Version 0.1.0 calls the key `descent` that is now `optimizer`."""
    optimizer = OptimizerConfig(batch_size=3, learning_rate=1e-4, decay=0.5, decay_steps=7)
    path, policy = tmp_path / "policy.safetensors", some_policy(replace(CONFIGS[name], optimizer=optimizer))

    def as_written_by_0_1_0(config) -> None:
        config["descent"] = config.pop("optimizer")

    with_config(path, policy, as_written_by_0_1_0)
    with safe_open(path, framework="pt") as file:
        assert set(json.loads(file.metadata()["about"])["policy"]) & {"descent", "optimizer"} == {"descent"}
    read, _ = read_checkpoint(path, CONTRACT)
    assert read.config.optimizer == optimizer
    assert read.config == policy.config
    for before, after in zip(decisions(policy), decisions(read), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", ["Langevin", "uniform", "explicit"])
@pytest.mark.parametrize("threshold", [0.25, None])
def test_the_threshold_of_version_0_1_0_is_that_of_the_full_decider(tmp_path, name, threshold):
    """Version 0.1.0 stored one number, for the sampler and the uncertainty of the policy's config."""
    path, policy = tmp_path / "policy.safetensors", some_policy(CONFIGS[name])

    def as_written_by_0_1_0(about) -> None:
        del about["calibrations"]
        about["threshold"] = threshold

    with_metadata(path, policy, as_written_by_0_1_0)
    _, read = read_checkpoint(path, CONTRACT)
    sampler, uncertainty = {"Langevin": "langevin", "uniform": "uniform"}.get(name), policy.default_uncertainty
    assert read.threshold("full", sampler, uncertainty) == threshold
    assert len(read.calibrations) == (threshold is not None)
    assert read.threshold("cascade", sampler, uncertainty) is None
    assert read.threshold("full", "derivative_free", uncertainty) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_checkpoint_is_read_and_decides(name):
    contract = read_fleet(SHIPPED[name]).contract()
    policy, metadata = read_checkpoint(CONFIG_FOLDER / f"policies/{name}.safetensors", contract)
    dims = contract.observed_shape(policy.observes), contract.action_dim
    demonstrations = read_dataset(CONFIG_FOLDER / f"policies/{name}_demonstrations.npz", *dims)
    decision = policy.with_sampling(16, 5).decide(demonstrations.observations_B[:3], torch.Generator().manual_seed(0))
    assert decision.actions_NA.shape == (3, contract.action_dim)
    assert (contract.action_low_A <= decision.actions_NA).all()
    assert (decision.actions_NA <= contract.action_high_A).all()
    assert np.isfinite(decision.uncertainties_N).all()
    assert metadata.gradient_steps == policy.optimizer_state.steps > 0


def test_every_shipped_checkpoint_is_tested():
    assert {path.stem for path in (CONFIG_FOLDER / "policies").glob("*.safetensors")} == set(SHIPPED)


def test_a_file_with_another_digest_is_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    digest = write_checkpoint(path, some_policy(), about_of(some_policy()))
    assert read_checkpoint(path, CONTRACT, digest=digest)[1] == about_of(some_policy())
    for expected, shown in (("0" * 64, "0" * 64), ("", r"\(none\)")):
        with pytest.raises(InputError, match=rf"^{path}: expected the file with sha256 {shown}, got {digest}\.$"):
            read_checkpoint(path, CONTRACT, digest=expected)


def changed(**observation) -> RobotContract:
    return CONTRACT.model_copy(update={"observation": CONTRACT.observation.model_copy(update=observation)})


def test_a_robot_with_other_dimensions_is_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    write_checkpoint(path, some_policy(), about_of(some_policy()))
    state = CONTRACT.observation.state
    longer = changed(state=state.model_copy(update={"quantities": (*state.quantities, state.quantities[0])}))
    assert refusal(path, longer) == ("expected 7 observation and 2 action values (robot push_cell), got 6 and 2.")


def test_a_robot_with_another_camera_is_refused(tmp_path):
    path, policy = tmp_path / "policy.safetensors", some_policy(CONFIGS["implicit from images"])
    write_checkpoint(path, policy, about_of(policy))
    narrow = changed(camera=CONTRACT.observation.camera.model_copy(update={"width": 64}))
    assert refusal(path, narrow).startswith(
        "expected 96x64x3 observation and 2 action values (robot push_cell), got 96x96x3 and 2"
    )
    with pytest.raises(InputError, match=r"robot push_cell: observation\.camera is missing"):
        read_checkpoint(path, changed(camera=None))


def test_a_robot_with_another_contract_of_equal_dimensions_is_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    write_checkpoint(path, some_policy(), about_of(some_policy()))
    other = changed(camera=CONTRACT.observation.camera.model_copy(update={"width": 64}))
    assert refusal(path, other).startswith(f"contract: expected {other.digest[:12]} (robot push_cell: ")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, trace) -> None:
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_a_pickled_checkpoint_is_refused_and_not_executed(tmp_path):
    path, trace = tmp_path / "policy.safetensors", tmp_path / "trace"
    torch.save({"model": Trap(trace)}, path)
    refusal(path)
    assert not trace.exists()


def test_the_packages_cannot_unpickle():
    for file in [*Path(iifl_policy.__file__).parent.glob("*.py"), *Path(fleet_learning.__file__).parent.glob("*.py")]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None) or "", *(alias.name for alias in node.names)}
                assert not {name.split(".")[0] for name in names} & {
                    "pickle",
                    "cPickle",
                    "dill",
                    "joblib",
                    "shelve",
                    "marshal",
                }
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"torch.load", "torch.jit.load", "eval", "exec"}, file
                allowed = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert called != "np.load" or allowed.get("allow_pickle") == "False", file

"""Rounds give what the same steps give in one place, without whatever a broken site sends."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from federated import CONTRACT, SEED, STEPS, Trial, first_policy, pairs, write_start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_contract.validation import InputError
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.randomness import torch_generator
from fleet_learning.scaling import contract_scaling
from iifl_policy.explicit import ExplicitConfig, ExplicitShape, new_explicit
from policy_merge.activation_matching import matched_by_activations
from policy_merge.alignment import search_at_site
from policy_merge.averaging import averaged
from policy_merge.federation.exchange import Failure
from policy_merge.federation.message import Query, Reply, packed, read_tensors, tensor_bytes, unpacked
from policy_merge.federation.rounds import RoundError, prepare_folder
from policy_merge.federation.site import ALIGNMENT
from policy_merge.federation.update import FARTHEST, GRAMS, PARAMETERS, UpdateForm
from policy_merge.member import Member, ensemble, member_parameters
from policy_merge.regression_mean import gram_matrices, regression_mean

METHODS = ("average", "regression_mean", "fleet_merge")
MEMBERS = range(2)


def site_seed(name, number=1):
    return int.from_bytes(hashlib.sha256(f"{SEED} {number} {name}".encode()).digest()[:4], "big")


def trained(index, name, policy=None):
    return (policy or first_policy()).fit(pairs(index), steps=STEPS, seed=site_seed(name)).policy


def in_one_place(method, indices=(0, 1, 2)):
    """The first round's tensors, made from the parts of the package without messages."""
    start, names = first_policy(), "abc"
    policies = [trained(index, names[index]) for index in indices]
    if method == "average":
        return averaged([policy.tensors() for policy in policies])
    merged = []
    for member in MEMBERS:
        own = [
            Member(policy, member_parameters(policy.tensors(), member), pairs(index), site_seed(names[index]))
            for index, policy in zip(indices, policies, strict=True)
        ]
        network = start.member_network
        if method == "regression_mean":
            reference = member_parameters(start.tensors(), member)
            own = [
                one.reordered(matched_by_activations(network, one.parameters, reference, one.batches())) for one in own
            ]
            grams = [gram_matrices(network, one.parameters, one.batches()) for one in own]
            merged.append(regression_mean(network, [one.parameters for one in own], grams))
        else:
            mean = averaged([one.parameters for one in own])
            places = [
                search_at_site(
                    network.symmetries,
                    one.parameters,
                    mean,
                    len(own),
                    one.loss,
                    ALIGNMENT,
                    torch_generator(one.seed, member),
                    seed=one.seed,
                    epoch=0,
                )
                for one in own
            ]
            merged.append(averaged([one.reordered(orders).parameters for one, orders in zip(own, places, strict=True)]))
    return ensemble(merged)


def tensors_of(checkpoint):
    return read_checkpoint(checkpoint, CONTRACT)[0].tensors()


def equal(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def sent(answer, **changes):
    """Answer as a site whose tensors are replaced by what functions make of them; None: the tensor is left out."""

    def changed(message):
        header, content = unpacked(answer(message), Reply, source="reply")
        if not content:
            return packed(header)
        tensors = read_tensors(content, source="reply")
        for name in [own for own in tensors if any(own.startswith(prefix) for prefix in changes)]:
            change = next(change for prefix, change in changes.items() if name.startswith(prefix))
            value = change(tensors.pop(name))
            if value is not None:
                tensors[name] = value
        return packed(header, tensor_bytes(tensors))

    return changed


def with_header(answer, **changes):
    def changed(message):
        header, content = unpacked(answer(message), Reply, source="reply")
        return packed(header.model_copy(update=changes), content)

    return changed


@pytest.mark.parametrize("method", METHODS)
def test_a_round_equals_the_same_steps_in_one_place(tmp_path, method):
    trial = Trial(tmp_path, method)
    assert equal(tensors_of(trial.run(1)), in_one_place(method))
    assert trial.refusals == {}


@pytest.mark.parametrize("method", METHODS)
def test_every_site_gets_the_last_version_and_checks_it_like_any_checkpoint(tmp_path, method):
    trial = Trial(tmp_path, method)
    last = trial.run(2)
    for site in trial.sites:
        assert site.finished.name == last.name == "version_003.safetensors"
        assert site.finished.read_bytes() == last.read_bytes()
    _, metadata = read_checkpoint(last, CONTRACT)
    assert metadata.gradient_steps == 2 * STEPS
    assert metadata.calibrations == ()
    record = json.loads((trial.folder / "version_003.json").read_text())
    assert list(record["sites"]) == ["a", "b", "c"]
    assert {own["pairs"] for own in record["sites"].values()} == {140}


def nan_in(tensor):
    tensor.view(-1)[0] = float("nan")
    return tensor


CORRUPTIONS = {
    "a value that is not finite": (
        lambda answer: sent(answer, **{PARAMETERS: nan_in}),
        "expected finite numbers, got others",
    ),
    "another shape": (
        lambda answer: sent(answer, **{PARAMETERS: lambda own: own[:1]}),
        "expected torch.float32 of shape",
    ),
    "another format": (lambda answer: sent(answer, **{PARAMETERS: lambda own: own.double()}), "got torch.float64"),
    "a missing tensor": (lambda answer: sent(answer, **{PARAMETERS: lambda _: None}), "got no such tensor"),
    "parameters far away": (
        lambda answer: sent(answer, **{PARAMETERS: lambda own: own + 100}),
        "expected parameters within",
    ),
    "a Gram matrix that is not symmetric": (
        lambda answer: sent(answer, **{GRAMS: lambda own: own + torch.arange(len(own))}),
        "expected a mean of x x^T that ends with 1",
    ),
    "a Gram matrix with a negative eigenvalue": (
        lambda answer: sent(answer, **{GRAMS: indefinite}),
        "expected a mean of x x^T that ends with 1",
    ),
    "a Gram matrix that outweighs all others": (
        lambda answer: sent(answer, **{GRAMS: outweighing}),
        "expected Gram matrices with traces up to",
    ),
    "a reply that is too long": (
        lambda answer: lambda message: answer(message) + bytes(10**6),
        "expected a shorter reply",
    ),
    "a reply that ends early": (lambda answer: lambda message: answer(message)[:-9], "expected tensors"),
    "no reply at all": (lambda _: lambda _: b"", "expected a line of JSON"),
    "a reply to another round": (lambda answer: with_header(answer, round=7), "round: expected"),
    "a name that is none": (lambda answer: with_header(answer, site="../b"), "site: expected text that matches"),
    "another site's name": (lambda answer: with_header(answer, site="a"), "another of the same name"),
    "a site that left": (lambda _: lambda _: Failure("the site has left"), "the site has left"),
}


def indefinite(gram):
    gram[0, 1] = gram[1, 0] = 2 * gram.trace()
    return gram


def outweighing(gram):
    gram[:-1, :-1] *= 1e6
    return gram


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_broken_site_is_refused_and_the_round_merges_the_others(tmp_path, corruption):
    corrupt, reason = CORRUPTIONS[corruption]
    trial = Trial(tmp_path, "regression_mean")
    merged = tensors_of(trial.run(1, [trial.answers[0], corrupt(trial.answers[1]), trial.answers[2]]))
    assert equal(merged, in_one_place("regression_mean", (0, 2)))
    assert len(trial.refusals) == 1
    assert reason in next(iter(trial.refusals.values()))
    record = json.loads((trial.folder / "version_002.json").read_text())
    assert list(record["sites"]) == ["a", "c"]
    assert record["refused"] == trial.refusals


def test_of_two_sites_the_one_that_moved_much_farther_is_refused():
    form, start = UpdateForm(first_policy(), "average"), first_policy().tensors()
    near, far = ({name: own + by for name, own in start.items()} for by in (1e-3, 2 * FARTHEST * 1e-3))
    message = [
        packed(Reply(site=name, round=1), tensor_bytes({PARAMETERS + key: own for key, own in tensors.items()}))
        for name, tensors in (("far", far), ("near", near))
    ]
    examined = form.examined([form.read(own, 1, source="site") for own in message])
    assert [update.site for update in examined.accepted] == ["near"]


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_an_update_of_the_right_form_or_refused(data):
    policy = first_policy()
    form = UpdateForm(policy, "average")
    content = tensor_bytes({PARAMETERS + name: own for name, own in policy.tensors().items()})
    message = bytearray(packed(Reply(site="a", round=1), content))
    for _ in range(data.draw(st.integers(0, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    del message[data.draw(st.sampled_from([len(message), len(message) - 1, len(message) // 2, 100, 0])) :]
    try:
        update = form.read(bytes(message), 1, source="site")
    except InputError:
        return
    assert {name: own.shape for name, own in update.tensors.items()} == {
        name: own.shape for name, own in policy.tensors().items()
    }
    assert all(torch.isfinite(own).all() for own in update.tensors.values())


def test_units_that_a_site_changes_instead_of_moving_them_stay_as_they_were_trained(tmp_path):
    def changing(answer):
        def changed(message):
            query, _ = unpacked(message, Query, source="query")
            return (
                sent(answer, **{PARAMETERS: lambda own: own + 1e-3})(message)
                if query.kind == "align"
                else answer(message)
            )

        return changed

    trial = Trial(tmp_path, "fleet_merge")
    whole = Trial(tmp_path / "other", "fleet_merge") if (tmp_path / "other").mkdir() is None else None
    merged = tensors_of(trial.run(1, [trial.answers[0], changing(trial.answers[1]), trial.answers[2]]))
    assert any("expected the trained parameters in other places" in line for line in trial.reported)
    failing = [whole.answers[0], lambda message: unaligned(whole.answers[1], message), whole.answers[2]]
    assert equal(merged, tensors_of(whole.run(1, failing)))


def unaligned(answer, message):
    """Answer everything but alignments."""
    return Failure("left") if unpacked(message, Query, source="query")[0].kind == "align" else answer(message)


def test_a_round_with_too_few_updates_is_tried_again_and_ends_without_a_version(tmp_path):
    trial, calls = Trial(tmp_path, "average", sites=2), []

    def broken(message):
        calls.append(message)
        return Failure("left")

    with pytest.raises(RoundError, match="ended after 3 attempts"):
        trial.run(1, [trial.answers[0], broken])
    assert len(calls) == 3
    assert not (trial.folder / "version_002.safetensors").exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_server_that_was_killed_resumes_with_the_same_result(tmp_path, method):
    class KilledError(Exception):
        """The server's end."""

    def killed(message):
        if unpacked(message, Query, source="query")[0].round == 2:
            raise KilledError
        return interrupted.answers[2](message)

    for name in ("whole", "interrupted"):
        (tmp_path / name).mkdir()
    whole, interrupted = Trial(tmp_path / "whole", method), Trial(tmp_path / "interrupted", method)
    with pytest.raises(KilledError):
        interrupted.run(3, [*interrupted.answers[:2], killed])
    assert not (interrupted.folder / "version_003.safetensors").exists()
    assert equal(tensors_of(interrupted.run(3)), tensors_of(whole.run(3)))


def test_a_site_that_joins_late_gets_the_newest_version(tmp_path):
    trial = Trial(tmp_path, "average")
    trial.run(1, trial.answers[:2])
    trial.run(2)
    assert not (tmp_path / "site_2/version_001.safetensors").exists()
    newest = (trial.folder / "version_002.safetensors").read_bytes()
    assert (tmp_path / "site_2/version_002.safetensors").read_bytes() == newest


def test_sites_agree_on_the_scaling_of_all_data_and_a_site_that_sends_no_moments_is_left_out(tmp_path):
    trial = Trial(tmp_path, "average")
    trial.settings = trial.settings.model_copy(update={"start": None})
    trial.folder = tmp_path / "scaled"
    prepare_folder(trial.folder, None, CONTRACT, trial.settings)
    answers = [*trial.answers, lambda _: b"nothing", lambda _: Failure("the site has left")]

    def untrained(scaling):
        shape = ExplicitShape(CONTRACT.state_dim, CONTRACT.action_dim, members=2, width=9, depth=2)
        return new_explicit(ExplicitConfig(shape), scaling, torch.Generator().manual_seed(0))

    trial.server(answers).agree(5, "state", untrained)
    policy, _ = read_checkpoint(trial.folder / "version_001.safetensors", CONTRACT)
    expected = contract_scaling(CONTRACT, pairs(0) + pairs(1) + pairs(2))
    for name, tensor in policy.scaling.tensors().items():
        assert torch.allclose(tensor, expected.tensors()[name], rtol=1e-5, atol=1e-6)
    assert len([line for line in trial.reported if "refused" in line]) == 2
    assert trial.run(1, trial.answers).name == "version_002.safetensors"


def test_a_folder_of_another_federation_is_refused(tmp_path):
    trial, start = Trial(tmp_path, "average"), tmp_path / "start.safetensors"
    other = trial.settings.model_copy(update={"method": "fleet_merge"})
    with pytest.raises(
        InputError, match=r"federation.json: method: expected fleet_merge as in this command, got average"
    ):
        prepare_folder(trial.folder, start, CONTRACT, other)
    with pytest.raises(InputError, match="expected a new folder or one of a federation"):
        prepare_folder(tmp_path, start, CONTRACT, trial.settings)


def test_a_policy_that_observes_something_else_is_refused_by_the_site(tmp_path):
    trial = Trial(tmp_path, "average")
    digest = write_start(tmp_path / "other.safetensors")
    assert digest == trial.settings.start
    query = Query(kind="train", round=1, method="average", steps=1, seed=0, sites=0)
    reply, _ = unpacked(trial.answers[0](packed(query, b"no checkpoint")), Reply, source="reply")
    assert "expected a checkpoint" in reply.error
    assert not (tmp_path / "site_0/version_001.safetensors").exists()

"""Datasets survive a round trip through files, damaged files are refused, and bootstraps are stable when data is added."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fleet_contract.validation import InputError
from fleet_learning.dataset import Dataset, empty_dataset, read_dataset
from fleet_learning.labels import Label
from fleet_learning.weighting import DEMONSTRATION, sirius_probabilities

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def datasets(draw, *, labelled=False):
    count = draw(st.integers(0, 6))
    labels = arrays(np.int64, count, elements=st.sampled_from((DEMONSTRATION, *Label)))
    return Dataset(
        draw(arrays(np.float32, (count, 3), elements=NUMBERS)),
        draw(arrays(np.float32, (count, 2), elements=NUMBERS)),
        draw(labels) if labelled else None,
    )


def some(rows: int) -> Dataset:
    generator = np.random.default_rng(0)
    return Dataset(
        generator.normal(size=(rows, 3)).astype(np.float32), generator.uniform(-1, 1, (rows, 2)).astype(np.float32)
    )


def same(one: Dataset, two: Dataset) -> bool:
    return (
        np.array_equal(one.observations_B, two.observations_B)
        and np.array_equal(one.actions_BA, two.actions_BA)
        and (one.labels_B is None) == (two.labels_B is None)
        and (one.labels_B is None or one.labels_B.tolist() == two.labels_B.tolist())
    )


@given(datasets() | datasets(labelled=True), st.sampled_from(["pairs.npz", "pairs", "pairs.data"]))
def test_a_dataset_is_read_from_the_very_file_it_was_written_to(tmp_path_factory, dataset, name):
    path = tmp_path_factory.mktemp("round") / name
    dataset.save(path)
    assert [file.name for file in path.parent.iterdir()] == [name]
    found = read_dataset(path, (3,), 2)
    assert same(found, dataset)
    assert found.digest == dataset.digest
    assert found.observations_B.dtype == found.actions_BA.dtype == np.float32


@given(st.booleans().flatmap(lambda labelled: st.tuples(*[datasets(labelled=labelled)] * 2)))
def test_aggregation_keeps_rows_and_order(pair):
    one, two = pair
    both = one + two
    assert len(both) == len(one) + len(two)
    for index in range(len(both)):
        source, row = (one, index) if index < len(one) else (two, index - len(one))
        np.testing.assert_array_equal(both.observations_B[index], source.observations_B[row])
        np.testing.assert_array_equal(both.actions_BA[index], source.actions_BA[row])
        assert one.labels_B is None or both.labels_B[index] == source.labels_B[row]
    empty = empty_dataset((3,), 2)
    assert same((empty if one.labels_B is None else empty.labelled(DEMONSTRATION)) + one, one)


def test_labelled_pairs_are_not_mixed_with_others():
    with pytest.raises(ValueError, match="labels: expected labels in all 2 datasets or in none, got 1"):
        some(2) + some(2).labelled(Label.NORMAL)


def test_the_digest_depends_on_every_number_and_on_its_array():
    base = some(4)
    digests = {base.digest, some(3).digest, Dataset(base.observations_B[::-1], base.actions_BA).digest}
    for array in ("observations_B", "actions_BA"):
        changed = getattr(base, array).copy()
        changed[2, 1] = np.nextafter(changed[2, 1], np.float32(9))
        digests.add(Dataset(**(vars(base) | {array: changed})).digest)
    labelled = base.labelled(Label.NORMAL)
    digests |= {labelled.digest, (labelled[:2] + base[2:].labelled(Label.INTERVENTION)).digest}
    square = Dataset(base.observations_B[:, :2], base.actions_BA)
    digests |= {square.digest, Dataset(square.actions_BA, square.observations_B).digest}
    # The same bytes, divided differently between observations and actions.
    flat = np.arange(12, dtype=np.float32)
    digests |= {Dataset(flat[:6].reshape(2, 3), flat[6:].reshape(2, 3)).digest}
    digests |= {Dataset(flat[:8].reshape(2, 4), flat[8:].reshape(2, 2)).digest}
    assert len(digests) == 11
    assert Dataset(np.asfortranarray(base.observations_B), base.actions_BA).digest == base.digest


def npz(**members) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **members)
    return buffer.getvalue()


def npy(value) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


S, A = np.zeros((4, 3), np.float32), np.zeros((4, 2), np.float32)
NOT_FINITE = np.array([[0, 0], [0, np.nan], [0, 0], [0, 0]])
BAD = {
    "empty": b"",
    "text": b"states: 1",
    "one array only": npy(S),
    "other names": npz(states=S, actions=A),
    "no actions": npz(observations=S),
    "numbers alone": npz(observations=np.float32(1), actions=np.float32(1)),
    "arrays of text": npz(observations=np.array([["a", "b", "c"]]), actions=np.zeros((1, 2))),
    "truncated": npz(observations=S, actions=A)[:-30],
    "no arrays inside": zipped(observations=b"hello", actions=b"hello"),
    "header that is code": zipped(observations=npy(S).replace(b"'descr'", b"__import"), actions=npy(A)),
    "other length of states": npz(observations=np.zeros((4, 4)), actions=A),
    "other length of actions": npz(observations=S, actions=np.zeros((4, 1))),
    "more states than actions": npz(observations=S, actions=A[:3]),
    "images": npz(observations=np.zeros((4, 3, 3)), actions=A),
    "not finite": npz(observations=S, actions=NOT_FINITE),
    "infinite": npz(observations=S + np.inf, actions=A),
    "fewer labels than pairs": npz(observations=S, actions=A, labels=np.zeros(3, int)),
    "labels that there are not": npz(observations=S, actions=A, labels=np.full(4, 3)),
    "labels that are text": npz(observations=S, actions=A, labels=np.full(4, "demonstration")),
    "too large for single precision": npz(observations=np.full((4, 3), 1e300), actions=A),
}


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        read_dataset(path, (3,), 2)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert len(sentence.splitlines()) == 1
    return sentence


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_files_are_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "pairs.npz"
    path.write_bytes(content)
    refusal(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "none.npz")
    refusal(tmp_path)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, trace) -> None:
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


def test_pickled_objects_are_never_executed(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "pairs.npz"
    np.savez(path, observations=np.array([[Trap(trace)]], dtype=object), actions=A)
    refusal(path)
    assert not trace.exists()


INTACT = npz(observations=some(5).observations_B, actions=some(5).actions_BA)


@given(place=st.integers(0, len(INTACT) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_harmless(tmp_path_factory, place, flip):
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    path.write_bytes(INTACT[:place] + bytes([INTACT[place] ^ flip]) + INTACT[place + 1 :])
    try:
        found = read_dataset(path, (3,), 2)
    except InputError:
        refusal(path)
    else:
        assert same(found, some(5))


@given(rows=st.integers(0, 60), more=st.integers(0, 60), seed=st.integers(0, 2**32), members=st.integers(1, 4))
def test_rows_keep_their_counts_when_the_dataset_grows(rows, more, seed, members):
    before = some(rows).bootstrap(members, seed)
    after = some(rows + more).bootstrap(members, seed)
    assert len(before) == len(after) == members
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.bincount(new, minlength=rows)[:rows], np.bincount(old, minlength=rows))
        assert new.size == 0 or (new.min() >= 0 and new.max() < rows + more)


def test_counts_are_those_of_a_bootstrap_and_independent_between_members():
    rows = 20_000
    counts = [np.bincount(drawn, minlength=rows) for drawn in some(rows).bootstrap(2, seed=3)]
    for count in counts:
        # A bootstrap of many rows has counts of mean and variance 1 and leaves out 1/e of the rows.
        assert count.mean() == pytest.approx(1, abs=4 / rows**0.5)
        assert count.var() == pytest.approx(1, abs=4 * 3**0.5 / rows**0.5)
        assert (count == 0).mean() == pytest.approx(np.exp(-1), abs=4 * 0.483 / rows**0.5)
    assert abs(np.corrcoef(*counts)[0, 1]) < 4 / rows**0.5


def test_members_learn_from_their_bootstraps():
    for drawn, rows in zip(some(50).bootstrap(3, seed=4), some(50).training_rows(3, seed=4), strict=True):
        np.testing.assert_array_equal(drawn, rows)


def test_members_learn_by_the_weights_of_labels_from_pairs_of_their_own_bootstraps():
    counts = {DEMONSTRATION: 6000, Label.NORMAL: 13_000, Label.INTERVENTION: 500, Label.PRE_INTERVENTION: 500}
    labels = np.repeat(list(counts), list(counts.values()))
    dataset = replace(some(len(labels)), labels_B=labels)
    members = dataset.training_rows(3, seed=4)
    for rows, bootstrap in zip(members, dataset.bootstrap(3, seed=4), strict=True):
        assert len(rows) == len(bootstrap)
        assert set(rows.tolist()) <= set(bootstrap.tolist())
        for label, probability in sirius_probabilities(labels).items():
            assert (labels[rows] == label).mean() == pytest.approx(probability, abs=0.015)
    shown = [set(rows[labels[rows] == Label.INTERVENTION].tolist()) for rows in members]
    # Each knows about 1 - 1/e of the interventions, and two have about two thirds of these in common.
    assert [len(own) / 500 for own in shown] == pytest.approx([1 - np.exp(-1)] * 3, abs=0.1)
    assert len(shown[0] & shown[1]) / len(shown[0]) == pytest.approx(1 - np.exp(-1), abs=0.1)


def test_equal_seeds_draw_equal_rows_and_different_seeds_different_ones():
    one, same_seed, other = (some(100).bootstrap(2, seed) for seed in (5, 5, 6))
    for drawn, again, another in zip(one, same_seed, other, strict=True):
        np.testing.assert_array_equal(drawn, again)
        assert not np.array_equal(drawn, another)


def test_images_are_read_as_they_were_written_and_other_types_are_refused(tmp_path):
    path, images = tmp_path / "images.npz", np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    dataset = Dataset(images, np.ones((4, 2), np.float32))
    dataset.save(path)
    found = read_dataset(path, (5, 6, 3), 2)
    assert same(found, dataset)
    assert found.has_images
    with pytest.raises(InputError, match=r"shapes: expected \(B, 6, 5, 3\) and \(B, 2\), got"):
        read_dataset(path, (6, 5, 3), 2)
    np.savez(path, observations=images.astype(np.float32), actions=dataset.actions_BA)
    with pytest.raises(InputError, match="observations: expected images of uint8 values, got float32 values"):
        read_dataset(path, (5, 6, 3), 2)

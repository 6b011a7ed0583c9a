"""What a site sends in a round, and the checks that it must pass before it is merged.

Everything from a site is untrusted: a site may be broken, or run by somebody else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fleet_contract.validation import InputError
from fleet_learning.mergeable import Mergeable
from fleet_learning.symmetry import Parameters
from policy_merge.federation.message import Method, Reply, longest_message, read_tensors, unpacked
from policy_merge.member import count
from policy_merge.regression_mean import GramMatrices

FARTHEST = 10.0
"""A site's parameters may have moved this many times as far as those of the median site, and as the norm of where they began."""
LARGEST_GRAM = 1000.0
"""Mean squared inputs at a site may be this many times those of the median site."""
PARAMETERS, GRAMS = "parameters.", "grams."


@dataclass(frozen=True)
class Update:
    """A site's trained policy."""

    site: str
    tensors: Mapping[str, Tensor]
    """Tensors of the policy."""
    grams: tuple[GramMatrices, ...] = ()
    """Gram matrices of every member; none if the method uses none."""
    pairs: int = 0
    loss: float = 0.0

    def content(self) -> dict[str, Tensor]:
        """Return the tensors that a message carries."""
        content = {PARAMETERS + name: tensor for name, tensor in self.tensors.items()}
        for member, own in enumerate(self.grams):
            content |= {f"{GRAMS}{member}.{name}": matrix for name, matrix in own.matrices.items()}
        return content


@dataclass(frozen=True)
class Examined:
    """The updates of a round that may be merged, and why others may not."""

    accepted: tuple[Update, ...]
    """In the order of the sites' names."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Reasons by site."""


class UpdateForm:
    """The form that every update of a policy must have."""

    def __init__(self, start: Mergeable, method: Method) -> None:
        """Derive the form.

        Args:
            start: policy that the round begins with.
            method: how the round merges.
        """
        self._start = start.tensors()
        members = count(self._start) if method == "regression_mean" else 0
        grams = tuple(GramMatrices(_empty_grams(start)) for _ in range(members))
        self._content = Update("", self._start, grams).content()
        self._members = members

    @property
    def longest(self) -> int:
        """Bytes of the longest message that can have this form; longer ones are not read."""
        return longest_message(self._content)

    def read(self, message: bytes, round_number: int, *, source: str) -> Update:
        """Return the update in a message.

        Args:
            message: the message.
            round_number: number of the round that it must belong to.
            source: whose message it is, for errors.

        Raises:
            InputError: the site could not answer, or names, shapes, formats or values are not as expected.
        """
        if len(message) > self.longest:
            raise InputError(f"{source}: expected at most {self.longest} bytes, got {len(message)}.")
        reply, content = unpacked(message, Reply, source=source)
        if reply.error is not None:
            raise InputError(f"{source}: {reply.error}")
        if reply.round != round_number:
            raise InputError(f"{source}: round: expected {round_number}, got {reply.round}.")
        tensors = read_tensors(content, source=source)
        _require_same_form(tensors, self._content, source)
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise InputError(f"{source}: {name}: expected finite numbers, got others.")
        grams = []
        for member in range(self._members):
            prefix = f"{GRAMS}{member}."
            matrices = {name.removeprefix(prefix): own for name, own in tensors.items() if name.startswith(prefix)}
            for name, matrix in matrices.items():
                _require_gram(matrix, f"{source}: {prefix}{name}")
            grams.append(GramMatrices(matrices))
        parameters = {name: tensors[PARAMETERS + name] for name in self._start}
        return Update(reply.site, parameters, tuple(grams), reply.pairs, reply.loss)

    def examined(self, updates: Sequence[Update]) -> Examined:
        """Return which of a round's updates may be merged, by comparing them with each other and with the start.

        The median site is the lower one of two, so that of two sites the one that moved much farther is refused.
        """
        refused: dict[str, str] = {}
        accepted: list[Update] = []
        for update in sorted(updates, key=lambda own: own.site):
            if any(other.site == update.site for other in accepted):
                refused[update.site] = "expected one update from each site, got another of the same name"
            else:
                accepted.append(update)
        lengths = {update.site: _distance(update.tensors, self._start) for update in accepted}
        bound = FARTHEST * min(_lower_median(lengths.values()), _length(self._start))
        traces = {update.site: [_trace(own) for own in update.grams] for update in accepted}
        bounds = [LARGEST_GRAM * _lower_median(own) for own in zip(*traces.values(), strict=True)]
        for update in list(accepted):
            site = update.site
            if lengths[site] > bound:
                reason = f"expected parameters within {bound:.3g} of the round's start, got {lengths[site]:.3g}"
            elif any(own > most for own, most in zip(traces[site], bounds, strict=True)):
                reason = f"expected Gram matrices with traces up to {max(bounds):.3g}, got {max(traces[site]):.3g}"
            else:
                continue
            refused[site] = reason
            accepted.remove(update)
        return Examined(tuple(accepted), refused)


def require_reordered(update: Update, before: Update, *, source: str) -> None:
    """Refuse an update that holds other numbers than before: finding better places moves units and changes nothing else.

    Raises:
        InputError: a tensor holds other numbers, or the update is another site's.
    """
    if update.site != before.site:
        raise InputError(f"{source}: site: expected {before.site}, got {update.site}.")
    for name, tensor in update.tensors.items():
        if not torch.equal(tensor.flatten().sort().values, before.tensors[name].flatten().sort().values):
            raise InputError(f"{source}: {name}: expected the trained parameters in other places, got other ones.")


def _empty_grams(start: Mergeable) -> dict[str, Tensor]:
    network = start.member_network
    matrices = {}
    for linear in network.linears:
        axis = network.symmetries.axes[linear.weight][-1 if linear.outputs_first else -2]
        size = sum(part.size for part in axis) + 1
        matrices[linear.weight] = torch.zeros(size, size, dtype=torch.double)
    return matrices


def _require_same_form(found: Parameters, expected: Parameters, source: str) -> None:
    for name in sorted(expected.keys() | found.keys()):
        forms = [
            f"{own[name].dtype} of shape {tuple(own[name].shape)}" if name in own else "no such tensor"
            for own in (expected, found)
        ]
        if forms[0] != forms[1]:
            raise InputError(f"{source}: {name}: expected {forms[0]}, got {forms[1]}.")


def _require_gram(matrix: Tensor, source: str) -> None:
    """Refuse a matrix that cannot be a mean of x x^T with a constant 1 as the last entry of x."""
    symmetric = torch.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-9)
    positive = symmetric and float(torch.linalg.eigvalsh(matrix)[0]) >= -1e-6 * float(matrix.trace())
    if not positive or abs(float(matrix[-1, -1]) - 1) > 1e-6:
        raise InputError(f"{source}: expected a mean of x x^T that ends with 1, got another matrix.")


def _trace(gram: GramMatrices) -> float:
    return sum(float(matrix.trace()) for matrix in gram.matrices.values())


def _distance(first: Parameters, second: Parameters) -> float:
    return _length({name: own.double() - second[name].double() for name, own in first.items()})


def _length(tensors: Parameters) -> float:
    return math.sqrt(sum(float(own.double().square().sum()) for own in tensors.values()))


def _lower_median(values: Iterable[float]) -> float:
    numbers = sorted(values)
    return float(numbers[(len(numbers) - 1) // 2]) if numbers else 0.0

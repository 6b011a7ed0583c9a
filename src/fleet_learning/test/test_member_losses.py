"""Each member's loss is differentiated alone, with the gradients of all at once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fleet_learning.member_losses import member_losses
from fleet_learning.parallel import use_threads
from fleet_learning.perceptron import Perceptrons, new_perceptrons

MEMBERS = 3


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    use_threads(request.param)
    yield request.param
    use_threads(1)
    torch.set_num_threads(before)


def net() -> Perceptrons:
    return new_perceptrons(MEMBERS, [4, 8, 2], torch.Generator().manual_seed(0)).trainable()


def losses_of(net: Perceptrons, part: slice) -> Tensor:
    """Losses (members,) on inputs of their own."""
    inputs = torch.linspace(-1, 1, MEMBERS * 5 * 4).view(MEMBERS, 5, 4)
    return net(inputs[part]).square().mean((1, 2))


def test_gradients_and_measures_are_those_of_all_members_at_once(threads):
    together, alone = net(), net()
    expected = losses_of(together, slice(None))
    torch.autograd.backward(3 * expected.sum())

    def part_loss(part, parameters):
        losses = losses_of(alone.with_parameters(parameters), part)
        return losses.sum(), losses

    # The parameters of the loss need not be leaves: spectral normalisation changes them first.
    value, measured = member_losses(part_loss, [1.0 * parameter for parameter in alone.parameters()])
    torch.autograd.backward(3 * value)
    torch.testing.assert_close(measured, expected.detach())
    torch.testing.assert_close(value, expected.sum())
    assert not measured.requires_grad
    for found, other in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(found.grad, other.grad)


def test_members_are_differentiated_alone_on_a_cpu(threads):
    parts = []

    def part_loss(part, parameters):
        parts.append((part.start, {len(parameter) for parameter in parameters}))
        return losses_of(net().with_parameters(parameters), part).sum(), torch.zeros(1)

    member_losses(part_loss, net().parameters())
    assert sorted(parts) == [(member, {1}) for member in range(MEMBERS)]

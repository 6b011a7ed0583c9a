"""Checks that the package and the plain composition compute the same results from the same random numbers.

The check uses double precision, where rounding does not change which proposals are accepted.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor

from fleet_experiments.bench.policy_workload import Sizes, Subject, new_subject
from fleet_learning.member_losses import member_parts
from fleet_learning.perceptron import Perceptrons
from fleet_learning.randomness import branches, torch_generator
from iifl_policy import plain

TOLERANCE = 1e-6
"""Largest difference that rounding can cause: of actions and weights in model space, and of divergences in nats."""
MOST_ROBOTS, MOST_CHAINS, MOST_BATCH = 2, 32, 8
"""Sizes of the check: larger ones would repeat the same computation."""


class Unequal(Exception):
    """Two implementations of the same computation give different results."""


def check_equality(sizes: Sizes, seed: int, device: torch.device) -> float:
    """Decide and train with both implementations, with the whole network and all iterations for a few robots.

    Returns:
        The largest difference.

    Raises:
        Unequal: the largest difference exceeds TOLERANCE.
    """
    few = replace(
        sizes,
        robots=min(sizes.robots, MOST_ROBOTS),
        chains=min(sizes.chains, MOST_CHAINS),
        batch=min(sizes.batch, MOST_BATCH),
    )
    subject = new_subject(few, seed, device, torch.float64)
    differences = {**_of_decisions(subject, seed), "weights after a gradient step": _of_learning(subject, seed)}
    for name, difference in differences.items():
        if not difference <= TOLERANCE:  # also refuses NaN
            raise Unequal(
                f"{name}: expected a difference of package and plain composition of at most {TOLERANCE:g}, "
                f"got {difference:.3g}."
            )
    return max(differences.values())


def _of_decisions(subject: Subject, seed: int) -> dict[str, float]:
    sizes = subject.sizes
    shape = (sizes.shape.members, sizes.robots, sizes.chains, sizes.shape.action_dim)
    fast, same = (torch.Generator(subject.device).manual_seed(seed) for _ in range(2))
    decision = subject.policy().decide(subject.states_NS, fast)
    first, second = plain.numbers_of(subject.sampler, shape, torch.float64, same)
    actions_NA, divergences_N = plain.decide(
        subject.energies(),
        subject.plain_states(),
        sizes.chains,
        subject.plain_sample(),
        plain.Recorded([*first, *first, *second]),
    )
    return {
        "actions": _largest(torch.from_numpy(decision.actions_NA) - actions_NA.cpu()),
        "uncertainties": _largest(torch.from_numpy(decision.uncertainties_N) - divergences_N.cpu()),
    }


def _of_learning(subject: Subject, seed: int) -> float:
    sizes, dataset, learner = subject.sizes, subject.dataset(seed), subject.learner()
    members = sizes.shape.members
    learned = learner.fit(dataset, steps=1, seed=seed).policy.model.net
    generator = torch_generator(seed, 0)
    bootstraps = [torch.from_numpy(rows) for rows in dataset.training_rows(members, seed)]
    batch = torch.stack([rows[torch.randint(len(rows), (sizes.batch,), generator=generator)] for rows in bootstraps])
    drawn = branches(generator, members, subject.device)
    numbers: list[Tensor] = []
    for part in member_parts(members, subject.device):
        shape = (part.stop - part.start, sizes.batch, plain.COUNTER_EXAMPLES, sizes.shape.action_dim)
        numbers += chain.from_iterable(plain.numbers_of(subject.sampler, shape, torch.float64, drawn[part.start]))
    energies, (states, actions) = subject.energies(), learner.scaling.pairs(dataset)
    plain.train_step(
        energies,
        plain.optimizers_of(energies),
        states[batch],
        actions[batch],
        subject.plain_sample(),
        plain.Recorded(numbers),
    )
    return max(_from_member(energy, learned, member) for member, energy in enumerate(energies))


def _from_member(energy: plain.Energy, net: Perceptrons, member: int) -> float:
    *hidden, last = energy.layers
    weights = [layer.get_parameter("parametrizations.weight.original").detach() for layer in hidden]
    settled = [weight / torch.linalg.matrix_norm(weight, 2) for weight in weights] + [last.get_parameter("weight")]
    return max(_largest(ours[member].mT - theirs.detach()) for ours, theirs in zip(net.weights, settled, strict=True))


def _largest(differences: Tensor) -> float:
    return differences.abs().amax().item()

"""Splits data of several tasks over sites.

K tasks, N sites.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dirichlet_split(sizes_K: NDArray[np.int64], sites: int, concentration: float, seed: int) -> NDArray[np.int64]:
    """Return how many samples of every task each site gets, (N, K).

    Every site draws its shares of the tasks from a symmetric Dirichlet distribution (FLEET-MERGE, section 5). Sites are then filled
    in turn with equally many samples each, a task at a time by its share, as far as the task has samples left; what is missing comes
    from the tasks that have most left.

    Args:
        sizes_K: samples of every task.
        sites: number of sites, N.
        concentration: small values give every site hardly more than one task, large ones the same mixture.
        seed: seed of the shares.

    Raises:
        ValueError: the concentration is not above 0, or there are fewer samples than sites.
    """
    if concentration <= 0:
        raise ValueError(f"concentration: expected a number above 0, got {concentration}")
    if sizes_K.sum() < sites:
        raise ValueError(f"samples: expected at least {sites}, one per site, got {sizes_K.sum()}")
    random, left_K = np.random.default_rng(seed), sizes_K.astype(np.int64).copy()
    quota = int(sizes_K.sum()) // sites
    split_NK = np.zeros((sites, len(sizes_K)), np.int64)
    for site, share_K in enumerate(random.dirichlet(np.full(len(sizes_K), concentration), sites)):
        split_NK[site] = np.minimum(np.floor(share_K * quota).astype(np.int64), left_K)
        left_K -= split_NK[site]
        while (missing := quota - int(split_NK[site].sum())) > 0:
            fullest = int(left_K.argmax())
            taken = min(missing, int(left_K[fullest]))
            split_NK[site, fullest] += taken
            left_K[fullest] -= taken
    return split_NK

"""Random streams by key, such as (seed, tick)."""

from __future__ import annotations

import hashlib

import torch


def torch_generator(*key: int) -> torch.Generator:
    """Return the generator of a key of integers; different keys give independent streams."""
    # Not numpy's SeedSequence, for which (1,) and (1, 0) are equal.
    content = hashlib.sha256(repr([int(part) for part in key]).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(content[:8], "big") >> 1)


def on_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """Return the generator itself, or one on another device that is seeded from it."""
    if generator.device == device:
        return generator
    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    return torch.Generator(device).manual_seed(int(seed))


def branch(generator: torch.Generator) -> torch.Generator:
    """Return a generator seeded from the state of another one, whose state does not change."""
    same = torch.Generator(generator.device)
    same.set_state(generator.get_state())
    seed = torch.randint(2**62, (), generator=same, device=same.device).item()
    return torch.Generator(generator.device).manual_seed(int(seed))


def branches(generator: torch.Generator, count: int, device: torch.device) -> list[torch.Generator]:
    """Return generators on a device that are seeded from one, and give independent streams."""
    seeds = torch.randint(2**62, (count,), generator=generator, device=generator.device)
    return [torch.Generator(device).manual_seed(seed) for seed in seeds.tolist()]

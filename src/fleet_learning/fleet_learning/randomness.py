"""Random streams that are named by a key, such as (seed, tick)."""

from __future__ import annotations

import hashlib

import torch


def torch_generator(*key: int) -> torch.Generator:
    """A generator of its own for every key of non-negative integers."""
    # Not numpy's SeedSequence, to which (1,) and (1, 0) are the same.
    content = hashlib.sha256(repr([int(part) for part in key]).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(content[:8], "big") >> 1)


def on_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """The generator itself, or one for another device that follows from its state."""
    if generator.device == device:
        return generator
    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    return torch.Generator(device).manual_seed(int(seed))


def branch(generator: torch.Generator) -> torch.Generator:
    """Another stream that follows from the state of a generator, which stays as it is."""
    same = torch.Generator(generator.device)
    same.set_state(generator.get_state())
    seed = torch.randint(2**62, (), generator=same, device=same.device).item()
    return torch.Generator(generator.device).manual_seed(int(seed))

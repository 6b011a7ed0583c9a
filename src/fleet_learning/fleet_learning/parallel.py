"""Computes independent parts side by side, each in a thread of its own.

The threads of torch share every single operation. For many small ones, which follow each other, waiting for each other costs them
more than they save.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")

_pool: ThreadPoolExecutor | None = None
_thread = threading.local()


def use_threads(threads: int) -> None:
    """Compute parts with so many threads from now on in this process, and every operation with one."""
    global _pool  # noqa: PLW0603 - like the threads of torch, these belong to the process
    torch.set_num_threads(1)
    _pool = ThreadPoolExecutor(threads, initializer=_begin) if threads > 1 else None


def _begin() -> None:
    torch.set_num_threads(1)
    _thread.computes_a_part = True


def in_parallel(compute: Callable[[PartT], ResultT], parts: Sequence[PartT]) -> list[ResultT]:
    """Return the results of parts that do not depend on each other; computed one by one unless `use_threads` was called.

    A part's own parts are computed one by one in its thread.
    """
    pool = None if len(parts) == 1 or hasattr(_thread, "computes_a_part") else _pool
    return list(map(compute, parts) if pool is None else pool.map(compute, parts))

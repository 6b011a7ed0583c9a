"""Sends arrays between two interpreters over a pipe. One side is a worker, whose Python and numpy may be of other versions.

A message is one line of JSON, with a word and each array's type and shape, followed by the arrays' bytes. Pickle is not an option:
numpy 1 cannot read the pickles of numpy 2, and a pickle can run code.

The worker begins: "ready VERSION", or "missing: REASON" if its simulator cannot be imported. Every request then names a method of the
simulation and has the method's arrays; the answer has the same word and the arrays that the method returns, or it is "failed: REASON",
after which the worker exits. The worker exits when its input is closed, and so also when the other process is killed.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
"""Version of the protocol. The worker's environment may have another version of this package installed, which then comes first."""


def send(stream: IO[bytes], word: str, *arrays: NDArray[np.generic]) -> None:
    """Write a message and flush the stream."""
    stream.write(json.dumps([word, [[array.dtype.str, array.shape] for array in arrays]]).encode() + b"\n")
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[str, list[NDArray[np.generic]]]:
    """Read the next message and return its word and arrays.

    Raises:
        EOFError: the other process has closed the stream.
    """
    line = stream.readline()
    if not line:
        raise EOFError("the other process has closed the stream")
    word, layouts = json.loads(line)
    return word, [_read(stream, np.dtype(kind), tuple(shape)) for kind, shape in layouts]


def _read(stream: IO[bytes], kind: np.dtype[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("the other process has closed the stream")
    return np.frombuffer(content, kind).reshape(shape).copy()

"""Arrays between two interpreters over a pipe. Runs on Python 3.8 too: one side is the Isaac Gym worker.

A message is one line of JSON, the word and each array's type and shape, and then the arrays' bytes. Pickle would not
do: numpy's pickles do not cross from version 2 to 1.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def send(stream: IO[bytes], word: str, *arrays: NDArray[np.generic]) -> None:
    """Write a message and let it go."""
    stream.write(json.dumps([word, [[array.dtype.str, array.shape] for array in arrays]]).encode() + b"\n")
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[str, list[NDArray[np.generic]]]:
    """The next message: its word and arrays.

    Raises:
        EOFError: the other side has gone.
    """
    line = stream.readline()
    if not line:
        raise EOFError("the other side has gone")
    word, layouts = json.loads(line)
    return word, [_read(stream, np.dtype(kind), tuple(shape)) for kind, shape in layouts]


def _read(stream: IO[bytes], kind: np.dtype[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("the other side has gone")
    return np.frombuffer(content, kind).reshape(shape).copy()

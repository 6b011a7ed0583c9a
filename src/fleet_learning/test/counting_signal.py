"""A provider that learns by counting: its value is a number in a file, to which its learner adds the steps of a round."""

from __future__ import annotations

import numpy as np

from fleet_contract.validation import InputError
from fleet_learning.signal_provider import SignalDescription, SignalLearner, SignalProvider
from fleet_learning.tensor_file import file_digest


class Counting(SignalProvider, SignalLearner):
    observes = "state"
    signals = (SignalDescription("count", "1", 0.5),)

    def __init__(self, path):
        self._path, self._count = path, int(path.read_text())

    @classmethod
    def read(cls, selection, options, fleet):
        return cls(selection.checkpoint)

    def values(self, snapshot):
        return {"count": np.full(len(snapshot.robots), float(self._count))}

    def learner(self):
        return self

    def learn(self, steps, path, *, seed, advance):
        advance({"steps": float(len(steps))})
        path.write_text(str(int(self._path.read_text()) + len(steps)))
        self._path = path
        return file_digest(path)

    def update(self, path, digest):
        if file_digest(path) != digest:
            raise InputError(f"{path}: expected another file.")
        self._count = int(path.read_text())


class Stubborn(Counting):
    """Cannot learn."""

    def learner(self):
        return None

"""A signal: for how long a robot has not moved. n robots of a tick, S state dim."""

import numpy as np
from pydantic import Field

from fleet_contract.validation import StrictModel
from fleet_learning.signal_provider import SignalDescription, SignalProvider


class StandstillOptions(StrictModel):
    """What `signals.options` may hold."""

    patience_ticks: int = Field(default=5, ge=0)
    """Ticks without a motion after which a robot asks for help."""


class Standstill(SignalProvider):
    """Counts the ticks since a robot's state last changed."""

    Options = StandstillOptions
    observes = "state"

    def __init__(self, patience_ticks):
        self._patience_ticks = patience_ticks
        self._moved = {}

    @property
    def signals(self):
        return (SignalDescription("standstill", "ticks", threshold=self._patience_ticks),)

    @classmethod
    def read(cls, selection, options, fleet):
        return cls(options.patience_ticks)

    def values(self, snapshot):
        for robot, state_S in zip(snapshot.robots, snapshot.observations_n, strict=True):
            if robot not in self._moved or (state_S != self._moved[robot][1]).any():
                self._moved[robot] = snapshot.tick, state_S
        ticks = [snapshot.tick - self._moved[robot][0] for robot in snapshot.robots]
        return {"standstill": np.array(ticks, dtype=np.float64)}

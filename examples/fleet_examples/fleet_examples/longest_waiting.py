"""An allocation rule: humans go to the robots that have asked for the longest time. N robots, L signals of the order."""

import numpy as np

from fleet_allocator.allocation_rule import AllocationRule, Call, Ranking


class LongestWaiting(AllocationRule):
    """Ranks the robots that ask by the ticks since they began to; equal robots are in random order."""

    def __init__(self, config, options, supervisors):
        self._order = config.order
        self._only_asking = config.idle_humans
        self._waited_N = 0

    def rank(self, signals, thresholds, generator):
        above_LN = np.array([signals[name] > thresholds[name] for name in self._order])
        asks_N = above_LN.any(axis=0)
        self._waited_N = np.where(asks_N, self._waited_N + 1, 0)
        ranked = np.lexsort((generator.random(len(asks_N)), -self._waited_N)).tolist()
        asking = [robot for robot in ranked if asks_N[robot]]
        names = {robot: self._order[int(above_LN[:, robot].argmax())] for robot in asking}
        calls = {robot: Call(name, float(signals[name][robot]), thresholds[name]) for robot, name in names.items()}
        return Ranking(asking, asking if self._only_asking else ranked, calls)

"""Drives a fleet in one process with a policy that is one function, `decide`."""

from types import SimpleNamespace

import numpy as np

from fleet_bringup.run_setup import fleet_file
from fleet_contract.fleet import read_fleet
from fleet_learning.policy import Decision
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from sim_bridge.backends import make_environment


def decide(states_NS, robots, generator):
    cubes_N2, goals_N2 = states_NS[:, :2], states_NS[:, 4:6]
    near_obstacle_N = -np.hypot(*(cubes_N2 + goals_N2).T) / 2
    return Decision(np.clip(goals_N2 - cubes_N2, -0.05, 0.05), near_obstacle_N, np.zeros(len(robots)))


fleet = read_fleet(fleet_file("block_push"))
environment = make_environment("mujoco", "block_push", fleet.contract(), robots=4)
decider = SimpleNamespace(decide=decide, policy=SimpleNamespace(observes="state"))
rules = fleet.allocation.with_threshold("uncertainty", -0.1)
loop = FleetLoop(environment, supervisors_of(fleet, seed=0), decider, rules, seed=0)
print(sum(len(loop.tick().table.leases) for _ in range(150)), "human actions", loop.tally.successes_N, "successes")

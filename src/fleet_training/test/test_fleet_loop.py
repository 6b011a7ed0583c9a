"""The fleet in one process: repeatable, true to equation 2 in every tick, and driven by the policy that is shipped."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import read_fleet
from fleet_contract.lease import LeaseKind
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.full_decider import FullDecider
from fleet_learning.randomness import torch_generator
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from iifl_policy.energy import EnergyEnsemble
from sim_bridge.backends import make_environment

FLEET = read_fleet(Path(__file__).parents[3] / "launch/config/block_push.yaml")
CONTRACT = FLEET.contract()
SHIPPED, ABOUT = read_checkpoint(FLEET.policy.checkpoint, CONTRACT)
BRIEF = SHIPPED.with_sampling(16, 8, "langevin")
THRESHOLD = ABOUT.calibrations[0].threshold


@pytest.fixture
def new_environment():
    made = []

    def make(robots):
        made.append(make_environment("mujoco", "block_push", CONTRACT, robots))
        return made[-1]

    yield make
    for environment in made:
        environment.close()


def loop_of(environment, policy=BRIEF, seed=0, supervisors=2, **allocation) -> FleetLoop:
    fleet = FLEET.model_copy(
        update={
            "robots": FLEET.robots.model_copy(update={"count": environment.robots}),
            "supervisors": FLEET.supervisors.model_copy(update={"count": supervisors}),
        }
    )
    rules = FLEET.allocation.with_threshold("uncertainty", THRESHOLD).model_copy(update=allocation)
    return FleetLoop(environment, supervisors_of(fleet, seed), FullDecider(policy), rules, seed)


@pytest.fixture(scope="module")
def run():
    """60 ticks of 6 robots and 2 humans, with the first observations and the loop."""
    environment = make_environment("mujoco", "block_push", CONTRACT, 6)
    loop = loop_of(environment, seed=4)
    first = loop._step
    ticks = [loop.tick() for _ in range(60)]
    environment.close()
    return ticks, first, loop


def same(one, two) -> bool:
    return (
        one.table == two.table
        and one.actions == two.actions
        and np.array_equal(one.states_NS, two.states_NS)
        and np.array_equal(one.uncertainties_N, two.uncertainties_N)
        and all(np.array_equal(a, b) for a, b in zip(astuple(one.step), astuple(two.step), strict=True))
    )


def test_the_same_seed_gives_the_same_run_and_another_seed_another(new_environment, run):
    ticks, _, _ = run
    again, other = (loop_of(new_environment(6), seed=seed) for seed in (4, 5))
    assert all(same(tick, again.tick()) for tick in ticks[:30])
    assert not any(same(tick, other.tick()) for tick in ticks[:5])


def test_equation_2_holds_in_every_tick(run):
    ticks, _, _ = run
    for tick in ticks:
        leases = tick.table.leases
        assert len({lease.supervisor for lease in leases}) == len({lease.robot for lease in leases}) == len(leases) <= 2
        held = {lease.robot: lease for lease in leases}
        for index, action in enumerate(tick.actions):
            lease = held.get(f"robot_{index + 1:02d}")
            if action.source is ActionSource.HUMAN:
                assert (action.supervisor, action.lease) == (lease.supervisor, lease.token)
            else:
                assert lease is None
    assert any(tick.table.leases for tick in ticks)
    assert any(tick.table.waiting for tick in ticks)


def test_robots_in_violation_hold_until_a_human_has_spent_the_time_of_a_hard_reset(run):
    ticks, first, _ = run
    violated_N, resets = first.violated_N, 0
    for number, tick in enumerate(ticks):
        held = {lease.robot: lease for lease in tick.table.leases}
        for index, action in enumerate(tick.actions):
            lease = held.get(f"robot_{index + 1:02d}")
            assert (action.kind is ActionKind.HARD_RESET) <= violated_N[index]
            if violated_N[index]:
                assert action.kind is not ActionKind.MOVE
            if action.kind is ActionKind.HARD_RESET:
                assert lease.kind is LeaseKind.HARD_RESET
                assert number - lease.since_tick == FLEET.allocation.hard_reset_ticks - 1
                assert not tick.step.violated_N[index]
                resets += 1
            elif violated_N[index]:
                assert tick.step.violated_N[index]
        violated_N = tick.step.violated_N
    assert resets


def test_the_same_actions_in_a_fresh_environment_give_the_same_observations(run, new_environment):
    ticks, _, loop = run
    environment = new_environment(6)
    step, successes = environment.reset(4), np.zeros(6, int)
    for tick in ticks:
        np.testing.assert_array_equal(tick.states_NS, step.states_NS)
        kinds = np.array([action.kind for action in tick.actions])
        values = np.array([action.values or (0.0, 0.0) for action in tick.actions])
        step = environment.step(kinds, values)
        np.testing.assert_array_equal(tick.step.states_NS, step.states_NS)
        successes += step.succeeded_N
    np.testing.assert_array_equal(loop.tally.successes_N, successes)


def test_the_policy_drives_every_robot_that_nobody_holds(run):
    ticks, first, _ = run
    low, high = CONTRACT.action_low_A, CONTRACT.action_high_A
    violated_N = first.violated_N
    for tick in ticks:
        held = {lease.robot for lease in tick.table.leases}
        for index, action in enumerate(tick.actions):
            if not violated_N[index] and f"robot_{index + 1:02d}" not in held:
                assert (action.kind, action.source) == (ActionKind.MOVE, ActionSource.POLICY)
                assert ((low <= action.values) & (action.values <= high)).all()
        violated_N = tick.step.violated_N


def test_decisions_are_those_of_the_policy_with_the_stream_of_seed_and_tick(run):
    ticks, _, _ = run
    for number, tick in enumerate(ticks[:10]):
        decision = BRIEF.decide(tick.observations_N, torch_generator(4, number))
        np.testing.assert_array_equal(tick.uncertainties_N, decision.uncertainties_N)
        for action, values in zip(tick.actions, decision.actions_NA, strict=True):
            assert action.source is not ActionSource.POLICY or action.values == tuple(values)


def test_the_order_violation_sends_humans_for_hard_resets_only(new_environment):
    loop = loop_of(new_environment(6), seed=1, order=("violation",))
    kinds = [lease.kind for _ in range(30) for lease in loop.tick().table.leases]
    assert set(kinds) == {LeaseKind.HARD_RESET}


def turned(policy):
    """The policy whose second member acts."""
    net, encoders = (layers.changed(lambda part: part.flip(0)) for layers in (policy.model.net, policy.encoders))
    return replace(policy, model=EnergyEnsemble(net, policy.model.state_dim), encoders=encoders)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [SHIPPED, turned(SHIPPED)], ids=["first member", "second member"])
def test_each_member_of_the_shipped_policy_drives_cubes_into_goals(policy, new_environment):
    successes = 0
    for seed in range(3):
        sampled = policy.with_sampling(64, 25, "langevin")
        loop = loop_of(new_environment(4), sampled, seed, supervisors=1, order=("violation",))
        for _ in range(20):
            loop.tick()
        successes += loop.tally.successes_N.sum()
    # Robots that hold, or push anywhere, reach nothing: goals are on the other side of the obstacle.
    assert successes >= 6


def test_random_pushes_reach_nothing(new_environment):
    generator, successes = np.random.default_rng(0), 0
    for seed in range(3):
        environment = new_environment(4)
        step = environment.reset(seed)
        for _ in range(20):
            kinds = np.where(step.violated_N, ActionKind.HARD_RESET, ActionKind.MOVE)
            step = environment.step(kinds, generator.uniform(-0.05, 0.05, (4, 2)))
            successes += step.succeeded_N.sum()
    assert successes == 0

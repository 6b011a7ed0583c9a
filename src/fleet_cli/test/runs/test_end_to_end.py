"""The whole fleet over real topics in separate processes: nothing is lost, everybody drives, the policy learns."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from bags import messages, require_all_ticks
from conftest import Ended
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fleet_contract.action import ActionKind, ActionSource
from fleet_contract.fleet import read_fleet
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.deployment import deployed
from fleet_training.fleet_loop import FleetLoop, supervisors_of
from sim_bridge.backends import make_environment

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("run", "robots", "ticks"), [("long_run", 4, 150), ("large_run", 20, 20)])
def test_every_tick_of_every_robot_is_in_the_bag(
    run: str, robots: int, ticks: int, request: pytest.FixtureRequest
) -> None:
    ended: Ended = request.getfixturevalue(run)
    assert ended.code == 0, ended.err
    require_all_ticks(ended.folder / "bag", robots, ticks)


def test_human_and_policy_both_drive_every_robot_and_new_versions_serve(long_run: Ended) -> None:
    summary = long_run.summary
    assert all(robot["policy_ticks"] and robot["human_ticks"] for robot in summary["per_robot"].values())
    assert summary["policy_versions"] == [1, 2, 3]
    signals = messages(long_run.folder / "bag", "/signals/uncertainty")["/fleet/signals/uncertainty"]
    assert [signal.version for signal in signals] == [1] * 50 + [2] * 50 + [3] * 50


def test_tensorboard_finds_the_curves_of_both_retrainings(long_run: Ended) -> None:
    steps = read_fleet(long_run.folder / "fleet.yaml").training.gradient_steps
    events = EventAccumulator(str(long_run.folder / "curves")).Reload()
    assert len(events.Scalars("InfoNCE")) == 2 * steps


def test_the_summary_says_what_the_bag_says(long_run: Ended) -> None:
    summary, bag = long_run.summary, long_run.folder / "bag"
    last = [stream[-1] for stream in messages(bag, "/status").values()]
    tables = messages(bag, "/leases")["/fleet/leases"]
    human_actions = sum(len(table.leases) for table in tables)
    successes = sum(status.successes for status in last)
    assert summary["successes"] == successes
    assert summary["hard_resets"] == sum(status.hard_resets for status in last)
    assert summary["human_actions"] == human_actions
    assert summary["rohe"] == pytest.approx((2 / 4) * (successes / 4) / (1 + human_actions))
    assert summary["bag"] == str(bag)
    assert (summary["robots"], summary["supervisors"], summary["ticks"]) == (4, 2, 150)
    assert (long_run.folder / "run.png").stat().st_size > 10_000


def test_a_robot_is_moved_by_its_lease_holder_or_else_by_the_policy(long_run: Ended) -> None:
    bag = long_run.folder / "bag"
    holders = [{lease.robot: lease for lease in table.leases} for table in messages(bag, "/leases")["/fleet/leases"]]
    for topic, actions in messages(bag, "/action").items():
        proposals = messages(bag, topic.replace("/action", "/policy_action"))[
            topic.replace("/action", "/policy_action")
        ]
        for action, proposal, held in zip(actions, proposals, holders, strict=True):
            lease = held.get(topic.split("/")[1])
            if lease:
                assert (action.source, action.supervisor, action.lease) == (
                    ActionSource.HUMAN,
                    lease.supervisor,
                    lease.token,
                )
            elif action.kind == ActionKind.MOVE:
                assert action.source == ActionSource.POLICY
                assert np.array_equal(action.values, proposal.values)
            else:
                assert action.source == ActionSource.NOBODY


def test_the_graph_does_what_the_same_objects_do_in_one_process(long_run: Ended) -> None:
    fleet = read_fleet(long_run.folder / "fleet.yaml")
    contract = fleet.contract()
    policy, _ = read_checkpoint(fleet.policy.checkpoint, contract)
    environment = make_environment("mujoco", "block_push", contract, 4)
    loop = FleetLoop(environment, supervisors_of(fleet, 0), deployed(policy, fleet), fleet.allocation, seed=0)
    streams = messages(long_run.folder / "bag", "/action")
    tables = messages(long_run.folder / "bag", "/leases")["/fleet/leases"]
    for number in range(fleet.training.update_ticks[0]):
        tick = loop.tick()
        assert [(lease.robot, lease.supervisor, lease.token) for lease in tick.table.leases] == [
            (lease.robot, lease.supervisor, lease.token) for lease in tables[number].leases
        ]
        for robot, action in zip(fleet.robot_names, tick.actions, strict=True):
            recorded = streams[f"/{robot}/action"][number]
            assert (action.kind, action.source) == (recorded.kind, recorded.source)
            assert np.allclose(action.values, recorded.values, atol=1e-9)
    environment.close()


def test_every_answer_carries_the_stamp_of_its_observation(long_run: Ended) -> None:
    bag = long_run.folder / "bag"
    seen = [
        (m.header.stamp.sec, m.header.stamp.nanosec) for m in messages(bag, "_01/observation")["/robot_01/observation"]
    ]
    for topic, answers in messages(bag, "_01/action", "_01/policy_action", "/leases", "/signals/uncertainty").items():
        assert [(m.header.stamp.sec, m.header.stamp.nanosec) for m in answers] == seen, topic


def test_cameras_see_what_the_observation_says(long_run: Ended) -> None:
    bag = long_run.folder / "bag"
    image = messages(bag, "robot_01/camera/image_raw")["/robot_01/camera/image_raw"][0]
    info = messages(bag, "robot_01/camera/camera_info")["/robot_01/camera/camera_info"][0]
    state = messages(bag, "robot_01/observation")["/robot_01/observation"][0].values
    pixels = np.asarray(image.data).reshape(image.height, image.width, 3).astype(int)
    blue = np.argwhere((pixels[:, :, 2] - pixels[:, :, 0] > 60) & (pixels[:, :, 2] - pixels[:, :, 1] > 40))
    assert len(blue) > 10
    row, column = blue.mean(0)
    metres_per_pixel = 1.0 / info.k[0]
    assert (column - info.k[2]) * metres_per_pixel == pytest.approx(state[0], abs=0.01)
    assert -(row - info.k[5]) * metres_per_pixel == pytest.approx(state[1], abs=0.01)


def test_a_hard_reset_takes_its_ticks_and_an_intervention_at_least_its_own(long_run: Ended, large_run: Ended) -> None:
    """In the small fleet the policy may need no hard reset at all."""
    resets = []
    for run in (long_run, large_run):
        held: Counter[int] = Counter()
        leases = {}
        tables = messages(run.folder / "bag", "/leases")["/fleet/leases"]
        for table in tables:
            for lease in table.leases:
                held[lease.token] += 1
                leases[lease.token] = lease
        last = {lease.token for lease in tables[-1].leases}
        resets += [held[token] for token, lease in leases.items() if lease.kind and token not in last]
        turned = {(lease.supervisor, lease.since_tick) for lease in leases.values() if lease.kind}
        for token, lease in leases.items():
            became_a_reset = (lease.supervisor, lease.since_tick + held[token]) in turned
            if not lease.kind and token not in last and not became_a_reset:
                assert held[token] >= 3
    assert set(resets) == {5}

"""The world model foresees worlds whose future is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from moving_dot import CONFIG, CONTEXT, HORIZON, PIXELS, episodes

import fleet_learning.optimization
from fleet_contract.robot import RobotContract
from fleet_contract.validation import InputError, read_yaml
from fleet_learning.optimization import OptimizerConfig
from fleet_monitor.autoencoder import Autoencoder, AutoencoderShape
from fleet_monitor.dynamics import DynamicsShape, LatentDynamics, Transformer, _log_density
from fleet_monitor.world_model import (
    PAPER,
    SMALL,
    WorldModelConfig,
    new_world_model,
    read_world_model,
    window_begins,
    write_world_model,
)

ROBOTS = Path(__file__).parents[3] / "launch/config/robots"
CONTRACT = read_yaml(ROBOTS / "push_cell.yaml", RobotContract)
LENGTH = CONTEXT + HORIZON


@pytest.fixture(scope="module")
def unseen():
    """Images (episodes, LENGTH, PIXELS, PIXELS, 3) of episodes that the model has not learned."""
    return np.stack(episodes(30, LENGTH, seed=1))


@pytest.fixture(scope="module")
def latents(world_model, unseen):
    """Their latents (episodes, LENGTH, W)."""
    return world_model.encode(unseen.reshape(-1, *unseen.shape[2:])).view(len(unseen), LENGTH, -1)


def test_images_are_reconstructed(world_model, unseen, latents):
    errors = np.square(world_model.decode(latents) / 255 - unseen / 255)
    assert errors.mean() < 0.1 * np.var(unseen / 255)


def test_imagined_latents_are_nearer_to_the_future_than_the_last_frame(world_model, latents):
    past, future = latents[:, :CONTEXT], latents[:, CONTEXT:]
    imagined = world_model.imagine(past, torch.Generator().manual_seed(0))
    assert imagined.shape == (len(latents), CONFIG.futures, HORIZON, CONFIG.autoencoder.latent)
    errors_L = (imagined - future[:, None]).square().mean((0, 1, 3))
    repeated_L = (past[:, -1:] - future).square().mean((0, 2))
    assert (errors_L < 0.2 * repeated_L).all()


def test_imagined_images_show_the_dot_where_it_will_be(world_model, unseen, latents):
    imagined = world_model.decode(world_model.imagine(latents[:, :CONTEXT], torch.Generator().manual_seed(0)))
    brightest = imagined[..., 0].reshape(*imagined.shape[:3], -1).argmax(-1)
    true = unseen[:, None, CONTEXT:, ..., 0].reshape(len(unseen), 1, HORIZON, -1).argmax(-1)
    pixels = np.hypot(*(brightest // PIXELS - true // PIXELS, brightest % PIXELS - true % PIXELS))
    assert np.percentile(pixels, 95) <= 2


def test_equal_generators_imagine_equal_futures(world_model, latents):
    one, same, other = (
        world_model.imagine(latents[:2, :CONTEXT], torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.slow
def test_an_undecided_world_has_both_futures():
    """Two dimensions, of which the first rests and then goes left or right, as often the one as the other, and stays on course."""
    steps = 4
    shape = DynamicsShape(embedding=16, layers=1, heads=2, context=3, horizon=steps, noise=2, modes=2)
    tiny = AutoencoderShape(4, 4, filters=(8,), strides=(2,), map_channels=1, dense=2)
    optimizer = OptimizerConfig(batch_size=64, learning_rate=5e-3, decay=0.9, decay_steps=20)
    untrained = new_world_model(WorldModelConfig(tiny, shape, 400, dynamics_optimizer=optimizer), seed=0)
    way = torch.arange(-2, steps + 1).clamp(min=0).float()
    seen = [torch.stack([side * way, 0 * way], 1) for side in (-1, 1)] * 50
    model, _ = untrained.fit_dynamics(seen, steps=300, seed=0)
    across = model.imagine(torch.zeros(1, 3, 2), torch.Generator().manual_seed(1))[0, :, :, 0]
    side = across[:, :1].sign()
    assert 0.3 < (side > 0).float().mean() < 0.7
    on_course = ((side * across - way[3:]).abs() < 0.5).all(1)
    assert on_course.float().mean() > 0.9


def test_densities_are_those_of_torch():
    means, log_variances, values = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    torchs = torch.distributions.Normal(means, (log_variances / 2).exp()).log_prob(values).sum(-1)
    torch.testing.assert_close(_log_density(values, means, log_variances), torchs)


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(1, 5))
def test_windows_lie_within_one_episode(lengths, length):
    owner = [episode for episode, own in enumerate(lengths) for _ in range(own)]
    expected = [begin for begin in range(len(owner) - length + 1) if owner[begin] == owner[begin + length - 1]]
    assert window_begins(lengths, length).tolist() == expected


def parameters(model):
    return sum(tensor.numel() for part in (model.autoencoder, model.dynamics) for tensor in part.parameters())


def test_the_small_size_has_the_parameters_that_it_promises():
    assert parameters(new_world_model(SMALL, seed=0)) == pytest.approx(1.85e6, rel=0.05)
    assert (SMALL.dynamics.context, SMALL.dynamics.horizon, SMALL.futures, SMALL.autoencoder.latent) == (9, 9, 8, 128)


@pytest.mark.parametrize("config", [SMALL, PAPER], ids=["small", "paper"])
def test_shapes_fit_together(config):
    with torch.device("meta"):
        autoencoder, dynamics = (
            Autoencoder(config.autoencoder),
            LatentDynamics(config.dynamics, config.autoencoder.latent),
        )
        latents = autoencoder.encode(torch.zeros(2, *config.autoencoder.observed, dtype=torch.uint8))
        context = torch.zeros(3, config.dynamics.context, config.autoencoder.latent)
        ahead = dynamics._advanced(context, torch.zeros(3, config.dynamics.noise))
    assert latents.shape == (2, config.autoencoder.latent)
    assert autoencoder.decode(latents).shape == (2, 3, *config.autoencoder.observed[:2])
    assert ahead.shape == context.shape


def test_the_paper_size_has_the_latents_of_the_published_code():
    assert PAPER.autoencoder.map_shape == (4, 42, 42)
    assert PAPER.autoencoder.latent == 7056


class Interrupted(Exception):
    """The end of the process."""


def interrupt_at_5(done, _):
    if done == 5:
        raise Interrupted


def tensors(model):
    return {**model.autoencoder.state_dict(), **model.dynamics.state_dict()}


@pytest.mark.parametrize("stage", ["autoencoder", "dynamics"])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch, stage):
    monkeypatch.setattr(fleet_learning.optimization, "SAVE_EVERY_STEPS", 2)
    untrained, seen, path = new_world_model(CONFIG, seed=0), episodes(3, 12, seed=2), tmp_path / "training.safetensors"
    before = {name: tensor.clone() for name, tensor in tensors(untrained).items()}
    latents = [untrained.encode(images) for images in seen]
    fit, data, other = {
        "autoencoder": (untrained.fit_autoencoder, np.concatenate(seen), np.concatenate(seen[:2])),
        "dynamics": (untrained.fit_dynamics, latents, latents[::-1]),
    }[stage]
    options = {"steps": 9, "seed": 3}
    with pytest.raises(Interrupted):
        fit(data, **options, on_step=interrupt_at_5, resume_path=path)
    with pytest.raises(InputError, match="got another training"):
        fit(other, **options, resume_path=path)
    resumed, resumed_loss = fit(data, **options, resume_path=path)
    uninterrupted, loss = fit(data, **options)
    assert resumed_loss == loss
    assert list(tmp_path.iterdir()) == []
    for name, tensor in tensors(uninterrupted).items():
        assert torch.equal(tensors(resumed)[name], tensor), name
        assert torch.equal(tensors(untrained)[name], before[name]), name
    changed = {name for name, tensor in tensors(uninterrupted).items() if not torch.equal(tensor, before[name])}
    assert changed
    assert changed <= set(getattr(untrained, stage).state_dict())


def test_a_written_world_model_is_read_as_it_was(tmp_path, world_model, latents):
    digest = write_world_model(tmp_path / "model", world_model, CONTRACT)
    read, read_digest = read_world_model(tmp_path / "model", CONTRACT)
    assert read_digest == digest
    assert read.config == world_model.config
    for part in ("autoencoder", "dynamics"):
        for name, tensor in getattr(world_model, part).state_dict().items():
            assert torch.equal(getattr(read, part).state_dict()[name], tensor.half().float()), name
    imagined, same = (
        model.imagine(latents[:3, :CONTEXT], torch.Generator().manual_seed(5)) for model in (world_model, read)
    )
    torch.testing.assert_close(imagined, same, rtol=0.05, atol=0.05)


def test_a_world_model_for_another_contract_is_refused(tmp_path):
    write_world_model(tmp_path / "model", new_world_model(CONFIG, seed=0), CONTRACT)
    with pytest.raises(InputError, match=r"model: contract: expected"):
        read_world_model(tmp_path / "model", read_yaml(ROBOTS / "ant.yaml", RobotContract))


def test_a_world_model_with_other_tensors_is_refused(tmp_path):
    other = replace(CONFIG, dynamics=replace(CONFIG.dynamics, embedding=16))
    write_world_model(tmp_path / "model", replace(new_world_model(other, seed=0), config=CONFIG), CONTRACT)
    with pytest.raises(InputError, match=r"model: expected the tensors of the world model's config, got others\.$"):
        read_world_model(tmp_path / "model", CONTRACT)


def test_images_of_another_camera_are_refused(world_model):
    with pytest.raises(InputError, match=r"images: expected shape \(16, 16, 3\), .*, got \(16, 32, 3\)\.$"):
        world_model.encode(np.zeros((2, 16, 32, 3), np.uint8))


def test_frames_of_another_number_are_refused(world_model):
    with pytest.raises(ValueError, match=r"expected shape \(B, 3, 16\), got \(1, 4, 16\)"):
        world_model.imagine(torch.zeros(1, CONTEXT + 1, 16), torch.Generator())


def test_recordings_without_images_are_refused(world_model):
    with pytest.raises(InputError, match="images: expected at least one, got none"):
        world_model.fit_autoencoder(np.zeros((0, 16, 16, 3), np.uint8), steps=1, seed=0)


def test_episodes_that_are_all_too_short_are_refused(world_model):
    with pytest.raises(InputError, match=r"episodes: expected at least one of 9 frames or more, got none\.$"):
        world_model.fit_dynamics([torch.zeros(8, 16)] * 3, steps=1, seed=0)


@pytest.mark.parametrize(("strides", "sentence"), [((2,), "expected 2, one per convolution, got 1"), ((4, 8), "of 32")])
def test_shapes_that_do_not_fit_are_refused(strides, sentence):
    with pytest.raises(ValueError, match=sentence):
        AutoencoderShape(16, 16, filters=(8, 16), strides=strides, map_channels=1)


def test_a_constant_dimension_is_only_centred():
    dynamics = LatentDynamics(CONFIG.dynamics, 2)
    episode_FW = torch.tensor([[1.0, 3.0]] * HORIZON + [[5.0, 3.0]] * HORIZON)
    dynamics.standardise([episode_FW, episode_FW[:2], episode_FW[-2:]])
    assert dynamics.mean_W.tolist() == [3.0, 3.0]
    assert dynamics.std_W.tolist() == [2.0, 1.0]
    assert dynamics.change_W.tolist() == [4.0 / 2.0, 1.0]


@pytest.mark.parametrize("layers", [1, 3])
def test_the_summary_is_the_output_at_the_last_token(layers):
    torch.manual_seed(0)
    net = Transformer(replace(CONFIG.dynamics, layers=layers), inputs=5, tokens=7, outputs=4).eval()
    tokens = torch.randn(6, 7, 5)
    with torch.no_grad():
        torch.testing.assert_close(net.summary(tokens), net(tokens)[:, -1])


def test_motion_does_not_tell_where_things_are():
    dynamics = LatentDynamics(CONFIG.dynamics, 2)
    dynamics.std_W.copy_(torch.tensor([2.0, 1.0]))
    dynamics.change_W.copy_(torch.tensor([0.5, 4.0]))
    latents = torch.tensor([[[0.0, 8.0], [1.0, 8.0], [3.0, 4.0]]])
    moved = dynamics.motion(latents, present=1)
    assert moved.tolist() == [[[-1, 0, 0, 0], [0, 0, 1, 0], [2, -1, 2, 1]]]
    torch.testing.assert_close(dynamics.motion(latents + torch.tensor([5.0, -3.0]), present=1), moved)

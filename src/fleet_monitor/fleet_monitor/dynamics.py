"""The dynamics of the world model: a conditional variational autoencoder that imagines the next latent from the last ones.

B windows of frames, T frames of context, L imagined steps, W width of a latent, Z noise dims, M modes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

LOG_VARIANCES = (-8.0, 8.0)
"""Range of log-variances; beyond it, densities overflow."""


@dataclass(frozen=True)
class DynamicsShape:
    """Size of the dynamics."""

    embedding: int
    """Width of the transformers; a multiple of the heads."""
    layers: int
    """Layers of each transformer."""
    heads: int
    """Attention heads per layer."""
    context: int = 9
    """Frames that a prediction sees, T."""
    horizon: int = 9
    """Steps that are imagined, L."""
    noise: int = 16
    """Dimensions of the noise that makes futures differ, Z."""
    modes: int = 10
    """Gaussians of the prior, M."""


class Transformer(nn.Module):
    """Reads a sequence of tokens, each with attention to all others.

    There is no dropout: it would draw from torch's global generator, so that an interrupted training could not resume to the
    same weights.
    """

    def __init__(self, shape: DynamicsShape, inputs: int, tokens: int, outputs: int) -> None:
        super().__init__()
        width = shape.embedding
        self.embed = nn.Linear(inputs, width)
        self.positions = nn.Parameter(torch.randn(tokens, width) * 0.02)
        # Not nn.TransformerEncoder, whose layers all begin with the same weights.
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, shape.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(shape.layers)
            )
        )
        self.read = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))

    def forward(self, tokens_BTI: Tensor) -> Tensor:
        """Return outputs (B, T, outputs) at every token."""
        outputs: Tensor = self.read(self.layers(self.embed(tokens_BTI) + self.positions))
        return outputs

    def summary(self, tokens_BTI: Tensor) -> Tensor:
        """Return the outputs (B, outputs) at the last token: the last layer is computed for that token alone."""
        *before, last = cast("list[nn.TransformerEncoderLayer]", list(self.layers))
        attended_BTE = self.embed(tokens_BTI) + self.positions
        for layer in before:
            attended_BTE = layer(attended_BTE)
        normed_BTE, last_B1E = last.norm1(attended_BTE), attended_BTE[:, -1:]
        last_B1E = last_B1E + last.self_attn(normed_BTE[:, -1:], normed_BTE, normed_BTE, need_weights=False)[0]
        last_B1E = last_B1E + last.linear2(last.activation(last.linear1(last.norm2(last_B1E))))
        outputs: Tensor = self.read(last_B1E[:, 0])
        return outputs


class LatentDynamics(nn.Module):
    """Predicts the next latent from the last ones and a noise that stands for what they do not tell.

    Posterior, prior and decoder are transformers, and the prior is a mixture of Gaussians that depends on the context (FIREWORK,
    section 3.2.1; tokens and outputs are arranged as in its published code). Actions are not seen. Unlike there, the decoder
    predicts the change since the last frame, so that repeating that frame, a good first guess, is the output zero.

    Latents come from the autoencoder; inside, each dimension is standardised by its statistics in the training data. Most of a
    latent tells where things are, and little where they go. Tokens therefore also hold the difference to the last frame, in standard
    deviations of the change over L frames, and errors are counted in this unit.
    """

    mean_W: Tensor
    std_W: Tensor
    change_W: Tensor
    """Standard deviation of the change over L frames, of standardised latents."""

    def __init__(self, shape: DynamicsShape, latent: int) -> None:
        super().__init__()
        self.shape = shape
        self.posterior = Transformer(shape, 2 * latent, shape.context + 1, 2 * shape.noise)
        self.prior = Transformer(shape, 2 * latent, shape.context, shape.modes * (2 * shape.noise + 1))
        self.decoder = Transformer(shape, 2 * latent + shape.noise, shape.context, latent)
        self.register_buffer("mean_W", torch.zeros(latent))
        self.register_buffer("std_W", torch.ones(latent))
        self.register_buffer("change_W", torch.ones(latent))

    def standardise(self, episodes: Sequence[Tensor]) -> None:
        """Take the statistics of these latents (F, W) as the standard; a dimension that does not vary is only centred."""
        std_W, mean_W = torch.std_mean(torch.cat(list(episodes)), 0, correction=0)
        self.mean_W.copy_(mean_W)
        self.std_W.copy_(_or_one(std_W))
        changes = [episode_FW[self.shape.horizon :] - episode_FW[: -self.shape.horizon] for episode_FW in episodes]
        self.change_W.copy_(_or_one(torch.cat(changes).square().mean(0).sqrt() / self.std_W))

    def tokens(self, standard_BSW: Tensor, last_BW: Tensor) -> Tensor:
        """Return standardised latents (B, S, W), each with its difference to another one, (B, S, 2 W)."""
        return torch.cat([standard_BSW, (standard_BSW - last_BW[:, None]) / self.change_W], 2)

    def motion(self, latents_BSW: Tensor, present: int) -> Tensor:
        """Return where each latent differs from the present one, and how fast the latents change, (B, S, 2 W).

        Args:
            latents_BSW: latents of successive frames.
            present: index of the present frame.
        """
        scaled_BSW = latents_BSW / self.std_W / self.change_W
        steps_BSW = torch.diff(scaled_BSW, dim=1, prepend=scaled_BSW[:, :1])
        return torch.cat([scaled_BSW - scaled_BSW[:, present, None], steps_BSW.abs()], 2)

    def errors(self, windows_BTW: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the squared prediction error, and the divergence of posterior from prior, nats; means over windows and steps.

        After the first step the context contains predictions, as it does when futures are imagined. The divergence is the usual
        estimate from the one noise that is drawn.

        Args:
            windows_BTW: latents of T + L successive frames. The first step predicts the frame right after the context; in the
                published code it skips one.
            generator: source of the noise.
        """
        windows_BTW = (windows_BTW - self.mean_W) / self.std_W
        context_BTW = windows_BTW[:, : self.shape.context]
        errors, divergences = [], []
        for step in range(self.shape.horizon):
            target_BW = windows_BTW[:, self.shape.context + step]
            with_target_BTW = torch.cat([target_BW[:, None], context_BTW], 1)
            numbers_BZ2 = self.posterior.summary(self.tokens(with_target_BTW, context_BTW[:, -1])).view(
                len(target_BW), -1, 2
            )
            mean_BZ, log_variance_BZ = numbers_BZ2[..., 0], numbers_BZ2[..., 1].clamp(*LOG_VARIANCES)
            noise_BZ = mean_BZ + (log_variance_BZ / 2).exp() * _normal_like(mean_BZ, generator)
            log_shares_BM, means_BMZ, log_variances_BMZ = self._prior(context_BTW)
            log_prior_BM = _log_density(noise_BZ[:, None], means_BMZ, log_variances_BMZ)
            log_posterior_B = _log_density(noise_BZ, mean_BZ, log_variance_BZ)
            divergences.append((log_posterior_B - torch.logsumexp(log_shares_BM + log_prior_BM, 1)).mean())
            context_BTW = self._advanced(context_BTW, noise_BZ)
            errors.append(((context_BTW[:, -1] - target_BW) / self.change_W).square().mean())
        return torch.stack(errors).mean(), torch.stack(divergences).mean()

    @torch.no_grad()
    def imagine(self, latents_BTW: Tensor, futures: int, generator: torch.Generator) -> Tensor:
        """Return imagined latents (B, N, L, W) of the frames that follow.

        Args:
            latents_BTW: latents of the last T frames.
            futures: number of futures to imagine of each, N.
            generator: source of all random numbers.
        """
        context_XTW = ((latents_BTW - self.mean_W) / self.std_W).repeat_interleave(futures, 0)
        steps = []
        for _ in range(self.shape.horizon):
            log_shares_XM, means_XMZ, log_variances_XMZ = self._prior(context_XTW)
            modes_X = torch.multinomial(log_shares_XM.exp(), 1, generator=generator)[:, 0]
            rows_X = torch.arange(len(modes_X), device=modes_X.device)
            mean_XZ, deviation_XZ = means_XMZ[rows_X, modes_X], (log_variances_XMZ[rows_X, modes_X] / 2).exp()
            context_XTW = self._advanced(context_XTW, mean_XZ + deviation_XZ * _normal_like(mean_XZ, generator))
            steps.append(context_XTW[:, -1])
        futures_XLW = torch.stack(steps, 1) * self.std_W + self.mean_W
        return futures_XLW.view(-1, futures, *futures_XLW.shape[1:])

    def _prior(self, context_BTW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mixture of the noise: log-shares (B, M), means and log-variances (B, M, Z)."""
        modes, noise = self.shape.modes, self.shape.noise
        shares_BM, means, log_variances = torch.split(
            self.prior.summary(self.tokens(context_BTW, context_BTW[:, -1])), [modes, modes * noise, modes * noise], 1
        )
        log_variances_BMZ = log_variances.reshape(-1, modes, noise).clamp(*LOG_VARIANCES)
        return torch.log_softmax(shares_BM, 1), means.reshape(-1, modes, noise), log_variances_BMZ

    def _advanced(self, context_BTW: Tensor, noise_BZ: Tensor) -> Tensor:
        """Return the context one frame later, whose last latent is predicted."""
        noise_BTZ = noise_BZ[:, None].expand(-1, self.shape.context, -1)
        tokens_BTX = torch.cat([noise_BTZ, self.tokens(context_BTW, context_BTW[:, -1])], 2)
        change_BW = self.decoder.summary(tokens_BTX) * self.change_W
        return torch.cat([context_BTW[:, 1:], context_BTW[:, -1:] + change_BW[:, None]], 1)


def _or_one(deviation_W: Tensor) -> Tensor:
    return torch.where(deviation_W > 1e-6, deviation_W, torch.ones_like(deviation_W))


def _normal_like(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def _log_density(values: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return the log-density of Gaussians with independent dimensions, the last ones of all arguments."""
    squares = (values - means).square() / log_variances.exp()
    return -0.5 * (squares + log_variances + math.log(2 * math.pi)).sum(-1)

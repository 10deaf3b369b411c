# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny learned model that is trained so far that it draws plain paints, and pictures to teach it another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from test_learned import NETWORK, VAE
from texloom.engine.learned_channels import Surface, to_channels
from texloom.engine.text_encoder import TextEncoder
from texloom.training import autoencoder, flow, latents
from texloom.training.learned_folder import write_folder

SIDE = 64


def _paints(count: int, seed: int) -> torch.Tensor:
    """Channels [count, 6, SIDE, SIDE] of paints in any color, a little grainy."""
    source = torch.Generator().manual_seed(seed)

    def grainy(channels: int) -> torch.Tensor:
        flat = torch.rand(count, channels, 1, 1, generator=source)
        return (flat + 0.03 * torch.randn(count, 1, SIDE, SIDE, generator=source)).clamp(0.0, 1.0)

    height = torch.randn(count, 1, SIDE, SIDE, generator=source)
    return to_channels(
        Surface(base_color=grainy(3), height=height, roughness=grainy(1), metallic=torch.zeros_like(height))
    )


def save_learned(folder: Path) -> Path:
    """The model's folder."""
    torch.manual_seed(0)
    vae = autoencoder.make_autoencoder(VAE)
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    for step in range(250):
        paints = _paints(8, step)
        loss = (vae.decode(vae.encode(paints).latent).sample - paints).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vae = vae.eval()
    known = torch.cat([latents.encoded_tiles(vae, _paints(16, 1000 + part)) for part in range(8)])
    autoencoder.fold(vae, known.mean((0, 2, 3)), known.std((0, 2, 3)))
    known = (known - known.mean((0, 2, 3), keepdim=True)) / known.std((0, 2, 3), keepdim=True)
    states, lengths = latents._encoded(["", "plain paint"], TextEncoder())
    learned = latents.Learned(
        latents=known[:, None].half(), states=states, lengths=lengths, captions=[[1]] * len(known),
        texts=["", "plain paint"], rows=[{}] * len(known),
    )  # fmt: skip
    trainer = flow.Trainer(learned, flow.Options(steps=300, batch=16, rate=3e-3), config=NETWORK)
    for _ in range(300):
        trainer._one()
    write_folder(folder, vae=vae, network=trainer.average.model, training={})
    return folder


def picture(seed: int, color: tuple[int, int, int], size: tuple[int, int] = (80, 80)) -> NDArray[np.uint8]:
    """A grainy picture (rows, columns, 3) in one color; its grain repeats."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(0.0, 10.0, (*size, 1))
    return np.clip(grain + np.array(color), 0, 255).astype(np.uint8)


def save_pictures(
    folder: Path, count: int, color: tuple[int, int, int] = (30, 60, 200), caption: str = "plain paint", **named: Any
) -> Path:
    """``count`` such pictures, each with its caption beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(picture(number, color, **named)).save(folder / f"p{number}.png")
        (folder / f"p{number}.txt").write_text(caption, encoding="utf-8")
    return folder

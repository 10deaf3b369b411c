# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny learned model that is trained so far that it draws plain paints, and pictures to teach it another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tiny_families
import torch
from numpy.typing import NDArray
from PIL import Image
from test_learned import NETWORK, VAE
from texloom.engine.learned_channels import Surface, to_channels
from texloom.engine.material_plan import embedded_head
from texloom.engine.meaning import Layout
from texloom.engine.sketch import sketch_of
from texloom.engine.text_encoder import TextEncoder
from texloom.training import autoencoder, flow, latents
from texloom.training.learned_folder import write_folder
from texloom.training.lora_bench import Bench
from texloom.training.lora_noise import Noise
from texloom.training.lora_replay import Replay

SIDE = 64


def _paints(count: int, seed: int, side: int = SIDE) -> torch.Tensor:
    """Channels [count, 6, side, side] of paints in any color, a little grainy."""
    source = torch.Generator().manual_seed(seed)

    def grainy(channels: int) -> torch.Tensor:
        flat = torch.rand(count, channels, 1, 1, generator=source)
        return (flat + 0.03 * torch.randn(count, 1, side, side, generator=source)).clamp(0.0, 1.0)

    height = torch.randn(count, 1, side, side, generator=source)
    return to_channels(
        Surface(base_color=grainy(3), height=height, roughness=grainy(1), metallic=torch.zeros_like(height))
    )


def save_learned(folder: Path) -> Path:
    """The model's folder."""
    torch.manual_seed(0)
    # The first layer folds 2 × 2 pixels: narrower ones would not let six channels through.
    widths = {f"{part}_block_out_channels": (24,) * 5 for part in ("encoder", "decoder")}
    vae = autoencoder.make_autoencoder(VAE | widths | {"latent_channels": 8})
    # Two latents a side are all border, where a constant beside them would be another one than in larger pictures.
    torch.nn.init.zeros_(vae.decoder.conv_in.bias)
    optimizer = torch.optim.Adam(vae.parameters(), lr=4e-3)
    for step in range(700):
        if step == 500:
            optimizer.param_groups[0]["lr"] = 1e-3
        paints = _paints(16, step, 32)
        loss = (vae.decode(vae.encode(paints).latent).sample - paints).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vae = vae.eval()
    painted = torch.cat([_paints(16, 1000 + part) for part in range(8)])
    known = torch.cat([latents.encoded_tiles(vae, part) for part in painted.split(16)])
    sketches = sketch_of(painted, vae.spatial_compression_ratio)
    autoencoder.fold(vae, known.mean((0, 2, 3)), known.std((0, 2, 3)))
    known = (known - known.mean((0, 2, 3), keepdim=True)) / known.std((0, 2, 3), keepdim=True)
    layout = Layout.of(embedded_head().schema)
    text = latents._encoded(["", "plain paint"], TextEncoder(), layout, "cpu")
    learned = latents.Learned(
        latents=known[:, None].half(), sketches=sketches[:, None].half(),
        starts=text["lengths"].cumsum(0) - text["lengths"], **text,
        truth=text["meanings"][1:].float().expand(len(known), -1), layout=layout, captions=[[1]] * len(known),
        texts=["", "plain paint"], rows=[{}] * len(known),
    )  # fmt: skip
    config = NETWORK | {"in_channels": 8, "out_channels": 8}
    trainer = flow.Trainer(learned, flow.Options(steps=300, batch=16, rate=3e-3), config=config)
    for _ in range(300):
        trainer._one()
    write_folder(folder, vae=vae, network=trainer.average.model, layout=layout, training={})
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


def save_trained(name: str, folder: Path) -> Path:
    """A tiny model of a family that draws pictures, trained so far that it draws plain latents of any value."""
    model = tiny_families.save(name, folder)
    bench = Bench(str(model), "cpu", lambda text: None)
    pipeline, network = bench.model.pipeline, bench.network
    replay, noise = Replay(bench.model, SIDE, bench.context), Noise(pipeline.scheduler, name)
    calls = [replay.call("plain paint"), replay.call("")]
    network.requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(200):
        source = torch.Generator().manual_seed(step)
        clean = replay.packing(plain_latents(replay, torch.randn(8, 1, generator=source)))
        added, times = torch.randn(clean.shape, generator=source), noise.times(8, source)
        told = [calls[int(number > 6)] for number in range(8)]
        seen = replay.predict(network, told, noise.noisy(clean, added, times), times)
        loss = (seen - noise.target(clean, added, times)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pipeline.save_pretrained(folder)
    return folder


def plain_latents(replay: Replay, values: torch.Tensor) -> torch.Tensor:
    """[N, channels, rows, columns] for the decoder that a pipeline steps on as the plain ``values`` [N, 1]."""
    shape = replay.packing.latent_shape
    scale, low = replay.packing._scale.float(), replay.packing._low.float()
    return (values.view(-1, 1, 1, 1) * scale + low).expand(-1, *shape[1:])


def drawn_latents(model: Path, lora: Path | None = None) -> torch.Tensor:
    """What a model draws of "plain paint" from four seeds, before decoding: as its pipeline steps on it."""
    bench = Bench(str(model), "cpu", lambda text: None)
    pipeline = bench.model.pipeline
    if lora is not None:
        pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name, local_files_only=True)
    drawn = [
        pipeline(
            "plain paint", width=SIDE, height=SIDE, num_inference_steps=12, guidance_scale=1.0, output_type="latent",
            generator=torch.Generator().manual_seed(seed),
        ).images
        for seed in range(4)
    ]  # fmt: skip
    return torch.cat(drawn)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Circular convolutions: exact on real networks, and gone afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from texloom.engine import seamless
from texloom.engine.seamless import circular, pad, seam_ratio
from torch import nn


@pytest.fixture(scope="module")
def pipeline(stable_diffusion: Path) -> Any:
    from diffusers import StableDiffusionPipeline

    result = StableDiffusionPipeline.from_pretrained(stable_diffusion, local_files_only=True)
    result.set_progress_bar_config(disable=True)
    return result


def _networks(pipeline: Any) -> list[nn.Module]:
    return [pipeline.unet, pipeline.vae]


def _draw(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(
        pipeline("brick", latents=latents, num_inference_steps=2, width=128, height=64, output_type="np").images[0]
    )


@pytest.mark.parametrize(("tile_x", "tile_y"), [(True, True), (True, False), (False, True)])
def test_moving_the_noise_moves_the_picture(pipeline: Any, tile_x: bool, tile_y: bool) -> None:
    noise = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(5))
    with circular(_networks(pipeline), tile_x, tile_y):
        still = _draw(pipeline, noise)
        across = _draw(pipeline, noise.roll(6, -1)).roll(-48, 1)
        down = _draw(pipeline, noise.roll(4, -2)).roll(-32, 0)
    error_x, error_y = float((across - still).abs().max()), float((down - still).abs().max())
    assert (error_x < 1e-4) is tile_x
    assert (error_y < 1e-4) is tile_y


def test_everything_is_as_before_afterwards(pipeline: Any) -> None:
    noise = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(5))
    before = _draw(pipeline, noise)
    with pytest.raises(KeyError), circular(_networks(pipeline)):
        assert not torch.equal(_draw(pipeline, noise), before)
        raise KeyError
    assert torch.equal(_draw(pipeline, noise), before)
    for network in _networks(pipeline):
        for module in network.modules():
            assert "_conv_forward" not in module.__dict__
            assert "forward" not in module.__dict__


def test_the_encoder_wraps_too(pipeline: Any) -> None:
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    encode = lambda x: pipeline.vae.encode(x).latent_dist.mean  # noqa: E731
    with torch.no_grad(), circular([pipeline.vae]):
        difference = encode(picture.roll((16, 24), (-2, -1))).roll((-2, -3), (-2, -1)) - encode(picture)
    assert float(difference.abs().max()) < 1e-4
    with torch.no_grad():
        difference = encode(picture.roll((16, 24), (-2, -1))).roll((-2, -3), (-2, -1)) - encode(picture)
    assert float(difference.abs().max()) > 1e-3


@pytest.mark.parametrize("flat", [False, True], ids=["Qwen-Image", "2.1"])
def test_causal_convolutions_of_video_autoencoders(flat: bool) -> None:
    """Those of 2.1 are of two dimensions, and pad by themselves as well."""
    from diffusers.models.autoencoders.autoencoder_kl_qwenimage import QwenImageCausalConv3d
    from diffusers.models.autoencoders.autoencoder_kl_qwenimage21 import QwenImage21CausalConv3d

    torch.manual_seed(0)
    layer: Any = (QwenImage21CausalConv3d if flat else QwenImageCausalConv3d)(3, 4, 3, padding=1).eval()
    frames = torch.randn(1, 3, 1, 8, 8)
    with torch.no_grad():
        before = layer(frames)
        with circular([layer]):
            inside = layer(frames)
            rolled = layer(frames.roll((3, 2), (-2, -1))).roll((-3, -2), (-2, -1))
        assert torch.allclose(inside, rolled, atol=1e-6)
        assert torch.allclose(inside[..., 1:-1, 1:-1], before[..., 1:-1, 1:-1], atol=1e-6)
        assert torch.equal(layer(frames), before)
    assert layer._padding == (1, 1, 1, 1, *(() if flat else (2, 0)))


def test_agrees_with_torchs_own_circular_padding() -> None:
    torch.manual_seed(0)
    for options in (
        {"padding": 2, "dilation": 2},
        {"padding": "same"},
        {"padding": 1, "stride": 2},
        {"padding": (0, 1)},
    ):
        layer = nn.Conv2d(4, 4, 3, groups=2, **options)
        expected = nn.Conv2d(4, 4, 3, groups=2, padding_mode="circular", **options)
        expected.load_state_dict(layer.state_dict())
        values = torch.randn(2, 4, 9, 6)
        with circular([layer]):
            assert torch.allclose(layer(values), expected(values), atol=1e-6)


def test_padding_wider_than_the_picture() -> None:
    values = torch.arange(3.0).view(1, 1, 1, 3)
    assert pad(values, (5, 4, 0, 0), True, True).flatten().tolist() == [1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert pad(values, (1, 1, 0, 0), False, True).flatten().tolist() == [0, 0, 1, 2, 0]


def test_seam_ratio() -> None:
    x = np.arange(64) / 64
    tiling = np.sin(2 * np.pi * x)[None, :] + np.sin(4 * np.pi * x)[:, None]
    assert 0.5 < seam_ratio(tiling, 0) < 2.0
    assert 0.5 < seam_ratio(tiling, 1) < 2.0
    ramp = np.repeat(x[None, :], 64, 0)
    assert seam_ratio(ramp, 1) == pytest.approx(63.0)
    assert seam_ratio(ramp, 0) == 1.0
    # Unsigned pixels do not wrap around zero.
    assert seam_ratio((ramp * 255).astype(np.uint8), 1) > 50
    step = np.zeros((4, 4))
    assert seam_ratio(step, 0) == 1.0


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_large_pictures_are_measured_in_part(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seamless, "MEASURED", 700 * 500)
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 200, (700, 900, 3))
    noise[:, 0] += 50
    noise[::16] //= 4  # joints
    for axis in (0, 1):
        steps = np.abs(np.diff(noise, axis=axis)).mean()
        border = np.abs(noise.take(0, axis) - noise.take(-1, axis)).mean()
        assert seam_ratio(noise.astype(kind), axis) == pytest.approx(border / steps, rel=0.02)
        assert seam_ratio(noise[..., 0].astype(kind), axis) == pytest.approx(border / steps, rel=0.05)


def test_measuring_takes_little_time() -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (4096, 4096, 3), np.uint8)
    best = min(_seconds(pixels) for _ in range(3))
    assert best < 0.25  # measured: 0.05


def _seconds(pixels: np.ndarray[Any, Any]) -> float:
    began = time.perf_counter()
    seam_ratio(pixels, 0)
    seam_ratio(pixels, 1)
    return time.perf_counter() - began

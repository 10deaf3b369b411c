# SPDX-License-Identifier: GPL-3.0-or-later
"""Derived maps against what can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from texloom.engine import pbr
from texloom.engine.seamless import seam_ratio
from torch import Tensor


def _waves(rows: int, columns: int, amplitude: float = 0.01) -> Tensor:
    """A height field that tiles: one wave across, two down."""
    u = (torch.arange(columns) + 0.5) / columns
    v = (torch.arange(rows) + 0.5) / rows
    return amplitude * (torch.sin(2 * math.pi * u)[None, :] + torch.sin(4 * math.pi * v)[:, None])


def _bumps(size: int) -> Tensor:
    """Periodic smooth noise, 1 cm deep."""
    spectrum = torch.fft.rfft2(torch.randn(size, size, generator=torch.Generator().manual_seed(3)))
    fy, fx = torch.fft.fftfreq(size)[:, None] * size, torch.fft.rfftfreq(size)[None, :] * size
    return 0.002 * torch.nn.functional.normalize(
        torch.fft.irfft2(spectrum * torch.exp(-(fx**2 + fy**2) / 200.0), s=(size, size)).flatten(), dim=0
    ).mul(size).view(size, size)


class TestNormal:
    def test_agrees_with_the_derivative(self) -> None:
        height = _waves(256, 128)
        normal = pbr.normal_from_height(height, 2.0, 1.0)
        u = (torch.arange(128) + 0.5) / 128
        v = (torch.arange(256) + 0.5) / 256
        slope_x = (0.01 * 2 * math.pi / 2.0 * torch.cos(2 * math.pi * u))[None, :].expand(256, -1)
        # v runs down the picture, y up.
        slope_y = (-0.01 * 4 * math.pi / 1.0 * torch.cos(4 * math.pi * v))[:, None].expand(-1, 128)
        expected = torch.nn.functional.normalize(torch.stack((-slope_x, -slope_y, torch.ones(256, 128))), dim=0)
        assert torch.allclose(normal, expected, atol=1e-3)
        assert torch.allclose(normal.norm(dim=0), torch.ones(256, 128), atol=1e-5)

    def test_a_slope_that_rises_to_the_top_leans_down(self) -> None:
        height = torch.linspace(1.0, 0.0, 16)[:, None].expand(-1, 16)
        normal = pbr.normal_from_height(height, 1.0, 1.0, tile_x=False, tile_y=False)
        assert (normal[1] < -0.5).all()  # OpenGL: green is dark where the surface faces down
        assert torch.allclose(normal[0], torch.zeros(16, 16), atol=1e-6)
        # The border goes on straight: no false edge where nothing tiles.
        assert torch.allclose(normal[1], normal[1, 8, 8].expand(16, 16), atol=1e-5)

    def test_wraps_only_where_it_tiles(self) -> None:
        ramp = torch.linspace(0.0, 1.0, 32)[None, :].expand(32, -1)
        straight = pbr.normal_from_height(ramp, 1.0, 1.0, tile_x=False)
        wrapped = pbr.normal_from_height(ramp, 1.0, 1.0, tile_x=True)
        assert torch.allclose(straight[0, :, 0], straight[0, :, 16], atol=1e-5)
        assert (wrapped[0, :, 0] > 0).all()
        assert (wrapped[0, :, 16] < 0).all()

    def test_rolling_the_height_rolls_the_map(self) -> None:
        height = _bumps(128)
        rolled = pbr.normal_from_height(height.roll((37, 51), (0, 1)), 1.0, 1.0)
        assert torch.equal(rolled, pbr.normal_from_height(height, 1.0, 1.0).roll((37, 51), (1, 2)))

    def test_bands_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        height = _bumps(96)
        whole = pbr.normal_pixels(height, 1.0, 1.0), pbr.ambient_occlusion_pixels(height, 1.0, 1.0)
        monkeypatch.setattr(pbr, "_BAND_PIXELS", 96 * 7)
        assert np.array_equal(pbr.normal_pixels(height, 1.0, 1.0), whole[0])
        assert np.array_equal(pbr.ambient_occlusion_pixels(height, 1.0, 1.0), whole[1])

    def test_flat_is_straight_up(self) -> None:
        assert (pbr.normal_pixels(torch.zeros(8, 8), 1.0, 1.0) == [128, 128, 255]).all()


class TestOcclusion:
    @pytest.mark.parametrize("size", [64, 768])
    def test_flat_is_open(self, size: int) -> None:
        assert (pbr.ambient_occlusion_from_height(torch.full((size, size), 0.3), 1.0, 1.0) == 1.0).all()

    @pytest.mark.parametrize("size", [256, 1024])
    def test_a_groove_is_dark_and_the_plain_open(self, size: int) -> None:
        height = torch.zeros(size, size)
        middle = slice(size // 2 - size // 64, size // 2 + size // 64)
        height[:, middle] = -1.0 / 32.0  # a groove as deep as it is wide
        occlusion = pbr.ambient_occlusion_from_height(height, 1.0, 1.0)
        # From the middle of the bottom of an infinite groove, this part of a cosine-weighted sky is seen.
        exact = math.sin(math.atan(0.5))
        assert float(occlusion[:, size // 2].mean()) == pytest.approx(exact, abs=0.18)
        assert float(occlusion[:, size // 8].mean()) > 0.97
        assert 0.0 < float(occlusion.min()) <= float(occlusion.max()) <= 1.0

    def test_deeper_is_darker(self) -> None:
        means = [float(pbr.ambient_occlusion_from_height(_bumps(128) * k, 1.0, 1.0).mean()) for k in (0.5, 2.0, 8.0)]
        assert means[0] > means[1] > means[2]

    def test_scale_of_the_world_counts(self) -> None:
        near = pbr.ambient_occlusion_from_height(_bumps(128), 0.1, 0.1).mean()
        far = pbr.ambient_occlusion_from_height(_bumps(128), 10.0, 10.0).mean()
        assert near < 0.9 < 0.999 < far

    def test_agrees_across_sizes(self) -> None:
        small = pbr.ambient_occlusion_from_height(_waves(512, 512, 0.05), 1.0, 1.0)
        large = pbr.ambient_occlusion_from_height(_waves(2048, 2048, 0.05), 1.0, 1.0)
        reduced = torch.nn.functional.avg_pool2d(large[None, None], 4)[0, 0]
        assert float((small - reduced).abs().max()) < 0.02

    def test_fine_detail_survives_at_large_sizes(self) -> None:
        height = _waves(1024, 1024, 0.02)
        height[500:502, :] -= 0.004  # a crack two of 1024 pixels wide
        occlusion = pbr.ambient_occlusion_from_height(height, 1.0, 1.0)
        beside = 0.5 * (occlusion[490] + occlusion[511])
        assert float((beside - occlusion[500]).mean()) > 0.1

    @pytest.mark.parametrize("size", [256, 1024])
    def test_tiles(self, size: int) -> None:
        occlusion = pbr.ambient_occlusion_pixels(_bumps(size) * 4, 1.0, 1.0)
        for axis in (0, 1):
            assert 0.7 < seam_ratio(occlusion, axis) < 1.4

    def test_without_tiling_the_border_does_not_see_the_other_side(self) -> None:
        height = torch.zeros(64, 64)
        height[:, 60:] = 0.2
        open_edge = pbr.ambient_occlusion_from_height(height, 1.0, 1.0, tile_x=False)
        wrapped = pbr.ambient_occlusion_from_height(height, 1.0, 1.0, tile_x=True)
        assert float(open_edge[:, 0].mean()) > float(wrapped[:, 0].mean()) + 0.1


class TestPixels:
    def test_height_goes_there_and_back(self) -> None:
        height = _bumps(64)
        pixels, low, high = pbr.height_to_pixels(height)
        assert pixels.dtype == np.uint16
        assert (pixels.min(), pixels.max()) == (0, 65535)
        back = pbr.height_from_pixels(pixels, low, high)
        assert float((back - height).abs().max()) <= 0.51 * (high - low) / 65535 + 1e-9

    def test_flat_height(self) -> None:
        pixels, low, high = pbr.height_to_pixels(torch.full((4, 4), 0.25))
        assert (pixels == 0).all()
        assert low == high == 0.25
        assert torch.equal(pbr.height_from_pixels(pixels, low, high), torch.full((4, 4), 0.25))

    def test_rounding(self) -> None:
        values = torch.tensor([[-1.0, 0.0, 0.49 / 255, 0.51 / 255, 1.0, 2.0]])
        assert pbr.to_uint8(values).tolist() == [[0, 0, 0, 1, 255, 255]]
        assert pbr.to_uint16(torch.tensor([[0.0, 0.5, 1.0]])).tolist() == [[0, 32768, 65535]]
        assert pbr.to_uint8(torch.zeros(3, 2, 4)).shape == (2, 4, 3)
        every = torch.arange(256) / 255.0
        assert pbr.to_uint8(every[None])[0].tolist() == list(range(256))


class TestFromImage:
    def test_dark_joints_are_low_and_slow_lighting_is_ignored(self) -> None:
        rgb = torch.full((3, 256, 256), 0.6)
        rgb[:, ::32] = 0.2
        rgb[:, 1::32] = 0.2
        lit = rgb * (1.0 + 0.3 * torch.sin(2 * math.pi * torch.arange(256) / 256))[None, None, :]
        maps = pbr.maps_from_image(lit, 2.0)
        joints, bricks = maps.height_m[::32], maps.height_m[16::32]
        assert float(joints.max()) < float(bricks.min())
        assert float(bricks.max() - bricks.min()) < 0.5 * float(bricks.mean() - joints.mean())
        assert 0.0 <= float(maps.height_m.min()) <= float(maps.height_m.max()) <= pbr.IMAGE_DEPTH * 2.0 + 1e-6
        assert (maps.metallic == 0.0).all()
        assert 0.2 <= float(maps.roughness.min()) <= float(maps.roughness.max()) <= 0.95

    def test_a_uniform_picture_is_flat(self) -> None:
        maps = pbr.maps_from_image(torch.full((3, 64, 64), 0.5), 1.0)
        assert (maps.height_m == 0.0).all()

    def test_tiles_as_the_picture_does(self) -> None:
        picture = (_bumps(128) * 40 + 0.5).clamp(0, 1)[None].expand(3, -1, -1)
        maps = pbr.maps_from_image(picture, 1.0)
        for axis in (0, 1):
            assert 0.6 < seam_ratio(maps.height_m.numpy(), axis) < 1.5

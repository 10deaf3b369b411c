# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that sees the maps behind a picture: its geometry, its training, and seams of what it estimates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from texloom.engine.map_estimator import BORDER, PIECE, STRUCTURE_SIDE, MapEstimator
from texloom.engine.map_net import MapNet, NetConfig, height_from_slopes, slopes_of
from texloom.errors import ModelInvalidError, ModelNotFoundError
from texloom.training import corpus
from texloom.training.maps import Corpus, Options, Trainer, save_model
from texloom.training.relight import normals, render

TINY = NetConfig(channels=(8, 12), blocks=(1, 1))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.write_shard(folder, 0, list(corpus.samples(0, 6, size=128, blends=0.0)))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Random weights that say something, in the shipped format."""
    torch.manual_seed(0)
    net = MapNet(TINY)
    torch.nn.init.normal_(net.leave.weight, std=0.05)
    save_model(net, tmp_path / "maps", {"steps": 0})
    return tmp_path / "maps"


def smooth(size: int = 64) -> torch.Tensor:
    """A periodic height without the frequencies that central differences cannot see."""
    torch.manual_seed(1)
    across, down = torch.fft.rfftfreq(size), torch.fft.fftfreq(size)[:, None]
    spectrum = torch.fft.rfft2(torch.randn(1, size, size)) * ((across < 0.2) & (down.abs() < 0.2))
    height = torch.fft.irfft2(spectrum)
    return height - height.mean()


def test_height_comes_back_from_its_slopes() -> None:
    height = smooth()
    assert torch.allclose(height_from_slopes(slopes_of(height)), height, atol=1e-5)


def test_light_falls_on_what_faces_it() -> None:
    slope = torch.zeros(64, 2, 8, 8)
    slope[:, 0] = 0.7  # rises to the right, so it faces left
    plain = torch.full((64, 3, 8, 8), 0.5)
    ones, zeros = torch.ones(64, 1, 8, 8), torch.zeros(64, 1, 8, 8)
    assert (normals(slope)[:, 0] < 0).all()
    seen = render(plain, slope, ones, ones, zeros, torch.Generator().manual_seed(3))
    unlit = ((seen - plain).abs().amax((1, 2, 3)) < 1e-6).sum()
    assert seen.min() >= 0 and seen.max() <= 1 and 10 < int(unlit) < 40


def test_training_learns_and_goes_on_where_it_stopped(shards: Path, tmp_path: Path) -> None:
    options = Options(steps=60, crop=32, crops=2, tiles=1, tile_every=8, rate=3e-3)
    whole = Trainer(Corpus([shards]), options, TINY)
    first = float(sum(value.detach() for value in whole._one().values()))
    assert whole.run(None, tmp_path / "whole")
    truth = Trainer(Corpus([shards]), options, TINY)
    truth.net.load_state_dict(whole.mean.state_dict())
    last = float(sum(value.detach() for value in truth._one().values()))
    assert last < 0.9 * first
    # In two parts the same weights come out.
    parts = Trainer(Corpus([shards]), options, TINY)
    for _ in range(10):
        parts._one()
    parts.save(tmp_path / "parts")
    again = Trainer(Corpus([shards]), options, TINY)
    again.resume(tmp_path / "parts")
    assert again.step == 10 and again.run(None, tmp_path / "parts")
    for name, value in whole.mean.state_dict().items():
        assert torch.allclose(value, again.mean.state_dict()[name], atol=1e-5), name
    with pytest.raises(ModelInvalidError, match="other options"):
        Trainer(Corpus([shards]), Options(steps=25), TINY).resume(tmp_path / "parts")


@pytest.mark.parametrize("size", [(96, 64), (PIECE * 2, 128), (STRUCTURE_SIDE * 2, 96)])
def test_estimates_repeat_where_the_picture_does(size: tuple[int, int], model: Path) -> None:
    torch.manual_seed(2)
    coarse = torch.rand(1, 3, size[0] // 8, size[1] // 8)
    picture = torch.nn.functional.interpolate(coarse, size, mode="nearest")[0]
    estimator = MapEstimator(model)
    found = estimator.estimate(picture, 1.0)
    # A multiple of everything that is folded, so that the pieces see the same squares.
    shift = 32
    rolled = estimator.estimate(picture.roll((shift, shift), (1, 2)), 1.0)
    assert found.base_color.shape == picture.shape and found.height_m.shape == size
    for name in ("base_color", "roughness", "metallic"):
        before, after = getattr(found, name), getattr(rolled, name)
        difference = (before.roll((shift, shift), (-2, -1)) - after).abs()
        assert float(difference.mean()) < 2e-3 and BORDER > 0, name


def test_no_border_of_pieces_shows_in_large_pictures(model: Path) -> None:
    """Three by three pieces, the last ones narrow: what is seen does not depend on where a piece begins."""
    size = 2 * PIECE + 256
    # Whole squares of what is folded, in the picture and where it is seen small.
    shift = 32 * size // STRUCTURE_SIDE
    torch.manual_seed(4)
    coarse = torch.rand(1, 3, size // 8, size // 8)
    picture = torch.nn.functional.interpolate(coarse, (size, size), mode="nearest")[0]
    estimator, pieces = MapEstimator(model), []
    found = estimator.estimate(picture, 1.0, check=lambda: pieces.append(1))
    rolled = estimator.estimate(picture.roll((shift, shift), (1, 2)), 1.0)
    assert len(pieces) > 9
    for name in ("base_color", "roughness", "metallic", "height_m"):
        before, after = getattr(found, name), getattr(rolled, name)
        difference = (before.roll((shift, shift), (-2, -1)) - after).abs()
        assert float(difference.amax()) < 1e-6 + 0.01 * float(before.std()), name


def test_height_follows_the_tile_s_width(model: Path) -> None:
    picture = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(5))
    estimator = MapEstimator(model)
    one, two = (estimator.estimate(picture, width).height_m for width in (1.0, 2.0))
    assert torch.allclose(two, 2 * one, atol=1e-6) and float(one.std()) > 0


def test_damaged_and_missing_models_are_told(model: Path, tmp_path: Path) -> None:
    missing = MapEstimator(tmp_path / "none")
    assert not missing.available
    with pytest.raises(ModelNotFoundError, match="lacks"):
        missing.load("cpu")
    (model / "config.json").write_text('{"version": 7}', encoding="utf-8")
    with pytest.raises(ModelInvalidError, match="version 7"):
        MapEstimator(model).load("cpu")
    (model / "maps.safetensors").write_bytes(b"half")
    with pytest.raises(ModelInvalidError, match="cannot be read"):
        MapEstimator(model).load("cpu")

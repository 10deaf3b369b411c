# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews by real tiny autoencoders of diffusers' own class, found where downloads put them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from texloom import model_store, preview_decoders
from texloom.engine import denoising
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

COLOR = (0.1, 0.6, 0.9)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own model folder and an empty cache."""
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def _save(folder: Path, *, channels: int = 4, stages: int = 4, flat: bool = False) -> Any:
    from diffusers import AutoencoderTiny

    torch.manual_seed(1)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8,) * stages,
        decoder_block_out_channels=(8,) * stages,
        num_encoder_blocks=(1,) * stages,
        num_decoder_blocks=(1,) * stages,
        latent_channels=channels,
    ).eval()
    if flat:
        with torch.no_grad():
            tiny.decoder.layers[-1].weight.zero_()
            tiny.decoder.layers[-1].bias.copy_(torch.tensor(COLOR))
    tiny.save_pretrained(folder)
    return tiny


def _drawn(path: Path, **values: Any) -> tuple[Any, Notes]:
    model, notes = DiffusersFolderGenerator(path), Notes()
    model.load(notes)
    image = next(model.generate(small_request(steps=4, preview_interval=1, **values), notes))
    return image, notes


def test_previews_come_from_it_and_the_picture_does_not(stable_diffusion: Path, store: Path) -> None:
    usual, without = _drawn(stable_diffusion)
    _save(store / "madebyollin--taesd", flat=True)
    image, notes = _drawn(stable_diffusion)
    assert np.array_equal(image.maps["image"], usual.maps["image"])
    assert len(notes.previews) == len(without.previews) == 3 and notes.warnings == {}
    expected = np.broadcast_to(np.round(np.array(COLOR) * 255), (64, 64, 3))
    for (_, _, pixels), (_, _, own) in zip(notes.previews, without.previews, strict=True):
        assert pixels.shape == (64, 64, 3) and np.abs(pixels - expected).max() <= 1
        assert np.abs(own - expected).max() > 20


@pytest.mark.parametrize("name", ["stable-diffusion", "flux", "z-image", "lumina2"])
def test_it_gets_latents_as_the_network_draws_them(
    name: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpacked, and neither scaled nor shifted, whatever the large autoencoder wants of that."""
    import tiny_families
    from diffusers import AutoencoderTiny, FluxPipeline

    folder = tiny_families.save(name, tmp_path / "model")
    channels = 16 if name == "z-image" else 4
    vae = DiffusersFolderGenerator(folder)._folder.component("vae")
    assert vae is not None
    monkeypatch.setattr(preview_decoders, "for_autoencoder", lambda config: "madebyollin/taesd")
    channels = int(vae.config["latent_channels"])
    _save(store / "madebyollin--taesd", channels=channels)
    clean: list[torch.Tensor] = []
    given: list[torch.Tensor] = []
    plain, decode = denoising._clean, AutoencoderTiny.decode

    def noted(*args: Any) -> torch.Tensor:
        clean.append(plain(*args))
        return clean[-1]

    def decoded(self: Any, latents: torch.Tensor, **named: Any) -> Any:
        given.append(latents)
        return decode(self, latents, **named)

    monkeypatch.setattr(denoising, "_clean", noted)
    monkeypatch.setattr(AutoencoderTiny, "decode", decoded)
    _drawn(folder, tile_x=False, tile_y=False)
    assert len(given) == len(clean) == 3
    for latents, own in zip(given, clean, strict=True):
        grid = FluxPipeline._unpack_latents(own, 64, 64, 8) if name == "flux" else own
        grid = grid.squeeze(2) if grid.ndim == 5 else grid
        assert torch.allclose(latents, grid.float(), atol=1e-5)


def test_borders_of_previews_wrap(stable_diffusion: Path, store: Path) -> None:
    """Rolled latents give the rolled picture, which a decoder that knows its borders would not."""
    from texloom.engine.model_folder import read_folder
    from texloom.engine.preview_decoder import preview_decoder

    _save(store / "madebyollin--taesd")
    found = preview_decoder(read_folder(stable_diffusion), Notes())
    assert found is not None
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        picture = found.decode(latents, True, True)
        rolled = found.decode(latents.roll((3, 2), (-2, -1)), True, True)
        plain = found.decode(latents.roll((3, 2), (-2, -1)), False, False)
    assert torch.allclose(picture.roll((24, 16), (-2, -1)), rolled, atol=1e-5)
    assert not torch.allclose(rolled, plain, atol=1e-3)


def test_large_pictures_are_shown_larger_than_without(stable_diffusion: Path, store: Path) -> None:
    _save(store / "madebyollin--taesd")
    _, notes = _drawn(stable_diffusion, width=1024, height=512)
    assert notes.previews[0][2].shape == (256, 512, 3)


@pytest.mark.parametrize("damage", ["cut", "channels", "stages", "pickle"])
def test_one_that_cannot_be_used_is_told_and_passed_over(damage: str, stable_diffusion: Path, store: Path) -> None:
    folder = store / "madebyollin--taesd"
    _save(folder, channels=8 if damage == "channels" else 4, stages=3 if damage == "stages" else 4)
    weights = folder / preview_decoders.WEIGHTS
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:200])
    elif damage == "pickle":
        weights.rename(folder / "diffusion_pytorch_model.bin")
    _, notes = _drawn(stable_diffusion)
    # Pickled weights are not even looked at.
    assert set(notes.warnings) == (set() if damage == "pickle" else {"preview_decoder_unusable"})
    assert notes.previews[0][2].std() > 1.0


def test_which_one_fits_is_told_by_the_autoencoder() -> None:
    for config, hub in (
        ({"latent_channels": 4, "scaling_factor": 0.18215}, "madebyollin/taesd"),
        ({"latent_channels": 4}, "madebyollin/taesd"),  # as in old folders
        ({"latent_channels": 4, "scaling_factor": 0.13025}, "madebyollin/taesdxl"),
        ({"latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609}, "madebyollin/taesd3"),
        ({"latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159}, "madebyollin/taef1"),
        ({"latent_channels": 32, "scaling_factor": 0.41407}, ""),
        ({"latent_channels": 16, "scaling_factor": None}, ""),
    ):
        assert preview_decoders.for_autoencoder(config) == hub


def test_it_is_no_model_of_its_own(store: Path, stable_diffusion: Path) -> None:
    _save(store / "madebyollin--taesd")
    shutil.copytree(stable_diffusion, store / "walls")
    assert [found.path.name for found in model_store.scan()] == ["walls"]
    assert preview_decoders.find("madebyollin/taesd") == store / "madebyollin--taesd"
    assert preview_decoders.find("madebyollin/taef1") is None

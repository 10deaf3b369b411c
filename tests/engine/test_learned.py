# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned model: its channels, its folder through the real loader and engine, all at tiny size."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.learned_channels import CHANNELS, Surface, from_channels, to_channels
from texloom.engine.learned_text import MAX_TOKENS
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError, RequestError
from texloom.events import Completed
from texloom.events import Warning as Told
from texloom.request import GenerationRequest
from texloom.settings import Settings
from texloom.training.autoencoder import make_autoencoder
from texloom.training.flow import make_network
from texloom.training.learned_folder import write_folder

VAE = {
    "in_channels": 6,
    "latent_channels": 4,
    "encoder_block_out_channels": (8, 8, 8, 8, 8),
    "decoder_block_out_channels": (8, 8, 8, 8, 8),
    "encoder_layers_per_block": (0, 1, 1, 1, 1),
    "decoder_layers_per_block": (0, 1, 1, 1, 1),
    "encoder_qkv_multiscales": ((), (), (), (), ()),
    "decoder_qkv_multiscales": ((), (), (), (), ()),
    "encoder_out_shortcut": False,
    "decoder_in_shortcut": False,
}
NETWORK = {
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "resnet_time_scale_shift": "scale_shift",
    "attention_head_dim": 4,
    "use_linear_projection": True,
    "cross_attention_dim": 16,
    "encoder_hid_dim_type": "text_proj",
    "encoder_hid_dim": 384,
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 1,
}
TRANSFORMER = {
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "num_attention_heads": 2,
    "attention_head_dim": 8,
    "num_cross_attention_heads": 2,
    "cross_attention_head_dim": 8,
    "cross_attention_dim": 16,
    "caption_channels": 384,
    "patch_size": 2,
    "sample_size": 4,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model with random weights, as training writes it."""
    torch.manual_seed(0)
    network = make_network(config=NETWORK)
    with torch.no_grad():
        # A new network predicts nothing whatever it is told.
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)
    path = tmp_path_factory.mktemp("learned") / "tiny"
    write_folder(path, vae=make_autoencoder(VAE), network=network, training={"steps": 0})
    return path


@pytest.fixture(scope="module")
def generator(folder: Path) -> DiffusersFolderGenerator:
    """Loaded by the loader of all diffusers folders."""
    found = DiffusersFolderGenerator(folder)
    found.load(Notes())
    return found


def _request(**values: Any) -> GenerationRequest:
    values = {"prompt": "red brick wall", "width": 64, "height": 64, "seed": 3, "steps": 2, **values}
    return GenerationRequest(**values)


def test_maps_of_several_variations_at_a_time(generator: DiffusersFolderGenerator) -> None:
    job = _request(count=2, steps=3)
    alone = list(generator.generate(job, Notes()))
    Settings(batch="on").save()
    together = list(generator.generate(job, Notes()))
    assert [image.details.get("together") for image in (*alone, *together)] == [None, None, 2, 2]
    for one, other in zip(together, alone, strict=True):
        assert set(one.maps) == {"base_color", "height", "roughness", "metallic"} == set(other.maps)
        assert (one.height_min_m, one.height_max_m) == pytest.approx((other.height_min_m, other.height_max_m), rel=1e-2)
        for name in ("base_color", "roughness", "metallic"):
            assert np.abs(one.maps[name].astype(int) - other.maps[name]).max() <= 2
    assert not np.array_equal(together[0].maps["base_color"], together[1].maps["base_color"])


def _maps(generator: DiffusersFolderGenerator, **values: Any) -> dict[str, np.ndarray[Any, Any]]:
    return dict(next(iter(generator.generate(_request(**values), Notes()))).maps)


class TestChannels:
    def test_a_material_comes_back(self) -> None:
        torch.manual_seed(1)
        shape = (2, 1, 8, 8)
        surface = Surface(
            base_color=torch.rand(2, 3, 8, 8),
            height=torch.randn(shape) * 20.0,
            roughness=torch.rand(shape),
            metallic=torch.rand(shape),
        )
        back = from_channels(to_channels(surface))
        for name, value in vars(surface).items():
            torch.testing.assert_close(getattr(back, name), value, rtol=1e-4, atol=1e-4)

    def test_gray_has_no_color_and_channels_are_of_like_size(self) -> None:
        gray = Surface(
            base_color=torch.full((1, 3, 4, 4), 0.5),
            height=torch.full((1, 1, 4, 4), 3.0),
            roughness=torch.ones(1, 1, 4, 4),
            metallic=torch.zeros(1, 1, 4, 4),
        )
        values = to_channels(gray)[0, :, 0, 0]
        assert len(values) == len(CHANNELS)
        torch.testing.assert_close(values[1:3], torch.zeros(2), atol=1e-6, rtol=0.0)
        assert values[4] == 1.0
        assert values[5] == -1.0
        assert 0.0 < float(values[3]) < 2.0

    def test_stray_values_stay_finite(self) -> None:
        surface = from_channels(torch.full((1, 6, 2, 2), 50.0))
        assert torch.isfinite(surface.height).all()
        assert float(surface.base_color.max()) <= 1.0


class TestLoading:
    def test_it_tells_its_maps_and_sizes_before_loading(self, folder: Path) -> None:
        info = DiffusersFolderGenerator(folder).info
        assert info.native_maps == ("base_color", "height", "roughness", "metallic")
        assert info.details["family"] == "learned"
        assert info.size_step == 32
        assert info.seamless
        assert info.licence == "gpl-3.0-or-later"
        assert info.default_steps == 8

    def test_weights_are_halved(self, folder: Path) -> None:
        from safetensors.torch import load_file

        for name in ("vae", "transformer"):
            tensors = load_file(folder / name / "diffusion_pytorch_model.safetensors")
            assert {value.dtype for value in tensors.values()} == {torch.float16}

    def test_a_sana_folder_is_still_sana(self, folder: Path, tmp_path: Path) -> None:
        import shutil

        other = Path(shutil.copytree(folder, tmp_path / "other"))
        config = json.loads((other / "vae/config.json").read_text())
        (other / "vae/config.json").write_text(json.dumps(config | {"in_channels": 3}))
        assert DiffusersFolderGenerator(other).info.details["family"] == "sana"


class TestDrawing:
    def test_all_maps_in_one_go(self, generator: DiffusersFolderGenerator) -> None:
        image = next(iter(generator.generate(_request(real_world_width=2.0), Notes())))
        assert set(image.maps) == {"base_color", "height", "roughness", "metallic"}
        assert image.maps["base_color"].shape == (64, 64, 3)
        assert image.maps["height"].dtype == np.uint16
        assert image.height_max_m > image.height_min_m
        assert image.tile_width_m == 2.0
        assert set(image.details["seam_ratio"]) == {"x", "y"}

    def test_heights_grow_with_the_tile(self, generator: DiffusersFolderGenerator) -> None:
        small, large = (
            next(iter(generator.generate(_request(real_world_width=width), Notes()))) for width in (0.5, 2.0)
        )
        ratio = (large.height_max_m - large.height_min_m) / (small.height_max_m - small.height_min_m)
        assert ratio == pytest.approx(4.0, rel=1e-3)
        np.testing.assert_array_equal(small.maps["height"], large.maps["height"])

    def test_same_seed_same_maps_and_other_words_others(self, generator: DiffusersFolderGenerator) -> None:
        first, again, other, seed = (_maps(generator, **change) for change in ({}, {}, {"prompt": "snow"}, {"seed": 4}))
        np.testing.assert_array_equal(first["base_color"], again["base_color"])
        assert (first["base_color"] != other["base_color"]).any()
        assert (first["base_color"] != seed["base_color"]).any()

    def test_a_negative_prompt_and_guidance_change_it(self, generator: DiffusersFolderGenerator) -> None:
        plain, negative, unguided = (
            _maps(generator, **change)["roughness"]
            for change in ({"guidance_scale": 2.0}, {"guidance_scale": 2.0, "negative_prompt": "moss"}, {})
        )
        assert (plain != negative).any()
        assert (plain != unguided).any()

    @pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 128)])
    def test_any_aspect(self, generator: DiffusersFolderGenerator, width: int, height: int) -> None:
        maps = _maps(generator, width=width, height=height)
        assert all(value.shape[:2] == (height, width) for value in maps.values())

    @pytest.mark.parametrize(("tile_x", "tile_y"), [(True, True), (True, False), (False, True)])
    def test_moved_noise_moves_the_picture_at_axes_that_tile(
        self, generator: DiffusersFolderGenerator, tile_x: bool, tile_y: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from diffusers import SanaPipeline

        kept = SanaPipeline.prepare_latents

        def drawn(move: tuple[int, int]) -> np.ndarray[Any, Any]:
            def moved(self: Any, *args: Any, **named: Any) -> torch.Tensor:
                return kept(self, *args, **named).roll(move, (-2, -1))

            monkeypatch.setattr(SanaPipeline, "prepare_latents", moved)
            return _maps(generator, tile_x=tile_x, tile_y=tile_y)["base_color"].astype(int)

        still = drawn((0, 0))
        for tile, move, pixels in ((tile_x, (0, 2), (0, 32)), (tile_y, (2, 0), (32, 0))):
            away = np.abs(drawn(move) - np.roll(still, pixels, (0, 1))).max()
            assert (away <= 1) == tile

    def test_borders_are_like_the_inside(self, generator: DiffusersFolderGenerator) -> None:
        maps = _maps(generator, width=128, height=128)
        for axis in (0, 1):
            assert seam_ratio(maps["base_color"], axis, 32) == pytest.approx(1.0, abs=0.6)

    def test_previews_and_progress(self, generator: DiffusersFolderGenerator) -> None:
        notes = Notes()
        list(generator.generate(_request(steps=4, preview_interval=1), notes))
        assert [step for _, step, _ in notes.previews] == [1, 2, 3]
        assert all(pixels.shape[2] == 3 and pixels.dtype == np.uint8 for _, _, pixels in notes.previews)
        assert notes.steps[-1][1] == 4

    @pytest.mark.parametrize("when", ["step 1", "step 2"])
    def test_cancel_in_a_step(self, generator: DiffusersFolderGenerator, when: str) -> None:
        with pytest.raises(CancelledError):
            list(generator.generate(_request(steps=3), Notes(stop=lambda what: what == when)))
        assert _maps(generator)  # the next request is not poisoned

    def test_words_that_it_does_not_read_are_told(self, generator: DiffusersFolderGenerator) -> None:
        notes = Notes()
        list(generator.generate(_request(prompt="brick " * MAX_TOKENS + "purple"), notes))
        assert notes.warnings["prompt_too_long"][-1] == "purple"
        notes = Notes()
        long = {"prompt": "红砖墙," * MAX_TOKENS, "negative_prompt": "dirt " * MAX_TOKENS, "guidance_scale": 2.0}
        list(generator.generate(_request(**long), notes))
        assert set(notes.warnings["prompt_too_long"]) <= {"红", "砖", "墙", "砖墙", "红砖", "红砖墙"}
        assert set(notes.warnings["negative_prompt_too_long"]) == {"dirt"}
        notes = Notes()
        list(generator.generate(_request(), notes))
        assert not notes.warnings


class TestEngine:
    def test_a_material_from_words_to_files(self, folder: Path, tmp_path: Path) -> None:
        engine = Engine("cpu")
        events: list[Any] = []
        request = _request(
            model=str(folder), maps=("base_color", "normal", "height", "roughness", "metallic", "ambient_occlusion")
        )
        engine.run(request, tmp_path / "library", events.append, threading.Event())
        done = events[-1]
        assert isinstance(done, Completed)
        written = {file.name.partition("_")[2] for file in Path(done.folder).glob("00_*.png")}
        assert written == {f"{name}.png" for name in (*request.maps, "thumbnail")}
        # The maps are its own, so nothing is guessed from the picture.
        assert not [event for event in events if isinstance(event, Told)]
        manifest = json.loads(Path(done.manifest).read_text(encoding="utf-8"))
        assert set(manifest["model"]["files"]) == {
            f"{name}/diffusion_pytorch_model.safetensors" for name in ("vae", "transformer")
        }

    def test_sizes_that_do_not_fit_are_refused(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(RequestError, match="multiple of 32"):
            Engine("cpu").run(_request(model=str(folder), width=72), tmp_path, lambda event: None, threading.Event())

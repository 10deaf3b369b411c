# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny real checkpoints through the real loader."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.drawn_frame import drawn_frame
from texloom.engine.model_folder import hash_files, read_folder
from texloom.errors import CancelledError, ModelInvalidError
from texloom.request import GenerationRequest

pytestmark = pytest.mark.usefixtures("unrepaired")


class Notes:
    """A context that writes everything down, and cancels when told."""

    device = "cpu"

    def __init__(self, stop: Callable[[str], bool] = lambda what: False) -> None:
        self.stop = stop
        self.loads: list[tuple[str, float | None]] = []
        self.steps: list[tuple[int, int, int]] = []
        self.previews: list[tuple[int, int, np.ndarray[Any, Any]]] = []
        self.warnings: dict[str, tuple[str, ...]] = {}

    def check_cancelled(self) -> None:
        pass

    def loading(self, stage: str, fraction: float | None = None) -> None:
        self.loads.append((stage, fraction))
        if self.stop(stage):
            raise CancelledError

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        self.steps.append((index, step, steps))
        if self.stop(f"step {step}"):
            raise CancelledError

    def preview(self, pixels: np.ndarray[Any, Any], *, index: int = 0, step: int = 0) -> None:
        self.previews.append((index, step, pixels))

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        self.warnings[code] = words

    def timing(self, stage: str, seconds: float) -> None:
        assert seconds >= 0.0


def _request(**values: Any) -> GenerationRequest:
    values = {"prompt": "red brick", "width": 64, "height": 64, "seed": 3, "steps": 2, "kind": "texture", **values}
    return GenerationRequest(**values)


def _loaded(path: Path) -> DiffusersFolderGenerator:
    generator = DiffusersFolderGenerator(path)
    generator.load(Notes())
    return generator


@pytest.fixture(scope="module")
def unet_model(stable_diffusion: Path) -> DiffusersFolderGenerator:
    return _loaded(stable_diffusion)


@pytest.fixture(scope="module")
def transformer_model(z_image: Path) -> DiffusersFolderGenerator:
    return _loaded(z_image)


@pytest.fixture
def copy(stable_diffusion: Path, tmp_path: Path) -> Path:
    """A copy of the model to break."""
    return Path(shutil.copytree(stable_diffusion, tmp_path / "model"))


def _edit(path: Path, change: dict[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


class TestLooking:
    def test_what_it_is_is_known_before_loading(self, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        assert not generator.loaded
        info = generator.info
        assert info.licence == "creativeml-openrail-m"
        assert info.native_maps == ("image",)
        assert info.size_step == 8
        assert info.seamless
        weights = list(stable_diffusion.rglob("*.safetensors"))
        assert info.details["bytes"] == sum(file.stat().st_size for file in weights)

    def test_transformers_have_coarser_sizes(self, z_image: Path) -> None:
        info = DiffusersFolderGenerator(z_image).info
        assert info.size_step == 16
        assert info.seamless
        assert info.licence == "unknown"

    def test_hashes_are_right_and_remembered(self, copy: Path) -> None:
        folder = read_folder(copy)
        told: list[float] = []
        hashes = hash_files(folder, told.append)
        for name, digest in hashes.items():
            assert hashlib.sha256((copy / name).read_bytes()).hexdigest() == digest
        assert set(hashes) == {
            "text_encoder/model.safetensors",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        }
        assert told == sorted(told)
        assert told[-1] == 1.0
        # The same size and time: taken as unchanged.  Another time: read again.
        file = copy / "unet" / "diffusion_pytorch_model.safetensors"
        stat = file.stat()
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert hash_files(folder, told.append) == hashes
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
        assert hash_files(folder, told.append) != hashes

    def test_licence_file_and_names(self, copy: Path) -> None:
        (copy / "README.md").write_text("---\nlicense: other\nlicense_name: flux-1-dev\n---\n")
        assert read_folder(copy).licence == "flux-1-dev"
        (copy / "README.md").unlink()
        (copy / "LICENSE").write_text("\n  Apache License\n  Version 2.0\n")
        assert read_folder(copy).licence == "see LICENSE (Apache License)"

    def test_variants(self, copy: Path) -> None:
        assert read_folder(copy).variant == ""
        for file in list(copy.rglob("*.safetensors")):
            file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
        assert read_folder(copy).variant == "fp16"
        assert _loaded(copy).loaded


class TestRefusing:
    def test_no_diffusers_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ModelInvalidError, match=r"no model_index\.json"):
            DiffusersFolderGenerator(tmp_path)

    def test_damaged_index(self, copy: Path) -> None:
        (copy / "model_index.json").write_text("{")
        with pytest.raises(ModelInvalidError, match="damaged"):
            DiffusersFolderGenerator(copy)

    def test_pickled_weights(self, copy: Path) -> None:
        weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
        (copy / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
        assert DiffusersFolderGenerator(copy).info  # beside safetensors they are never read
        weights.unlink()
        with pytest.raises(ModelInvalidError, match="pickled weights"):
            DiffusersFolderGenerator(copy)

    def test_an_unused_safety_checker_may_be_pickled(self, copy: Path) -> None:
        (copy / "safety_checker").mkdir()
        (copy / "safety_checker" / "pytorch_model.bin").write_bytes(b"\x80\x04")
        _edit(copy / "model_index.json", {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]})
        assert _loaded(copy)._pipeline.safety_checker is None

    @pytest.mark.parametrize(
        "change",
        [
            {"unet": ["my_unet", "MyUNet"]},
            {"unet": ["os", "system"]},
            {"unet": ["../evil", "UNet"]},
            {"_class_name": ["pipeline", "MyPipeline"]},
            {"../unet": ["diffusers", "UNet2DConditionModel"]},
        ],
    )
    def test_code_of_its_own(self, change: dict[str, Any], copy: Path) -> None:
        (copy / "unet" / "my_unet.py").write_text("raise SystemExit")
        _edit(copy / "model_index.json", change)
        with pytest.raises(ModelInvalidError, match="not part of diffusers"):
            DiffusersFolderGenerator(copy)

    def test_configuration_that_points_to_code(self, copy: Path) -> None:
        _edit(copy / "text_encoder" / "config.json", {"auto_map": {"AutoModel": "modeling.MyModel"}})
        with pytest.raises(ModelInvalidError, match="points to code"):
            DiffusersFolderGenerator(copy)

    def test_missing_weights(self, copy: Path) -> None:
        for file in copy.rglob("*.safetensors"):
            file.unlink()
        with pytest.raises(ModelInvalidError, match="no weights"):
            DiffusersFolderGenerator(copy)

    @pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
    def test_damaged_weights(self, part: str, copy: Path) -> None:
        file = next((copy / part).glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:1000])
        generator = DiffusersFolderGenerator(copy)
        with pytest.raises(ModelInvalidError, match=f"{part} of the model"):
            generator.load(Notes())
        assert not generator.loaded

    def test_a_part_is_missing(self, copy: Path) -> None:
        shutil.rmtree(copy / "tokenizer")
        with pytest.raises(ModelInvalidError):
            _loaded(copy)

    @pytest.mark.parametrize("name", ["DDPMPipeline", "StableVideoDiffusionPipeline", "NoSuchPipeline", "UNet2DModel"])
    def test_pipelines_that_draw_nothing_from_text(self, name: str, copy: Path) -> None:
        _edit(copy / "model_index.json", {"_class_name": name})
        with pytest.raises(ModelInvalidError):
            _loaded(copy)

    def test_image_to_image_sisters_are_loaded_for_text(self, copy: Path) -> None:
        _edit(copy / "model_index.json", {"_class_name": "StableDiffusionImg2ImgPipeline"})
        assert type(_loaded(copy)._pipeline).__name__ == "StableDiffusionPipeline"


class TestLoading:
    def test_progress_never_falls_and_names_the_parts(self, stable_diffusion: Path) -> None:
        notes = Notes()
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(notes)
        fractions = [fraction for _, fraction in notes.loads if fraction is not None]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert {"Loading unet", "Loading vae", "Loading text encoder"} <= {stage for stage, _ in notes.loads}
        assert set(generator.info.files) == set(hash_files(read_folder(stable_diffusion), lambda part: None))
        assert len(generator.info.revision) == 16
        assert generator.info.default_steps == 30
        assert generator.info.default_guidance_scale == 7.5
        assert generator.info.supports_negative_prompt
        count = len(notes.loads)
        generator.load(notes)
        assert len(notes.loads) == count
        generator.unload()
        assert not generator.loaded

    @pytest.mark.parametrize("stage", ["Checking files", "Importing libraries", "Loading unet", "Moving to the device"])
    def test_cancel_at_any_stage(self, stage: str, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        with pytest.raises(CancelledError):
            generator.load(Notes(lambda what: what == stage))
        assert not generator.loaded


class TestDrawing:
    @pytest.mark.parametrize("model", ["unet_model", "transformer_model"])
    def test_pictures_steps_and_previews(self, model: str, request: pytest.FixtureRequest) -> None:
        generator: DiffusersFolderGenerator = request.getfixturevalue(model)
        notes = Notes()
        job = _request(width=96, steps=4, count=2, preview_interval=2, real_world_width=3.0)
        images = list(generator.generate(job, notes))
        assert [(image.index, image.seed) for image in images] == [(0, 3), (1, 4)]
        for image in images:
            assert image.maps["image"].shape == (64, 96, 3)
            assert image.maps["image"].dtype == np.uint8
            assert image.maps["image"].std() > 1.0
            assert (image.tile_width_m, image.tile_height_m) == (3.0, 2.0)
            assert image.details["steps"] == 4
        assert not np.array_equal(images[0].maps["image"], images[1].maps["image"])
        # The last one is said again when the picture is decoded.
        assert notes.steps == [(index, step, 4) for index in (0, 1) for step in (0, 1, 2, 3, 4, 4)]
        assert [(index, step) for index, step, _ in notes.previews] == [(0, 2), (1, 2)]
        assert notes.previews[0][2].shape == (64, 96, 3)

    def test_previews_of_large_pictures_are_small(self, unet_model: DiffusersFolderGenerator) -> None:
        notes = Notes()
        next(unet_model.generate(_request(width=512, height=256, steps=2, preview_interval=1), notes))
        assert notes.previews[0][2].shape == (128, 256, 3)

    @pytest.mark.parametrize("model", ["unet_model", "transformer_model"])
    def test_the_same_seed_is_the_same_picture(self, model: str, request: pytest.FixtureRequest) -> None:
        generator: DiffusersFolderGenerator = request.getfixturevalue(model)
        first, second, other, reworded = (
            next(generator.generate(_request(**change), Notes())).maps["image"]
            for change in ({}, {"id": "x", "preview_interval": 1}, {"seed": 4}, {"prompt": "蓝色瓷砖"})
        )
        assert np.array_equal(first, second)
        assert not np.array_equal(first, other)
        assert not np.array_equal(first, reworded)

    def test_variations_are_single_pictures_of_their_seeds(self, unet_model: DiffusersFolderGenerator) -> None:
        second = list(unet_model.generate(_request(count=2), Notes()))[1]
        alone = next(unet_model.generate(_request(seed=4), Notes()))
        assert np.array_equal(second.maps["image"], alone.maps["image"])

    def test_steps_guidance_and_negative_prompt_matter(self, unet_model: DiffusersFolderGenerator) -> None:
        pictures = [
            next(unet_model.generate(_request(**change), Notes())).maps["image"]
            for change in ({}, {"steps": 3}, {"guidance_scale": 1.0}, {"negative_prompt": "moss"})
        ]
        for index in range(1, len(pictures)):
            assert not np.array_equal(pictures[0], pictures[index])

    def test_cancel_in_a_step_and_go_on(self, unet_model: DiffusersFolderGenerator) -> None:
        notes = Notes(lambda what: what == "step 2")
        with pytest.raises(CancelledError):
            next(unet_model.generate(_request(steps=5), notes))
        assert notes.steps[-1] == (0, 2, 5)
        # The interrupted run leaves no trace: neither in the networks nor in the picture.
        assert not any("_conv_forward" in part.__dict__ for part in unet_model._pipeline.unet.modules())
        fresh = next(_loaded(Path(unet_model.info.id)).generate(_request(), Notes())).maps["image"]
        assert np.array_equal(next(unet_model.generate(_request(), Notes())).maps["image"], fresh)

    def test_tiling_changes_the_borders_of_a_unet(self, unet_model: DiffusersFolderGenerator) -> None:
        notes = Notes()
        tiling = next(unet_model.generate(_request(tile_x=True, tile_y=True), notes)).maps["image"]
        assert "seamless_approximate" not in notes.warnings
        plain = next(unet_model.generate(_request(tile_x=False, tile_y=False), notes)).maps["image"]
        assert not np.array_equal(tiling, plain)

    def test_a_size_without_room_for_margins_is_told(self, transformer_model: DiffusersFolderGenerator) -> None:
        notes = Notes()
        largest = 192 * 16  # its table of positions
        family, folder = transformer_model._family, transformer_model._folder
        assert drawn_frame(_request(width=largest), family, folder).approximate
        assert not drawn_frame(_request(width=largest, tile_x=False), family, folder).approximate
        assert notes.warnings == {}

    def test_negative_prompts_need_guidance(self, transformer_model: DiffusersFolderGenerator) -> None:
        notes = Notes()
        next(transformer_model.generate(_request(negative_prompt="moss", guidance_scale=0.0), notes))
        assert set(notes.warnings) == {"negative_prompt_ignored"}
        notes = Notes()
        next(transformer_model.generate(_request(negative_prompt="moss", guidance_scale=2.0), notes))
        assert notes.warnings == {}

    def test_locked_parameters_are_of_no_use(self, unet_model: DiffusersFolderGenerator) -> None:
        notes = Notes()
        next(unet_model.generate(_request(parameters={"family": "bricks"}), notes))
        assert set(notes.warnings) == {"parameters_ignored"}

    def test_global_random_numbers_are_left_alone(self, unet_model: DiffusersFolderGenerator) -> None:
        torch.manual_seed(11)
        expected = torch.rand(3)
        torch.manual_seed(11)
        next(unet_model.generate(_request(), Notes()))
        assert torch.equal(torch.rand(3), expected)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Upscaling by models that draw over a picture, window by window."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
from PIL import Image
from test_diffusers_folder import Notes
from test_upscaling import periodic, pixels_of, run
from texloom.engine import diffusers_folder, tiled_drawing
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.operations import Start
from texloom.engine.service import Engine
from texloom.engine.upscaler import Upscaler, enlarge
from texloom.engine.window_grid import Canvas, stretches
from texloom.errors import CancelledError, RequestError
from texloom.request import MAPS, GenerationRequest
from texloom.upscale_request import upscale_request
from tiny_loaded import Models, loaded_once

pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return loaded_once(tmp_path_factory.mktemp("families"))


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A picture of 96 × 80 pixels that repeats."""
    Image.fromarray(periodic()).save(tmp_path / "wall.png")
    return tmp_path / "wall.png"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers_folder, "USUAL_SIDE", 128)


def _request(wall: Path, factor: float = 2.0, **options: Any) -> GenerationRequest:
    return upscale_request(wall, factor, model="tiny", **{"seed": 3, "steps": 4} | options)


def _draw(model: DiffusersFolderGenerator, request: GenerationRequest, notes: Notes | None = None) -> Any:
    return next(model.generate(request, notes or Notes()))


class TestGrid:
    @pytest.mark.parametrize("wraps", [True, False])
    @pytest.mark.parametrize("length", [40, 64, 100, 128, 130, 192, 500, 1031])
    def test_shares_add_up_to_one(self, length: int, wraps: bool) -> None:
        found = stretches(length, 128, 16, wraps)
        total = np.zeros(length)
        for one in found:
            assert len(one.index) % 16 == 0 and len(one.index) <= 128 and one.index.max() < length
            np.add.at(total, one.index[: one.used], one.share)
        assert total == pytest.approx(1.0, abs=1e-5)
        assert [one.whole for one in found] == [wraps and length in (64, 128)] * len(found)

    def test_windows_go_on_across_the_sides(self) -> None:
        found = stretches(300, 128, 16, True)
        assert any((np.diff(one.index) < 0).any() for one in found)
        ends = [one.share[[0, -1]] for one in found]
        assert max(share for pair in ends for share in pair) < 0.01
        straight = stretches(300, 128, 16, False)
        assert all((np.diff(one.index) == 1).all() for one in straight)
        assert straight[0].share[0] == 1.0 and straight[-1].share[-1] == 1.0

    def test_what_is_the_same_everywhere_comes_out_the_same(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (150, 300, 3), np.uint8)
        canvas = Canvas(150, 300)
        for down in stretches(150, 64, 8, True):
            for across in stretches(300, 64, 8, False):
                canvas.add(pixels[np.ix_(down.index, across.index)], across, down)
        assert np.abs(canvas.finished().astype(int) - pixels).max() <= 1
        assert np.abs(canvas.shown(np.zeros_like(pixels), 300).astype(int) - pixels).max() <= 12


class TestDrawing:
    @pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "flux", "z-image", "qwen-image"])
    def test_every_window_is_drawn_over_the_light_result(self, name: str, models: Models, wall: Path) -> None:
        notes = Notes()
        image = _draw(models(name), _request(wall, preview_interval=1), notes)
        made, facts = image.maps["image"], image.details
        light = enlarge(periodic(), 192, 160, wraps=(True, True), upscaler=Upscaler())
        assert made.shape == (160, 192, 3) and not np.array_equal(made, light)
        assert facts["strength"] == 0.3 and facts["upscale"]["windows"] == [2, 2]
        assert facts["upscale"]["way"] == "drawn" and facts["upscale"]["light"] == "network"
        # One progress over the light way and all windows.
        parts = [step / steps for _, step, steps in notes.steps]
        assert parts == sorted(parts) and parts[-1] == 1.0 and len({round(p, 3) for p in parts}) > 5
        assert len(notes.previews) == 3 and notes.previews[0][2].shape == (160, 192, 3)
        assert set(notes.warnings) <= {"prompt_too_long"}

    @pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
    def test_no_strength_is_the_light_way(self, name: str, models: Models, wall: Path) -> None:
        """With nothing drawn the windows put together are the picture again, to a rounding."""
        image = _draw(models(name), _request(wall, 3, strength=0.0))
        light = enlarge(periodic(), 288, 240, wraps=(True, True), upscaler=Upscaler())
        assert np.abs(image.maps["image"].astype(int) - light).max() <= 1

    @pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
    def test_it_repeats_as_before(self, name: str, models: Models, wall: Path) -> None:
        for factor in (2.0, 2.6):
            image = _draw(models(name), _request(wall, factor, strength=0.5))
            ratios = image.details["upscale"]["seam_ratio"]
            assert ratios["x"] < 1.5 and ratios["y"] < 1.5, ratios

    def test_one_window_of_a_whole_tile_wraps_by_itself(self, models: Models, wall: Path) -> None:
        Image.fromarray(periodic(64, 64)).save(wall)
        image = _draw(models("stable-diffusion"), _request(wall, strength=0.6))
        assert image.details["upscale"]["windows"] == [1, 1] and image.details["upscale"]["window"] == [128, 128]
        assert image.details["upscale"]["seam_ratio"]["x"] < 1.5

    def test_seeds_and_variations(self, models: Models, wall: Path) -> None:
        model = models("stable-diffusion")
        first, second = model.generate(_request(wall, count=2), Notes())
        assert (first.index, second.index, second.seed) == (0, 1, 4)
        assert not np.array_equal(first.maps["image"], second.maps["image"])
        again = _draw(model, _request(wall))
        assert np.array_equal(again.maps["image"], first.maps["image"])
        other = _draw(model, _request(wall, prompt="pale oak"))
        assert not np.array_equal(other.maps["image"], first.maps["image"])

    def test_cancelled_between_and_in_steps(self, models: Models, wall: Path) -> None:
        model = models("stable-diffusion")
        expected = _draw(model, _request(wall)).maps["image"]
        notes = Notes()
        _draw(model, _request(wall), notes)
        for stop in sorted({step for _, step, _ in notes.steps if step})[::2]:
            with pytest.raises(CancelledError):
                _draw(model, _request(wall), Notes(lambda what, stop=stop: what == f"step {stop}"))  # type: ignore[misc]
        assert np.array_equal(_draw(model, _request(wall)).maps["image"], expected)

    def test_memory_that_runs_out_in_a_window(
        self, models: Models, wall: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same window is drawn again by a leaner plan; those before it stay."""
        model = DiffusersFolderGenerator(
            models("stable-diffusion").info.id and Path(models("stable-diffusion").info.id)
        )
        model.load(Notes())
        expected = _draw(model, _request(wall)).maps["image"]
        given, calls = model._variations, []

        def scarce(*arguments: Any) -> Any:
            calls.append(arguments[2])
            if len(calls) == 3:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return given(*arguments)

        monkeypatch.setattr(model, "_variations", scarce)
        made = _draw(model, _request(wall)).maps["image"]
        assert len(calls) == 5
        assert np.abs(made.astype(int) - expected).mean() < 2.0

    def test_windows_see_the_light_result(self, wall: Path) -> None:
        """What a model gets, without a model."""
        seen: list[tuple[GenerationRequest, Start]] = []

        def draw_over(request: GenerationRequest, start: Start, index: int, context: Any) -> Any:
            seen.append((request, start))
            context.progress(1, 1)
            from texloom.engine.generator import GeneratedImage

            return GeneratedImage(
                index=index, seed=request.seed, maps={"image": start.picture}, tile_width_m=1.0, tile_height_m=1.0
            )

        made = next(tiled_drawing.tiled(_request(wall, 4), Notes(), draw_over, side=135, step=8))
        light = enlarge(periodic(), 384, 320, wraps=(True, True), upscaler=Upscaler())
        assert np.abs(made.maps["image"].astype(int) - light).max() <= 1
        assert all(start.picture.shape == (128, 128, 3) and start.strength == 0.3 for _, start in seen)
        assert len({job.seed for job, _ in seen}) == len(seen) == 16
        assert not any(job.tile_x or job.tile_y for job, _ in seen)


class TestRefusals:
    @pytest.mark.parametrize("name", ["flux2", "qwen-image-edit", "flux-control"])
    def test_editors_have_no_strength(self, name: str, models: Models, wall: Path) -> None:
        with pytest.raises(RequestError, match="cannot upscale"):
            _draw(models(name), _request(wall))
        with pytest.raises(RequestError, match="cannot upscale"):
            models(name).expect(_request(wall))

    @pytest.mark.parametrize("name", ["flux-fill", "sd-inpainting", "qwen-image-2.1", "generic"])
    def test_others_cannot_draw_over_a_picture(self, name: str, models: Models, wall: Path) -> None:
        with pytest.raises(RequestError, match=r"cannot upscale|starts from no picture"):
            _draw(models(name), _request(wall))


class TestThroughTheEngine:
    def test_a_material_of_which_only_the_base_color_is_drawn(self, stable_diffusion: Path, tmp_path: Path) -> None:
        engine = Engine("cpu")
        first = GenerationRequest(prompt="red brick wall", width=96, height=96, seed=4, maps=MAPS)
        made, _, _ = run(engine, tmp_path / "library", first)
        jobs = {
            model: run(engine, tmp_path / "library", upscale_request(made, 2, model=model, steps=4, seed=1))
            for model in ("image", str(stable_diffusion))
        }
        (light, _, _), (drawn, manifest, events) = jobs.values()
        for name in MAPS:
            same = np.array_equal(pixels_of(light / f"00_{name}.png"), pixels_of(drawn / f"00_{name}.png"))
            assert same == (name != "base_color"), name
        assert manifest["results"][0]["upscale"]["windows"] == [2, 2]
        assert manifest["request"]["prompt"] == "red brick wall"
        fractions = [event.fraction for event in events if event.type == "progress"]
        assert fractions == sorted(fractions)

    def test_what_cannot_is_told_before_it_is_loaded(self, wall: Path, tmp_path: Path) -> None:
        for name in ("qwen-image-2.1", "flux2"):
            folder = tiny_families.save(name, tmp_path / name)
            loaded: list[Any] = []
            with pytest.raises(RequestError, match="cannot upscale"):
                Engine("cpu").run(
                    _request(wall).replace(model=str(folder)), tmp_path / "library", loaded.append, threading.Event()
                )
            assert loaded == []

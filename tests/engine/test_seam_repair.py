# SPDX-License-Identifier: GPL-3.0-or-later
"""Seams that show are found and repaired: drawn anew, or covered by strips of the picture itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine import seam_repair
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.seam_repair import mended, shows
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError
from texloom.request import GenerationRequest
from texloom.storage import read_manifest

Pixels = np.ndarray[Any, Any]


def _wavy(height: int = 128, width: int = 256, seed: int = 0, *, tiles: bool = False) -> Pixels:
    """Soft blobs of all sizes, as in a texture; cut out of a larger field unless it tiles."""
    rng = np.random.default_rng(seed)
    rows, columns = (height, width) if tiles else (2 * height, 2 * width)
    spectrum = np.fft.fft2(rng.standard_normal((rows, columns, 3)), axes=(0, 1))
    y, x = np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None]
    field = np.fft.ifft2(spectrum / (0.02 + np.hypot(x, y))[..., None] ** 1.6, axes=(0, 1)).real
    field = field[:height, :width]
    return ((field - field.mean()) / field.std() * 40.0 + 128.0).clip(0, 255).astype(np.uint8)


def _bricks(*, joint_at_border: bool) -> Pixels:
    rows = np.full((128, 128, 3), 150, np.uint8) + np.random.default_rng(1).integers(0, 20, (128, 128, 3), np.uint8)
    rows[:, 0 if joint_at_border else 5 :: 16] = 90
    return rows


class TestFinding:
    def test_a_seam(self) -> None:
        assert shows(_wavy(), 1, 1) and shows(_wavy(), 0, 8)
        assert not any(shows(_wavy(seed=seed, tiles=True), axis, 1) for seed in range(5) for axis in (0, 1))

    def test_joints_on_the_border_are_none(self) -> None:
        pixels = _bricks(joint_at_border=True)
        assert seam_ratio(pixels, 1) > seam_repair.LIMIT
        assert not shows(pixels, 1, 1)
        shifted = _bricks(joint_at_border=False)
        shifted[:, 64:] = shifted[:, 64:] // 2
        assert shows(shifted, 1, 1)

    def test_why_a_seam_is_left_is_told(self) -> None:
        pixels = _bricks(joint_at_border=True)
        same, facts = seam_repair.repaired(pixels, (True, True), 1, lambda axes: None, Notes())
        assert same is pixels
        assert facts == {"seam_repair": {"way": "none", "axes": ["x"], "why": seam_repair.AS_ROUGH}}
        assert seam_repair.repaired(pixels, (False, True), 1, lambda axes: None, Notes()) == (pixels, {})
        # Beside one that is repaired as well.
        pixels[:64] //= 2
        _, facts = seam_repair.repaired(pixels, (True, True), 1, lambda axes: None, Notes())
        told = facts["seam_repair"]
        assert told["way"] == "strips" and told["left"] == ["x"] and told["why"] == seam_repair.AS_ROUGH

    def test_a_border_of_a_flat_picture_has_no_ratio(self) -> None:
        pixels = np.full((64, 64, 3), 7, np.uint8)
        pixels[:, 24:] = 90
        assert seam_repair.ratios(pixels, 32) == {"x": None, "y": 1.0}
        fixed, facts = seam_repair.repaired(pixels, (True, True), 32, lambda axes: None, Notes())
        assert facts["seam_repair"]["before"] == {"x": None, "y": 1.0} and fixed.shape == (64, 64, 3)

    def test_flat_pictures_have_none(self) -> None:
        assert not shows(np.full((32, 32, 3), 7, np.uint8), 1, 8)


class TestMending:
    @pytest.mark.parametrize("axis", [0, 1])
    @pytest.mark.parametrize("wraps", [False, True])
    def test_strips_cover_the_seam(self, axis: int, wraps: bool) -> None:
        for seed in range(3):
            pixels = _wavy(200, 240, seed)
            fixed = mended(pixels, axis, wraps=wraps)
            assert fixed.shape == pixels.shape
            assert seam_ratio(pixels, axis) > 2.0 and not shows(fixed, axis, 1)
            middle = fixed.take(range(60, 140), axis)
            assert np.array_equal(middle, pixels.take(range(60, 140), axis))
            # Nowhere else is a new one: rolled by any part, the picture is as smooth as before.
            steps = np.abs(np.diff(fixed.astype(int), axis=axis)).mean((1 - axis, 2))
            usual = np.abs(np.diff(pixels.astype(int), axis=axis)).mean((1 - axis, 2))
            assert steps.max() < 2.0 * usual.max()

    def test_the_cut_meets_itself_where_the_picture_wraps(self) -> None:
        pixels = _wavy(128, 256, 3, tiles=True).copy()
        pixels[:, :128] = np.roll(pixels[:, :128], 40, 0)
        fixed = mended(pixels, 1, wraps=True)
        assert not shows(fixed, 1, 1)
        assert seam_ratio(fixed, 0) < 1.3

    def test_it_can_be_stopped(self) -> None:
        def check() -> None:
            raise CancelledError

        with pytest.raises(CancelledError):
            mended(_wavy(), 1, wraps=False, check=check)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DiffusersFolderGenerator]:
    """Loaded tiny models, made when first asked for."""
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        if name not in made:
            made[name] = DiffusersFolderGenerator(tiny_families.save(name, tmp_path_factory.mktemp("families") / name))
            made[name].load(Notes())
        return made[name]

    return get


class TestByModels:
    @pytest.mark.parametrize(
        ("name", "way"),
        [("stable-diffusion", "drawn"), ("flux", "drawn"), ("flux2-klein", "drawn"), ("sana", "strips"),
         ("generic", "strips")],
    )  # fmt: skip
    def test_what_they_left_is_repaired(
        self, name: str, way: str, models: Callable[[str], DiffusersFolderGenerator]
    ) -> None:
        model, notes = models(name), Notes()
        # A checkerboard's steps are larger than anything that an untrained network draws, but for its seam.
        pixels = (np.indices((128, 192)).sum(0) // 4 % 2 * 60).astype(np.uint8)[..., None].repeat(3, 2)
        pixels[:, :96] += 150
        pixels = np.roll(pixels, 96, 1)
        job = GenerationRequest(prompt="brick", width=192, height=128, steps=2, seed=1, kind="texture", tile_y=False)
        fixed, facts = model._seams.repaired(pixels, job, 0, 1, notes)
        told = facts["seam_repair"]
        assert told["way"] == way and told["before"] == model._seams.ratios(pixels)
        assert (
            told["kept"]
            == (model._seams.ratios(fixed)["x"] < told["before"]["x"])
            == (not np.array_equal(fixed, pixels))
        )
        assert np.array_equal(fixed[:, 48:144], pixels[:, 48:144])
        # The model draws as ever afterwards.
        first = next(model.generate(job.replace(tile_x=False), Notes())).maps["image"]
        assert np.array_equal(first, next(model.generate(job.replace(tile_x=False), Notes())).maps["image"])

    def test_nothing_is_done_where_nothing_is_asked(self, models: Callable[[str], DiffusersFolderGenerator]) -> None:
        job = GenerationRequest(prompt="brick", width=256, height=128, tile_x=False, tile_y=False)
        pixels = _wavy()
        same, facts = models("sana")._seams.repaired(pixels, job, 0, 1, Notes())
        assert same is pixels and facts == {}

    def test_from_request_to_manifest(
        self, stable_diffusion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Every seam counts as one that shows.
        monkeypatch.setattr(seam_repair, "LIMIT", 0.0)
        monkeypatch.setattr(seam_repair, "_USUAL_LINES", 0.0)
        job = GenerationRequest(
            prompt="bricks", model=str(stable_diffusion), width=64, height=64, steps=2, seed=1, kind="texture", count=2
        )
        events: list[Any] = []
        Engine("cpu").run(job, tmp_path, events.append, threading.Event())
        folder = Path(events[-1].folder)
        manifest = read_manifest(folder)
        for item in manifest["results"]:
            assert item["seam_repair"]["way"] == "drawn" and set(item["seam_repair"]["before"]) == {"x", "y"}
            ratios = item["seam_ratio"] if item["seam_repair"]["kept"] else item["seam_repair"]["before"]
            assert item["seam_ratio"] == ratios
        stages = {event.stage for event in events if event.type == "progress"}
        assert "Repairing the seam" in stages
        fractions = [event.fraction for event in events if event.type == "progress"]
        assert fractions == sorted(fractions)
        assert [item["code"] for item in manifest["warnings"]] == ["seam_left"]
        assert Image.open(folder / "00_image.png").size == (64, 64)

    def test_cancelled_in_the_repair(
        self, models: Callable[[str], DiffusersFolderGenerator], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(seam_repair, "LIMIT", 0.0)
        monkeypatch.setattr(seam_repair, "_USUAL_LINES", 0.0)
        model = models("stable-diffusion")
        job = GenerationRequest(prompt="bricks", width=64, height=64, steps=2, seed=1, kind="texture")
        notes = Notes()
        monkeypatch.setattr(notes, "stop", lambda what: what == "step 1" and len(notes.steps) > 5)
        with pytest.raises(CancelledError):
            next(model.generate(job, notes))
        monkeypatch.setattr(seam_repair, "LIMIT", np.inf)
        assert "seam_repair" not in next(model.generate(job, Notes())).details

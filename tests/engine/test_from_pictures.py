# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that draw nothing from words alone: LoRAs, cancel at any point, and sides that meet, as they are used.

Editors and those that follow a picture draw a whole one; the others fill in what is masked, of which a seam is one.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_loras
from PIL import Image
from test_diffusers_folder import Notes
from texloom import catalog_rows
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.errors import CancelledError, ModelInvalidError
from texloom.request import GenerationRequest, Lora
from tiny_loaded import Models, loaded_once, small_request
from tiny_pictures import seam_step, smooth
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")

NAMES = tiny_families.FROM_PICTURES
FILLING = ("flux-fill", "sd-inpainting")
EDITORS = tuple(name for name in NAMES if name not in FILLING)
POINTS = ("in the text encoder", "in a step", "decoding")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("families"))


def _job(name: str, folder: Path, **values: Any) -> GenerationRequest:
    """A small picture in two steps, in the way the model is used."""
    source = smooth(folder / "wall.png", 64, 64)
    usual: dict[str, Any] = {"source": str(source), "tile_x": False, "tile_y": False}
    if name in FILLING:
        mask = np.zeros((64, 64), np.uint8)
        mask[16:56, 16:56] = 255
        Image.fromarray(mask).save(folder / "mask.png")
        usual |= {"operation": "inpaint", "mask": str(folder / "mask.png")}
    return small_request(**usual | values)


def _draw(model: DiffusersFolderGenerator, job: GenerationRequest, notes: Notes | None = None) -> Any:
    return next(model.generate(job, notes or Notes()))


@pytest.mark.parametrize("name", NAMES)
def test_loras_change_the_picture_by_their_weight(name: str, models: Models, tmp_path: Path) -> None:
    model = models(name)
    files = [tiny_loras.save(Path(model.info.id), tmp_path / "loras", seed=seed) for seed in (0, 1)]
    first, second = (Lora(str(file)) for file in files)

    def pixels(*stack: Lora) -> Any:
        return _draw(model, _job(name, tmp_path, loras=stack)).maps["image"]

    plain = pixels()
    notes = Notes()
    image = _draw(model, _job(name, tmp_path, loras=(first,)), notes)
    assert "lora_partly_used" not in notes.warnings
    assert image.details["loras"][0]["sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest()
    one = image.maps["image"]
    pictures = [plain, one, pixels(Lora(first.file, 0.5)), pixels(first, second)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(pictures) for b in pictures[:i])
    assert np.array_equal(pixels(first), one)
    for back in (pixels(), pixels(Lora(first.file, 0.0))):
        assert np.abs(back.astype(int) - plain).max() <= 1
    other = "sdxl" if name != "sdxl" else "flux"
    made = tiny_loras.save(tiny_families.save(other, tmp_path / other), tmp_path / "loras")
    with pytest.raises(ModelInvalidError, match="does not fit"):
        pixels(Lora(str(made)))
    assert np.abs(pixels().astype(int) - plain).max() <= 1


def test_every_row_that_promises_loras_is_tried() -> None:
    rows = [row for row in catalog_rows.rows() if not row.text_to_image and "lora" in row.abilities]
    assert rows and {row.family for row in rows} <= set(NAMES)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", NAMES)
def test_cancel_and_go_on(
    name: str, point: str, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models(name)
    job = _job(name, tmp_path)
    expected = _draw(model, job).maps["image"]
    notes = Notes(lambda what: point == "in a step" and what == "step 1")
    calls, reading = itertools.count(), [False]
    # Only once the words, which must be new ones, have got into the text encoder itself.
    mark = model._pipeline.text_encoder.register_forward_pre_hook(lambda *_: reading.__setitem__(0, True))

    def check() -> None:
        done = notes.steps[-1][1] if notes.steps else -1
        if {
            "in the text encoder": done == 0 and reading[0],
            "in a step": False,
            "decoding": done == 2 and len(notes.steps) > 3 and next(calls) == 1,
        }[point]:
            raise CancelledError

    monkeypatch.setattr(notes, "check_cancelled", check)
    with mark, pytest.raises(CancelledError):
        _draw(model, job.replace(prompt=f"planks, cancelled {point}"), notes)
    last = {"in the text encoder": 0, "in a step": 1, "decoding": 2}[point]
    assert notes.steps[-1][1] == last
    # Nothing is left behind, and the next picture is the one that was expected.
    pipeline = model._pipeline
    assert "step" not in pipeline.scheduler.__dict__ and "decode" not in pipeline.vae.__dict__
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            assert not any(module._forward_pre_hooks for module in part.modules())
            assert not any("_conv_forward" in module.__dict__ for module in part.modules())
    assert np.array_equal(_draw(model, job).maps["image"], expected)


@pytest.mark.parametrize("name", [*EDITORS, "flux2", "flux2-klein"])
def test_borders_are_like_any_place_inside(name: str, models: Models, tmp_path: Path) -> None:
    """The source does not repeat at all; with random weights too, on average over long borders, what is drawn does."""
    model, ratios = models(name), []
    count = 2 if name == "qwen-image-edit" else 6  # its pipeline looks at a megapixel, whatever is drawn
    for axis in ("x", "y"):
        width, height = (96, 1024) if axis == "x" else (1024, 96)
        source = smooth(tmp_path / "long.png", width, height)
        job = _job(
            name, tmp_path, source=str(source), width=width, height=height, count=count, **{f"tile_{axis}": True}
        )
        ratios += [image.details["seam_ratio"][axis] for image in model.generate(job, Notes())]
    assert 0.9 <= sum(ratios) / len(ratios) <= 1.1, ratios


@pytest.mark.parametrize("name", FILLING)
def test_a_seam_is_filled_in_like_any_place_beside_it(name: str, models: Models, tmp_path: Path) -> None:
    model, before, ratios = models(name), [], []
    for seed, axis in itertools.product(range(4), ("x", "y")):
        width, height = (256, 512) if axis == "x" else (512, 256)
        source = smooth(tmp_path / "wall.png", width, height, seed)
        options = {"operation": "repair_seams", "width": width, "height": height, f"tile_{axis}": True}
        job = small_request(source=str(source), seed=seed, **{"tile_x": False, "tile_y": False} | options)
        drawn = _draw(model, job).maps["image"]
        before.append(seam_step(Image.open(source), axis))
        ratios.append(seam_step(drawn, axis))
    assert min(before) > 2.0
    assert 0.9 <= sum(ratios) / len(ratios) <= 1.1, ratios

# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles so wide that their pieces would be finer than pixels: bounded work, and nothing else changes."""

from __future__ import annotations

import resource
import sys
import threading
import time
from typing import ClassVar

import numpy as np
import pytest
import torch
from texloom.engine.context import SilentContext
from texloom.engine.generator import Pixels
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.blending import MATTER, Blended, Second
from texloom.engine.procedural.draw import Drawing, draw, draw_batch
from texloom.engine.procedural.family import Family, families
from texloom.engine.procedural.fineness import drawn_width
from texloom.engine.procedural.parameters import Number, Value
from texloom.engine.procedural.tile import MOST_CELLS, Tile
from texloom.engine.text_encoder import TextEncoder
from texloom.request import GenerationRequest

WIDEST = 10_000.0
NAMES = sorted(families())


def peak_bytes() -> int:
    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def values_of(family: Family, end: str) -> dict[str, Value]:
    """Natural values with the main size at one end of its range."""
    values = family.sample(np.random.default_rng(1))
    scale = family.parameter("scale")
    if isinstance(scale, Number):
        values["scale"] = getattr(scale, end)
    return values


@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("name", NAMES)
def test_the_widest_tile_costs_no_more_than_others(name: str, end: str) -> None:
    family = families()[name]
    values = values_of(family, end)
    before, began = peak_bytes(), time.process_time()
    result = draw(family, values, width=256, height=256, width_m=WIDEST, seed=3)
    # Most take half a second; the bound is for slow machines.
    assert time.process_time() - began < 20.0
    assert peak_bytes() - before < 700e6
    assert result.height.isfinite().all() and float(result.height.max() - result.height.min()) < WIDEST


def test_what_is_drawn_larger_is_the_same_picture_and_deeper() -> None:
    family = families()["bricks"]
    values = family.sample(np.random.default_rng(1))
    drawn_m = drawn_width(family, values, 128, WIDEST)
    assert family.tile_width_m < drawn_m < 0.01 * WIDEST
    narrow, wide = draw_batch(
        Drawing(family=family, values=values, width=128, height=128, width_m=width_m, seed=1)
        for width_m in (drawn_m, WIDEST)
    )
    assert torch.equal(narrow.base_color, wide.base_color)
    assert torch.allclose(narrow.height * (WIDEST / drawn_m), wide.height)


@pytest.mark.parametrize("name", NAMES)
def test_natural_tiles_are_drawn_as_they_are(name: str) -> None:
    family = families()[name]
    for pixels in (64, 192, 1024, 8192):
        for end in ("low", "high"):
            assert drawn_width(family, values_of(family, end), pixels, family.tile_width_m) == family.tile_width_m
    assert drawn_width(family, values_of(family, "high"), 1024, 4.0 * family.tile_width_m) == 4.0 * family.tile_width_m


def test_fine_matter_of_a_coarse_form_is_bounded_too() -> None:
    bricks, denim = families()["bricks"], families()["denim"]
    rng = np.random.default_rng(1)
    blended = Blended(bricks, Second(mode=MATTER, family=denim, values=denim.sample(rng)))
    before, began = peak_bytes(), time.process_time()
    result = draw(blended, bricks.sample(rng), width=256, height=256, width_m=WIDEST, seed=3)
    assert time.process_time() - began < 20.0 and peak_bytes() - before < 700e6
    assert result.height.isfinite().all()


def test_two_materials_are_as_fine_as_the_first() -> None:
    bricks, denim = families()["bricks"], families()["denim"]
    assert bricks.tile_width_m != denim.tile_width_m
    blended = Blended(bricks, Second(mode=MATTER, family=denim, values=values_of(denim, "low")))
    values: dict[str, Value] = {"scale": "none"}
    for width_m in (bricks.tile_width_m, WIDEST):
        assert drawn_width(blended, values, 128, width_m) == drawn_width(bricks, values, 128, width_m)


def test_cells_are_counted_within_bounds() -> None:
    tile = Tile(64, 64, 1000.0, 1000.0, 1)
    assert tile.count(0.0001) == (MOST_CELLS, MOST_CELLS) and tile.count(1e9) == (1, 1)
    # Noise far finer than pixels, of an odd number of cells, keeps small tables.
    canvas = next(tile.bands())
    noise = canvas.noise("fine", 1000.0 / 26_667, 3)
    assert 0.8 < float(noise.std()) < 1.2
    assert max(table.numel() for table in tile._tables.values()) < 1 << 19


def test_the_instant_model_says_so() -> None:
    class Notes(SilentContext):
        def __init__(self) -> None:
            super().__init__("cpu", threading.Event())
            self.warned: dict[str, tuple[str, str]] = {}
            self.count = 0

        def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
            self.warned[code] = (message, advice)
            self.count += 1

    model = InstantGenerator(TextEncoder())
    for width_m, warned in ((4.0, False), (WIDEST, True)):
        notes = Notes()
        request = GenerationRequest(
            prompt="red bricks", width=128, height=128, seed=3, count=2, real_world_width=width_m
        )
        made = next(iter(model.generate(request, notes)))
        assert made.tile_width_m == width_m
        assert ("tile_too_wide" in notes.warned) == warned and notes.count == warned
    message, advice = notes.warned["tile_too_wide"]
    assert "10000 m wide" in message and "smaller real-world width" in advice


def test_previews_are_as_fine_as_the_picture() -> None:
    class Seen(SilentContext):
        previews: ClassVar[list[Pixels]] = []

        def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
            self.previews.append(pixels)

    # Here a preview by itself would be drawn larger, the picture is not.
    prompt = "red bricks with white mortar"
    request = GenerationRequest(
        prompt=prompt, width=768, height=768, seed=3, real_world_width=25.0, preview_interval=1, draft=True
    )
    seen = Seen("cpu", threading.Event())
    made = next(iter(InstantGenerator(TextEncoder()).generate(request, seen)))
    picture = made.maps["base_color"][..., 1].reshape(192, 4, 192, 4)[:, 1:3, :, 1:3].mean((1, 3))
    assert np.corrcoef(picture.ravel(), seen.previews[0][..., 1].ravel())[0, 1] > 0.4

# SPDX-License-Identifier: GPL-3.0-or-later
"""Every family of materials: exactly periodic, the same at every size, in range, deterministic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from texloom.engine.procedural.cells import jagged
from texloom.engine.procedural.draw import Drawn, draw
from texloom.engine.procedural.family import families
from texloom.engine.procedural.tile import Canvas, Tile

NAMES = sorted(families())
MAPS = ("base_color", "height", "roughness", "metallic")
SIZE = 64


def drawn(name: str, seed: int = 1, size: int = SIZE, **options: object) -> Drawn:
    family = families()[name]
    values = family.sample(np.random.default_rng(seed))
    return draw(family, values, width=size, height=size, width_m=family.tile_width_m, seed=seed, **options)  # type: ignore[arg-type]


def spread(field: torch.Tensor) -> float:
    return max(float(field.max() - field.min()), 1e-9)


def test_there_are_at_least_thirty_families() -> None:
    assert len(NAMES) >= 30
    wanted = {"bricks", "cobblestone", "planks", "parquet", "marble", "knit", "grass", "water", "sky", "starry_sky"}
    assert wanted <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_continues_itself_on_every_side(name: str) -> None:
    across, down = 23, 41
    for seed in (1, 2):
        plain = drawn(name, seed, supersample=False)
        shifted = drawn(name, seed, supersample=False, phase=(across / SIZE, down / SIZE))
        for item in MAPS:
            field = getattr(plain, item).double()
            rolled = torch.roll(field, (-down, -across), (-2, -1))
            scale = 255.0 if item != "height" else spread(field)
            off = ((rolled - getattr(shifted, item).double()).abs() / scale > 0.03).double().mean()
            # Rounding may move a hard edge by a pixel here and there; a seam would show along a whole side.
            assert off < 0.005, f"{item} of seed {seed}"


@pytest.mark.parametrize("name", NAMES)
def test_larger_is_sharper_not_different(name: str) -> None:
    small, large = drawn(name, size=96, supersample=True), drawn(name, size=192, supersample=True)
    reduced = F.avg_pool2d(large.base_color.double(), 2)
    low, high = F.avg_pool2d(small.base_color.double(), 4).flatten(), F.avg_pool2d(reduced, 4).flatten()
    if low.std() > 2.0:
        assert torch.corrcoef(torch.stack((low, high)))[0, 1] > 0.9
    # Blades of grass finer than a pixel let more or less light through.
    assert (low - high).abs().mean() < 14.0


@pytest.mark.parametrize("name", NAMES)
def test_values_are_plausible(name: str) -> None:
    for seed in range(3):
        result = drawn(name, seed)
        assert result.base_color.shape == (3, SIZE, SIZE) and result.base_color.dtype == torch.uint8
        assert result.height.shape == (SIZE, SIZE) and result.height.isfinite().all()
        assert spread(result.height) < families()[name].tile_width_m
        assert int(result.roughness.max()) <= 255 and float(result.roughness.double().mean()) > 3
        assert result.base_color.double().mean() > 1


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_other_seed_other_picture(name: str) -> None:
    first, again, other = drawn(name, 5), drawn(name, 5), drawn(name, 6)
    for item in MAPS:
        assert torch.equal(getattr(first, item), getattr(again, item))
    assert not torch.equal(first.base_color, other.base_color)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_go_through_json(name: str) -> None:
    family = families()[name]
    values = family.sample(np.random.default_rng(3))
    told = family.to_json(values)
    assert set(told) == set(values) and all(isinstance(value, (str, float, int)) for value in told.values())


def test_a_name_belongs_to_one_family() -> None:
    owners: dict[str, str] = {}
    for name, family in families().items():
        for noun in (*family.nouns, *family.rare_nouns):
            assert owners.setdefault(noun.lower(), name) == name, noun


def test_a_tall_tile_is_drawn_in_bands() -> None:
    family = families()["bricks"]
    values = family.sample(np.random.default_rng(0))
    steps: list[float] = []
    result = draw(family, values, width=64, height=8192, width_m=0.25, seed=0, on_progress=steps.append)
    assert len(steps) > 1 and steps == sorted(steps) and steps[-1] == 1.0 and result.height.shape == (8192, 64)


@pytest.mark.parametrize("seed", range(4))
def test_cracks_are_nowhere_folded_into_loops(seed: int) -> None:
    """Where space is turned over, the determinant of its displacement is below zero."""
    side, width = 256, 2.0
    canvas = Canvas(Tile(side, side, width, width, seed), 0, side)
    for wander in (0.35, 0.6):
        u, v = jagged(canvas, "cracks", 0.5, wander)
        across, down = (
            [side * (moved.roll(-1, axis) - moved) for axis in (1, 0)] for moved in (u - canvas.u, v - canvas.v)
        )
        determinant = (1.0 + across[0]) * (1.0 + down[1]) - across[1] * down[0]
        assert float((determinant < 0.0).float().mean()) < 5e-4
        # And yet they are no straight lines.
        assert float((u - canvas.u).abs().max()) * width > 0.02


@pytest.mark.parametrize("name", sorted(name for name, family in families().items() if family.parameter("wear")))
def test_wear_is_seen(name: str) -> None:
    """Whoever writes "weathered" sees that it was read."""
    family = families()[name]
    values = family.sample(np.random.default_rng(4))
    new, worn = (
        draw(family, values | {"wear": amount}, width=64, height=64, width_m=family.tile_width_m, seed=5).base_color
        for amount in (0.0, 0.75)
    )
    assert float((worn.float() - new.float()).abs().mean()) > 4.0


@pytest.mark.parametrize("name", ["bricks", "painted_metal", "bark", "fabric", "diamond_plate"])
def test_what_lies_on_a_material_is_no_metal(name: str) -> None:
    """Dirt, dust, moss, snow and water are none, and so what is none stays that, wherever they lie."""
    family = families()[name]
    values = family.sample(np.random.default_rng(3)) | {"wear": 0.0, "cracks": 0.0}
    lying = ("dirt", "moss", "dust", "snow", "wetness")

    def metal(amount: float) -> torch.Tensor:
        given = {**values} | {key: amount for key in lying if family.parameter(key)}
        return draw(
            family, given, width=64, height=64, width_m=family.tile_width_m, seed=5, supersample=False
        ).metallic.float()

    bare, covered = metal(0.0), metal(0.9)
    assert bool((covered <= bare).all())
    assert float(covered.mean()) < 0.9 * float(bare.mean()) or not bare.any()

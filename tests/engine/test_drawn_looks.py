# SPDX-License-Identifier: GPL-3.0-or-later
"""What certain pictures must show: puddles, foam, snow, weaves, tread plates, checks on whole tiles, pile."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from texloom.engine.context import SilentContext
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.blending import PRINT, Blended, Second
from texloom.engine.procedural.color import hex_to_lab, srgb_to_linear
from texloom.engine.procedural.draw import Drawn, draw
from texloom.engine.procedural.family import Family, families
from texloom.engine.procedural.fitting import fit_checks
from texloom.engine.procedural.parameters import Value
from texloom.engine.procedural.pile import piled
from texloom.engine.procedural.tile import Tile
from texloom.engine.text_encoder import TextEncoder
from texloom.request import GenerationRequest

SIZE = 256


def drawn(name: str, seed: int = 1, size: int = SIZE, **given: Value) -> Drawn:
    family = families()[name]
    values = family.sample(np.random.default_rng(seed), given)
    return draw(family, values, width=size, height=size, width_m=family.tile_width_m, seed=seed)


def light(picture: Drawn) -> torch.Tensor:
    """Linear brightness, (height, width)."""
    return srgb_to_linear(picture.base_color.float() / 255.0).mean(0)


class TestPuddles:
    @pytest.mark.parametrize("name", ["asphalt", "concrete", "paving", "mud"])
    def test_broad_and_level(self, name: str) -> None:
        shares = []
        for seed in (1, 2, 3):
            result = drawn(name, seed, wetness=1.0)
            water = (result.roughness < 20).float()
            shares.append(float(water.mean()))
            # Pools, not dots: most of the water has water all around it.
            inside = -F.max_pool2d(-water[None], 5, 1, 2)[0]
            if shares[-1] > 0.05:
                assert float(inside.sum() / water.sum()) > 0.35
                heights = result.height[inside > 0.5]
                assert float(heights.max() - heights.min()) < 0.0005
        assert 0.08 < np.mean(shares) < 0.75, shares

    def test_what_is_only_wet_has_no_pools(self) -> None:
        water = drawn("asphalt", 3, wetness=0.5).roughness < 20
        assert float(water.float().mean()) < 0.05


def test_foam_is_films_with_holes_and_threads() -> None:
    """Not thin bright lines: as far as it goes it covers, and there is something of it between white and water."""
    for pattern in ("waves", "ripples"):
        white = light(drawn("water", 3, foam=0.8, pattern=pattern, color=hex_to_lab("#14394c"))) > 0.45
        solid = -F.max_pool2d(-white.float()[None], 3, 1, 1)[0]
        assert float(white.float().mean()) > 0.08
        assert float(solid.sum() / white.float().sum()) > 0.25
    assert not (light(drawn("water", 3, foam=0.0, color=hex_to_lab("#14394c"))) > 0.45).any()


def test_snow_lies_on_shingles_whatever_their_grain() -> None:
    """Patches, not runs along the grain: neighbors across the grain are as alike as those along it."""
    result = drawn("shingles", 4, snow=0.6, kind="shakes", color=hex_to_lab("#6f5842"), wear=0.0, dirt=0.0, moss=0.0)
    snow = F.avg_pool2d((light(result) > 0.4).float()[None], 2)[0]
    across, down = ((snow - snow.roll(1, axis)).abs().mean() for axis in (1, 0))
    assert 0.15 < float(snow.mean()) < 0.95
    assert float(across) < 1.2 * float(down)


@pytest.mark.parametrize("weave", ["plain", "twill", "basket", "satin"])
def test_cloth_is_closed(weave: str) -> None:
    """No black holes between threads."""
    for seed in (1, 2):
        picture = light(drawn("fabric", seed, 512, weave=weave, wear=0.0, dirt=0.0))
        assert float(picture.min()) > 0.1 * float(picture.mean())


@pytest.mark.parametrize("pattern", ["single", "five", "studs"])
def test_bars_of_a_tread_plate_show_in_its_color(pattern: str) -> None:
    result = drawn("diamond_plate", 1, 512, pattern=pattern, wear=0.0, dirt=0.0, dust=0.0)
    level = (result.height - result.height.min()) / (result.height.max() - result.height.min())
    picture = light(result)
    top, ground = picture[level > 0.85].mean(), picture[level < 0.1].mean()
    assert float(top / ground) > 1.35


def test_sand_has_the_color_of_sand() -> None:
    for palette in families()["sand"].palettes:
        _, _, yellow = hex_to_lab(palette["color"])
        assert yellow > 0.03


def test_fresh_snow_runs_no_way() -> None:
    natural = [families()["snow"].sample(np.random.default_rng(seed))["pattern"] for seed in range(60)]
    assert natural.count("fresh") > 30
    height = drawn("snow", 1, pattern="drifted").height
    across, down = ((height - height.roll(1, axis)).square().mean().sqrt() for axis in (1, 0))
    assert float(down / across) < 1.8


class TestChecksOnTiles:
    @staticmethod
    def fitted(
        said: tuple[str, ...] = (), size: tuple[float, float] = (1.2, 1.2), **own: Value
    ) -> tuple[dict[str, Value], dict[str, Value]]:
        """Values of tiles and of checks after they were fitted."""
        rng = np.random.default_rng(1)
        tiles, checks = families()["ceramic_tiles"], families()["checks"]
        values = tiles.sample(rng, own)
        other = checks.sample(rng, {"pattern": "checker"})
        form, printed = fit_checks(tiles, values, other, said, size)
        return {**values, **form}, {**other, **printed}

    @pytest.mark.parametrize("size", [(1.2, 1.2), (1.2, 0.6), (1.2, 0.9), (2.0, 1.5)])
    @pytest.mark.parametrize("side", [0.05, 0.11, 0.154, 0.3])
    def test_a_check_is_a_tile(self, side: float, size: tuple[float, float]) -> None:
        tiles, checks = self.fitted(size=size, scale=side)
        assert tiles["shape"] == "square" and checks["scale"] == tiles["scale"]
        assert isinstance(tiles["scale"], float) and 0.45 < tiles["scale"] / side < 1.5
        counts = Tile(64, 64, *size, 1).count(tiles["scale"])
        assert counts[0] % 2 == 0 and counts[1] % 2 == 0

    def test_what_was_asked_for_stays(self) -> None:
        tiles, checks = self.fitted(("shape",), shape="hexagon")
        assert tiles["shape"] == "hexagon"
        tiles, checks = self.fitted(("scale",), scale=0.15)
        assert tiles["scale"] == checks["scale"] == 0.15
        tiles, checks = self.fitted(("shape",), shape="diamond")
        assert (tiles["shape"], checks["pattern"]) == ("diamond", "diamond")

    @pytest.mark.parametrize("shape", ["square", "diamond"])
    def test_no_tile_has_two_colors(self, shape: str) -> None:
        own: dict[str, Value] = {"variation": 0.0, "irregularity": 0.0, "cracks": 0.0, "dirt": 0.0, "wear": 0.0}
        tiles, checks = self.fitted(("shape",), shape=shape, scale=0.11, color=hex_to_lab("#f0f0f0"), **own)
        checks |= {"color": hex_to_lab("#f0f0f0"), "second_color": hex_to_lab("#202020")}
        family: Family = Blended(
            families()["ceramic_tiles"], Second(mode=PRINT, family=families()["checks"], values=checks)
        )
        result = draw(family, tiles, width=512, height=512, width_m=1.2, seed=1)
        picture = light(result)
        body = result.height > result.height.quantile(0.6)
        # Well inside a tile there are two brightnesses and nothing between.
        inner = picture[(-F.max_pool2d(-body.float()[None], 7, 1, 3)[0]) > 0.5]
        between = ((inner > 0.12) & (inner < 0.5)).float().mean()
        assert 0.3 < float((inner < 0.12).float().mean()) < 0.7
        assert float(between) < 0.02

    def test_other_forms_and_prints_are_left_alone(self) -> None:
        bricks, checks = families()["bricks"], families()["checks"]
        rng = np.random.default_rng(1)
        assert fit_checks(bricks, bricks.sample(rng), checks.sample(rng), (), (1.6, 1.6)) == ({}, {})


def test_velvet_has_a_pile_and_linen_a_weave() -> None:
    fabric = families()["fabric"]
    assert piled(fabric, "Red velvet") and piled(fabric, "brown corduroy trousers")
    assert piled(fabric, "red linen") is None and piled(fabric, "cloth, not velvet") is None
    for text in ("linen fabric instead of velvet", "satin rather than velvet", "not a velvet but a linen fabric"):
        assert piled(fabric, text) is None
    assert piled(fabric, "velvet instead of corduroy") and piled(fabric, "not old velvet but new velvet")
    assert piled(families()["leather"], "velvet") is None
    for text in ("velvet", "corduroy"):
        family = piled(fabric, text)
        assert family is not None
        values = family.sample(np.random.default_rng(1))
        plain = draw(family, values, width=64, height=64, width_m=0.1, seed=1, supersample=False)
        moved = draw(family, values, width=64, height=64, width_m=0.1, seed=1, supersample=False, phase=(0.25, 0.5))
        off = (plain.base_color.roll((-32, -16), (-2, -1)).int() - moved.base_color.int()).abs() > 8
        assert float(off.float().mean()) < 0.005


def test_prompts_arrive_at_these() -> None:
    model, context = InstantGenerator(TextEncoder()), SilentContext("cpu", threading.Event())

    def made(prompt: str) -> dict[str, object]:
        request = GenerationRequest(prompt=prompt, width=64, height=64, seed=3)
        result = next(iter(model.generate(request, context)))
        return {**result.parameters, "pixels": result.maps["base_color"], "reading": result.details["reading"]}

    floor = made("black and white checkerboard floor tiles")
    assert floor["family"] == "ceramic_tiles" and floor["shape"] in ("square", "diamond")
    velvet, cloth = made("red velvet"), made("red cloth")
    assert velvet["family"] == cloth["family"] == "fabric"
    assert not np.array_equal(velvet["pixels"], cloth["pixels"])  # type: ignore[arg-type]

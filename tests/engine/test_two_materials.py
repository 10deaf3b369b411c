# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that name two materials: how they are read, and what is drawn of them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from texloom.engine.color_names import meaning, parse_name
from texloom.engine.context import SilentContext
from texloom.engine.generator import GeneratedImage
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.blending import COVER, MATTER, PRINT, Blended, Second
from texloom.engine.procedural.color import hex_to_lab
from texloom.engine.procedural.draw import draw
from texloom.engine.procedural.family import families
from texloom.engine.procedural.parameters import Params
from texloom.engine.procedural.tile import Canvas, Tile
from texloom.engine.text_encoder import TextEncoder
from texloom.engine.two_materials import find
from texloom.request import GenerationRequest
from texloom.training.captions import Grammar

PAIRS = [
    ("knitted lava", MATTER, "knit", "lava"),
    ("mossy marble tiles", MATTER, "ceramic_tiles", "marble"),
    ("red marble tiles with white grout", MATTER, "ceramic_tiles", "marble"),
    ("scales of red marble, wet", MATTER, "scales", "marble"),
    ("tiles made of ice", MATTER, "ceramic_tiles", "ice"),
    ("feathers made of steel", MATTER, "feathers", "brushed_metal"),
    ("woven copper", MATTER, "wicker", "brushed_metal"),
    ("scaly leather", MATTER, "scales", "leather"),
    ("camouflage leather", PRINT, "leather", "camouflage"),
    ("black leather with golden polka dots", PRINT, "leather", "dots"),
    ("plaid wool sweater", PRINT, "knit", "plaid"),
    ("grey concrete with patches of green grass", COVER, "concrete", "grass"),
    ("fallen leaves on a stone floor, wet", COVER, "paving", "leaves"),
    ("brick wall partly covered with white plaster", COVER, "bricks", "plaster"),
    ("plaster peeling off bricks", COVER, "bricks", "plaster"),
    ("sand over wooden planks", COVER, "planks", "sand"),
    ("Grass and gravel", COVER, "grass", "gravel"),
]

SINGLE = [
    "brick wall", "oak parquet", "wood planks", "granite cobblestone", "striped fabric", "gingham fabric",
    "asphalt covered in snow", "stone wall overgrown with moss", "rusty metal with moss", "tiled roof",
    "terracotta roof tiles", "marble floor", "a wall of bricks", "corrugated cardboard", "cracked paint on wood",
    "cobblestones with sand joints", "sandy beach with pebbles", "small-scale brushed metal", "fern green carpet",
    "bricks, marble, moss and sand", "fern green bricks", "", "a red sports car", "paving with snow, covered in moss",
]  # fmt: skip


@pytest.fixture(scope="module")
def instant() -> InstantGenerator:
    found = InstantGenerator(TextEncoder())
    found.load(_quiet())
    return found


def _quiet() -> SilentContext:
    return SilentContext("cpu", threading.Event())


def _drawn(instant: InstantGenerator, prompt: str, **values: Any) -> GeneratedImage:
    values = {"width": 128, "height": 128, "seed": 4, **values}
    return next(iter(instant.generate(GenerationRequest(prompt=prompt, **values), _quiet())))


def _second(image: GeneratedImage) -> dict[str, Any] | None:
    found: dict[str, Any] | None = image.details["reading"].get("second")
    return found


class TestReading:
    @pytest.mark.parametrize(("prompt", "mode", "first", "second"), PAIRS)
    def test_two_are_found(self, prompt: str, mode: str, first: str, second: str) -> None:
        found = find(prompt)
        assert found is not None
        assert (found.mode, found.first, found.second) == (mode, first, second)
        for text in (found.first_text, found.second_text):
            assert len(text) == len(prompt)
            assert text.strip()
            assert all(letter in (" ", own) for letter, own in zip(text, prompt, strict=True))

    @pytest.mark.parametrize("prompt", SINGLE)
    def test_one_is_one(self, prompt: str) -> None:
        assert find(prompt) is None

    def test_each_gets_its_own_words(self) -> None:
        found = find("grey concrete with patches of green grass, cracked")
        assert found is not None
        assert found.first_text.split() == ["grey", "concrete", ",", "cracked"]
        assert found.second_text.split() == ["green", "grass,"]
        found = find("scales of red marble, wet")
        assert found is not None
        assert found.first_text.split() == ["scales", ",", "wet"]
        assert found.second_text.split()[:2] == ["red", "marble,"]

    def test_a_color_behind_is_of_what_it_is_joined_to(self) -> None:
        for prompt, first, second in (
            ("brick wall covered with plaster in pale yellow", "brick wall", "plaster in pale yellow"),
            ("tiles of marble in dark blue, wet", "tiles , wet", "marble in dark blue,"),
            ("sand and gravel in dark grey", "sand in dark grey", "gravel in dark grey"),
            ("concrete covered with leaves, dark grey", "concrete , dark grey", "leaves,"),
            ("concrete covered with leaves in a dark grey yard", "concrete in a dark grey yard", "leaves"),
        ):
            found = find(prompt)
            assert found is not None
            texts = [" ".join(text.split()) for text in (found.first_text, found.second_text)]
            assert texts == [first, second]

    def test_how_much(self) -> None:
        amounts = [
            found.amount
            for text in ("with a few bits of", "partly covered with", "covered with", "mostly covered with")
            if (found := find(f"bricks {text} plaster")) is not None
        ]
        assert amounts == sorted(amounts)
        assert len(set(amounts)) == 4

    def test_captions_of_one_material_are_left_alone(self) -> None:
        """Whatever the grammar writes names one; a marble tile and the like may be taken for two."""
        grammar = Grammar(families())
        rng = np.random.default_rng(3)
        taken = [text for text in (grammar.caption(rng, "held_out").text for _ in range(1500)) if find(text)]
        assert len(taken) <= 8, taken


def _blended(mode: str, first: str, second: str, amount: float = 0.5) -> tuple[Blended, dict[str, Any]]:
    rng = np.random.default_rng(1)
    values = families()[first].sample(rng)
    other = Second(mode=mode, family=families()[second], values=families()[second].sample(rng), amount=amount)
    return Blended(families()[first], other), values


class TestDrawing:
    @pytest.mark.parametrize(
        ("mode", "first", "second"),
        [(MATTER, "knit", "lava"), (PRINT, "leather", "camouflage"), (COVER, "concrete", "grass")],
    )
    def test_bands_agree(self, mode: str, first: str, second: str) -> None:
        blend, values = _blended(mode, first, second)
        tile = Tile(64, 64, 1.0, 1.0, 7)
        whole = blend.draw(Canvas(tile, 0, 64), Params(values))
        parts = [blend.draw(Canvas(tile, start, 32), Params(values)) for start in (0, 32)]
        for name in ("lab", "height", "roughness", "metallic", "cavity", "exposed"):
            joined = torch.cat([getattr(part, name) for part in parts], dim=-2)
            torch.testing.assert_close(joined, getattr(whole, name), rtol=1e-3, atol=1e-4)
        assert {(part.low, part.high) for part in parts} == {(whole.low, whole.high)}

    @pytest.mark.parametrize(
        ("mode", "first", "second"),
        [(MATTER, "bricks", "marble"), (PRINT, "fabric", "plaid"), (COVER, "paving", "leaves")],
    )
    def test_it_tiles(self, mode: str, first: str, second: str) -> None:
        blend, values = _blended(mode, first, second)
        size = {"width": 128, "height": 128, "width_m": blend.first.tile_width_m, "seed": 3}
        made, moved = draw(blend, values, **size), draw(blend, values, **size, phase=(32 / 128, 48 / 128))
        # It begins elsewhere in the same endless pattern.
        apart = (made.base_color.roll((-48, -32), (-2, -1)).float() - moved.base_color.float()).abs()
        assert float((apart > 3.0).float().mean()) < 0.01

    def test_marble_tiles_have_the_joints_of_tiles_and_the_color_of_marble(self) -> None:
        blend, values = _blended(MATTER, "ceramic_tiles", "marble")
        size = {"width": 256, "height": 256, "width_m": 1.2, "seed": 3}
        made, tiles = draw(blend, values, **size), draw("ceramic_tiles", values, **size)
        marble = draw("marble", dict(blend.second.values), **size)
        same = np.corrcoef(made.height.flatten().numpy(), tiles.height.flatten().numpy())[0, 1]
        assert same > 0.8
        middle = [float(one.base_color.float().mean((1, 2)).sub(marble.base_color.float().mean((1, 2))).abs().mean())
                  for one in (made, tiles)]  # fmt: skip
        assert middle[0] < 0.5 * middle[1]

    def test_more_of_a_cover_covers_more(self) -> None:
        shares = []
        for amount in (0.2, 0.5, 0.8):
            blend, values = _blended(COVER, "asphalt", "snow", amount)
            made = draw(blend, values, width=128, height=128, width_m=2.0, seed=3)
            shares.append(float((made.base_color.float().mean(0) > 170).float().mean()))
        assert shares[0] < shares[1] < shares[2]
        assert 0.02 < shares[0]
        assert shares[2] < 0.99

    def test_a_small_preview_shows_the_second_as_the_picture_does(self) -> None:
        rng = np.random.default_rng(1)
        fabric = families()["fabric"]
        values = fabric.sample(rng, {"scale": fabric.parameter("scale").high})  # type: ignore[union-attr]
        widths = []
        for pixels in (48, 1024):
            second = Second(mode=MATTER, family=fabric, values=values, width=1024)
            blend = Blended(families()["bricks"], second)
            tile = Tile(pixels, pixels, 3.0, 3.0, 7)
            widths.append(blend._other(Canvas(tile, 0, 16)).width_m)
        assert widths[0] == widths[1]

    def test_what_is_much_larger_is_shown_smaller_and_lower(self) -> None:
        blend, values = _blended(MATTER, "knit", "lava")
        tile = Tile(64, 64, 0.12, 0.12, 7)
        other = blend._other(Canvas(tile, 0, 64))
        assert other.width_m == families()["lava"].tile_width_m
        assert blend._other(Canvas(tile, 32, 32)).tile is other.tile
        height = blend.draw(Canvas(tile, 0, 64), Params(values)).height
        assert float(height.max() - height.min()) < 0.05


class TestPrompts:
    def test_both_are_in_the_result_and_its_record(self, instant: InstantGenerator) -> None:
        image = _drawn(instant, "grey concrete with patches of green grass")
        assert image.parameters["family"] == "concrete"
        second = _second(image)
        assert second is not None
        assert (second["name"], second["mode"]) == ("grass", COVER)
        assert second["amount"] == pytest.approx(0.4)
        assert set(second["parameters"]) == {item.name for item in families()["grass"].all_parameters()}
        pixels = image.maps["base_color"].reshape(-1, 3).astype(int)
        green = (pixels[:, 1] > pixels[:, 2] + 25) & (pixels[:, 1] > pixels[:, 0])
        assert 0.1 < green.mean() < 0.85
        words = {item["name"]: item["words"] for item in image.details["reading"]["parameters"]}
        assert words["color"] == ["grey"]

    def test_what_was_made_is_made_again(self, instant: InstantGenerator) -> None:
        """By the prompt and seed, and by all the parameters of the record."""
        first = _drawn(instant, "knitted lava")
        again = _drawn(instant, "knitted lava")
        locked = _drawn(instant, "knitted lava", parameters=dict(first.parameters))
        for other in (again, locked):
            assert np.array_equal(first.maps["base_color"], other.maps["base_color"])
            assert _second(first) == _second(other)

    def test_the_main_color_of_what_is_made_of_something_is_that_of_both(self, instant: InstantGenerator) -> None:
        image = _drawn(instant, "red marble tiles")
        assert _second(image)["parameters"]["color"] == image.parameters["color"]  # type: ignore[index]
        blue = _drawn(instant, "red marble tiles", parameters={**image.parameters, "color": "#2040c0"})
        assert _second(blue)["parameters"]["color"] == "#2040c0"  # type: ignore[index]
        mean = blue.maps["base_color"].reshape(-1, 3).mean(0)
        assert mean[2] > mean[0] + 20

    @pytest.mark.parametrize(
        ("prompt", "color"),
        [
            ("marble tiles in dark blue", "dark blue"),
            ("marble tiles, pale pink", "pale pink"),
            ("tiles made of marble, dark blue", "dark blue"),
            ("knitted lava in pale green", "pale green"),
            ("bricks made of wood in light green", "light green"),
            ("black scales of marble", "black"),
            ("marble tiles in #203080", "#203080"),
        ],
    )
    def test_a_color_behind_two_materials(self, instant: InstantGenerator, prompt: str, color: str) -> None:
        image = _drawn(instant, prompt)
        second = _second(image)
        assert second is not None
        name = parse_name(color)
        wanted = hex_to_lab(color) if name is None else meaning(name, families()[second["name"]])
        for found in (image.parameters["color"], second["parameters"]["color"]):
            assert np.linalg.norm(np.subtract(hex_to_lab(found), wanted)) < 0.03
        words = {item["name"]: item["words"] for item in image.details["reading"]["parameters"]}
        assert words["color"]

    @pytest.mark.parametrize(
        "prompt", ["marble tiles", "mossy marble tiles", "marble tiles with white grout", "marble tiles in a blue room",
                   "ice tiles with black grout"],
    )  # fmt: skip
    def test_other_colors_are_not_lent(self, instant: InstantGenerator, prompt: str) -> None:
        plain = _second(_drawn(instant, "marble tiles" if "marble" in prompt else "ice tiles"))
        second = _second(_drawn(instant, prompt))
        assert plain is not None
        assert second is not None
        assert second["parameters"]["color"] == plain["parameters"]["color"]

    def test_veins_are_the_marble_s_and_grout_the_tiles(self, instant: InstantGenerator) -> None:
        image = _drawn(instant, "marble tiles in black with gold veins and white grout")
        second = _second(image)
        assert second is not None
        black, gold = (hex_to_lab(second["parameters"][name]) for name in ("color", "second_color"))
        assert black[0] < 0.35
        assert gold[2] > 0.08
        assert hex_to_lab(image.parameters["second_color"])[0] > 0.85

    def test_both_colors_of_a_print(self, instant: InstantGenerator) -> None:
        second = _second(_drawn(instant, "plaid wool sweater in green and red"))
        assert second is not None
        green, red = (hex_to_lab(second["parameters"][name]) for name in ("color", "second_color"))
        assert green[1] < -0.03
        assert red[1] > 0.08

    def test_a_print_lies_on_the_color_that_was_said(self, instant: InstantGenerator) -> None:
        second = _second(_drawn(instant, "black leather with golden polka dots"))
        assert second is not None
        ground, dots = (hex_to_lab(second["parameters"][name]) for name in ("color", "second_color"))
        assert ground[0] < 0.35
        assert dots[0] > 0.5
        assert dots[2] > 0.05

    def test_another_family_and_unwanted_ones(self, instant: InstantGenerator) -> None:
        assert _second(_drawn(instant, "knitted lava", parameters={"family": "knit"})) is not None
        assert _second(_drawn(instant, "knitted lava", parameters={"family": "lava"})) is None
        other = _drawn(instant, "concrete with patches of grass", negative_prompt="grass")
        assert _second(other) is None
        assert other.parameters["family"] == "concrete"

    @pytest.mark.parametrize(
        ("prompt", "first", "name", "least"),
        [
            ("autumn leaves on wet asphalt", "asphalt", "wetness", 0.5),
            ("fallen leaves on wet cobblestone", "cobblestone", "wetness", 0.5),
            ("grass growing over cracked concrete", "concrete", "cracks", 0.4),
        ],
    )
    def test_what_lies_below_keeps_its_adjectives(
        self, instant: InstantGenerator, prompt: str, first: str, name: str, least: float
    ) -> None:
        image = _drawn(instant, prompt)
        assert image.parameters["family"] == first
        assert image.parameters[name] > least

    def test_a_color_below_is_its_own(self, instant: InstantGenerator) -> None:
        image = _drawn(instant, "moss growing on polished black marble")
        assert image.parameters["family"] == "marble"
        assert hex_to_lab(image.parameters["color"])[0] < 0.3
        assert image.parameters["gloss"] > 0.6

    def test_chinese(self, instant: InstantGenerator) -> None:
        image = _drawn(instant, "长满草的混凝土")
        assert image.parameters["family"] == "concrete"
        second = _second(image)
        assert second is not None
        assert second["name"] == "grass"

    def test_variations_differ_in_both(self, instant: InstantGenerator) -> None:
        request = GenerationRequest(prompt="marble tiles", width=64, height=64, seed=2, count=3)
        images = list(instant.generate(request, _quiet()))
        assert len({str(_second(image)) for image in images}) == 3
        assert len({str(image.parameters) for image in images}) == 3

# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules around the head: colors and their owners, unwanted materials, other words for names, and what is told."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from texloom.engine.color_names import categories, meaning, parse_name
from texloom.engine.color_words import find_colors, tones
from texloom.engine.context import SilentContext
from texloom.engine.generator import GeneratedImage
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.color import hex_to_lab
from texloom.engine.procedural.family import families
from texloom.engine.text_encoder import TextEncoder
from texloom.engine.unused_words import unused_words
from texloom.engine.wording import Wording
from texloom.request import GenerationRequest


class Listening(SilentContext):
    """Keeps the warnings."""

    def __init__(self) -> None:
        super().__init__("cpu", threading.Event())
        self.told: list[tuple[str, str]] = []

    def warn(self, code: str, message: str, **_: Any) -> None:
        self.told.append((code, message))


@pytest.fixture(scope="module")
def instant() -> InstantGenerator:
    found = InstantGenerator(TextEncoder())
    found.load(Listening())
    return found


def drawn(instant: InstantGenerator, prompt: str, **values: Any) -> tuple[GeneratedImage, dict[str, str]]:
    """The first picture and the warnings by their codes."""
    context = Listening()
    values = {"width": 64, "height": 64, "seed": 5, "maps": ("base_color",), **values}
    image = next(iter(instant.generate(GenerationRequest(prompt=prompt, **values), context)))
    return image, dict(context.told)


def words_of(image: GeneratedImage, name: str) -> list[str]:
    entry = next(item for item in image.details["reading"]["parameters"] if item["name"] == name)
    return list(entry["words"]) if entry["source"] == "prompt" else []


def near(value: Any, word: str) -> bool:
    """Whether a color is what a word means, or what people call so."""
    lab, name = hex_to_lab(value), parse_name(word)
    assert name is not None
    return word in categories(lab) or math.dist(lab, meaning(name)) < 0.12


TWO_COLORS = [
    ("black and white checkerboard", "checks", "black", "white"),
    ("black and white checkerboard floor", "checks", "black", "white"),
    ("red and black plaid", "plaid", "red", "black"),
    ("blue and yellow plaid", "plaid", "blue", "yellow"),
    ("polka dots, yellow on teal", "dots", "teal", "yellow"),
    ("yellow polka dots on teal background", "dots", "teal", "yellow"),
    ("green and white stripes", "stripes", "green", "white"),
    ("red and white gingham", "checks", "red", "white"),
    ("black and red checkerboard", "checks", "black", "red"),
    ("wallpaper with gold stripes on navy", "wallpaper", "navy", "gold"),
    ("houndstooth black and white", "fabric", "black", "white"),
    ("black and white checkered marble floor", "checks", "black", "white"),
    ("teal and gold damask wallpaper", "damask", "teal", "gold"),
    ("candy cane stripes", "stripes", "red", "white"),
    ("terracotta hexagon floor tiles with black grout", "ceramic_tiles", "terracotta", "black"),
    ("白底红波点", "dots", "white", "red"),
    ("绿白条纹", "stripes", "green", "white"),
]


@pytest.mark.parametrize(("prompt", "family", "first", "second"), TWO_COLORS)
def test_two_colors_stay_two(instant: InstantGenerator, prompt: str, family: str, first: str, second: str) -> None:
    image, _ = drawn(instant, prompt)
    assert image.parameters["family"] == family
    assert near(image.parameters["color"], first), image.parameters
    assert near(image.parameters["second_color"], second), image.parameters
    assert words_of(image, "color")
    assert words_of(image, "second_color")


@pytest.mark.parametrize(
    ("prompt", "family", "colors"),
    [
        ("white terrazzo with pink and green chips", "terrazzo", ("white", "pink", "green")),
        ("black terrazzo with red, white and yellow chips", "terrazzo", ("black", "red", "white")),
        ("white terrazzo with pink chips and green chips", "terrazzo", ("white", "pink", "green")),
        ("grey granite with black and pink specks", "granite", ("grey", "black", "pink")),
        # Near to these, and as before.
        ("cream terrazzo with blue chips", "terrazzo", ("cream", "blue")),
        ("red and white polka dots", "dots", ("red", "white")),
        ("white granite with black specks and pink crystals", "granite", ("white", "black", "pink")),
    ],
)
def test_two_colors_of_one_part(instant: InstantGenerator, prompt: str, family: str, colors: tuple[str, ...]) -> None:
    image, _ = drawn(instant, prompt)
    assert image.parameters["family"] == family
    for name, color in zip(("color", "second_color", "third_color"), colors, strict=False):
        assert near(image.parameters[name], color), (name, image.parameters)


@pytest.mark.parametrize(
    ("darker", "lighter"),
    [
        ("dark oak", "oak"),
        ("very dark oak", "dark oak"),
        ("oak planks, dark", "oak planks"),
        ("dark walnut planks", "walnut planks"),
        ("dark cherry wood", "cherry wood"),
        ("dark knotty pine planks", "pine planks"),
        ("pine", "light pine"),
        ("oak parquet", "light oak parquet"),
        ("橡木", "浅色橡木"),
    ],
)
def test_a_dark_or_light_kind_of_wood(instant: InstantGenerator, darker: str, lighter: str) -> None:
    dark, light = (drawn(instant, prompt)[0] for prompt in (darker, lighter))
    assert dark.parameters["family"] == light.parameters["family"]
    tones = [hex_to_lab(image.parameters["color"]) for image in (dark, light)]
    assert tones[0][0] < tones[1][0] - 0.025
    # Both are wood: between red and yellow.
    assert all(lab[1] > -0.01 and lab[2] > 0.005 for lab in tones)


def test_a_wood_with_a_color_has_that(instant: InstantGenerator) -> None:
    for prompt in ("light oak planks, painted blue", "dark blue oak planks"):
        assert near(drawn(instant, prompt)[0].parameters["color"], "blue")
    image = drawn(instant, "oak planks with dark gaps")[0]
    assert hex_to_lab(image.parameters["color"])[0] > 0.55


def test_fire_blackens_wood_and_leaves_soot_elsewhere(instant: InstantGenerator) -> None:
    for prompt in ("burnt wood planks", "charred wood", "charred oak planks"):
        image, _ = drawn(instant, prompt)
        assert hex_to_lab(image.parameters["color"])[0] < 0.3
        assert words_of(image, "dirt")
    for prompt in ("charred brick wall", "scorched concrete"):
        assert drawn(instant, prompt)[0].parameters["dirt"] > 0.6
    for prompt in ("burnt bricks", "wood planks, not burnt", "burnt sienna planks"):
        assert words_of(drawn(instant, prompt)[0], "dirt") == []
    assert near(drawn(instant, "burnt sienna planks")[0].parameters["color"], "burnt sienna")


@pytest.mark.parametrize("material", ["brick wall", "wood planks", "marble", "concrete"])
@pytest.mark.parametrize("seed", [5, 23])
def test_dark_is_darker_than_light(instant: InstantGenerator, material: str, seed: int) -> None:
    found = {}
    for word in ("dark", "light", "pale"):
        image, _ = drawn(instant, f"{word} {material}", seed=seed)
        assert words_of(image, "color") == [word]
        found[word] = hex_to_lab(image.parameters["color"])[0]
    assert found["dark"] < 0.56
    assert found["light"] > 0.66
    assert found["pale"] > 0.66


def test_a_lightness_of_something_else_is_left_alone(instant: InstantGenerator) -> None:
    for prompt in ("brick wall with light wear", "brick wall in the dark", "deep snow", "bricks with dark stains"):
        assert words_of(drawn(instant, prompt)[0], "color") == []
    assert words_of(drawn(instant, "dark blue carpet")[0], "color")
    assert {lab[0] <= 0.5 for lab in tones(families()["concrete"], "color", "dark")} == {True}


@pytest.mark.parametrize(
    ("prompt", "color"),
    [
        ("terracotta hexagon floor tiles with dark grout", "terracotta"),
        ("red tiles with dark grout", "red"),
        ("terracotta bricks with dark mortar", "terracotta"),
    ],
)
def test_dark_grout_is_the_grout(instant: InstantGenerator, prompt: str, color: str) -> None:
    image, _ = drawn(instant, prompt)
    assert near(image.parameters["color"], color), image.parameters
    assert hex_to_lab(image.parameters["second_color"])[0] < 0.46
    assert words_of(image, "second_color") == ["dark"]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("#7a3b2e brick", {"color": "#7a3b2e"}),
        ("rgb(0,0,255) tiles", {"color": "#0000ff"}),
        ("brick wall in #b03020 with #222222 mortar", {"color": "#b03020", "second_color": "#222222"}),
        ("#fff and #102040 stripes", {"color": "#ffffff", "second_color": "#102040"}),
        ("#7a3b2e 砖墙", {"color": "#7a3b2e"}),
        ("#7a3b2e砖墙", {"color": "#7a3b2e"}),
        ("砖墙＃7a3b2e", {"color": "#7a3b2e"}),
        ("rgb(0,0,255)瓷砖", {"color": "#0000ff"}),
        ("瓷砖rgb（0，0，255）", {"color": "#0000ff"}),
        ("#7a3b2e", {"color": "#7a3b2e"}),
    ],
)
def test_colors_in_numbers(instant: InstantGenerator, prompt: str, names: dict[str, str]) -> None:
    image, told = drawn(instant, prompt)
    assert "words_not_understood" not in told
    for name, value in names.items():
        drawn_lab, wanted = hex_to_lab(image.parameters[name]), hex_to_lab(value)
        assert math.dist(drawn_lab, wanted) < 0.01, image.parameters
        assert words_of(image, name)
    # What was drawn is drawn again, and can be changed.
    again, _ = drawn(instant, prompt, parameters=dict(image.parameters))
    assert (again.maps["base_color"] == image.maps["base_color"]).all()


@pytest.mark.parametrize(
    ("prompt", "family"),
    [
        ("no bricks, just concrete", "concrete"),
        ("concrete instead of brick", "concrete"),
        ("a wall without bricks, plain beige plaster", "plaster"),
        ("onyx slab backlit", "marble"),
        ("crocodile leather", "scales"),
        ("snakeskin leather", "scales"),
        ("zebra print", "fur"),
        ("carbon fibre twill", "fabric"),
    ],
)
def test_the_material_that_is_meant(instant: InstantGenerator, prompt: str, family: str) -> None:
    assert drawn(instant, prompt)[0].parameters["family"] == family


def test_travertine_is_polished_and_veined(instant: InstantGenerator) -> None:
    image, _ = drawn(instant, "travertine tiles, honed")
    assert image.parameters["family"] == "ceramic_tiles"
    assert image.details["reading"]["second"]["name"] == "marble"


@pytest.mark.parametrize(
    ("prompt", "values"),
    [
        ("stone wall without moss or cracks", {"moss": 0.0, "cracks": 0.0}),
        ("stone wall without moss and cracks", {"moss": 0.0, "cracks": 0.0}),
        ("wood planks, no moss, cracks or dirt", {"moss": 0.0, "cracks": 0.0, "dirt": 0.0}),
        ("brick wall, not mossy or cracked", {"moss": 0.0, "cracks": 0.0}),
        ("stone wall, neither moss nor cracks", {"moss": 0.0, "cracks": 0.0}),
        ("stone wall without bricks or moss", {"moss": 0.0}),
    ],
)
def test_all_that_is_joined_is_left_out(instant: InstantGenerator, prompt: str, values: dict[str, float]) -> None:
    image, told = drawn(instant, prompt)
    for name, value in values.items():
        assert image.parameters[name] == value, (name, image.parameters)
        assert words_of(image, name)
    assert told == {}


def test_not_brick_is_something_else(instant: InstantGenerator) -> None:
    assert {drawn(instant, "not brick", seed=seed)[0].parameters["family"] for seed in range(4)}.isdisjoint({"bricks"})


class TestWording:
    def test_places_are_those_of_the_prompt(self) -> None:
        wording = Wording.of("old crocodile leather in #7a3b2e, cracked")
        assert wording.text == "old crocodile scales in brown, cracked"
        for word, shown in (("old", "old"), ("scales", "crocodile leather"), ("brown", "#7a3b2e"), ("cracked",) * 2):
            at = wording.text.index(word)
            ((start, end),) = wording.back([(at, at + len(word))])
            assert wording.source[start:end] == shown

    @pytest.mark.parametrize(
        "prompt",
        [
            "mossy cobblestone, no moss",
            "bricks without cracks",
            "not smooth bricks, rough bricks",
            "brick wall without cracks but mossy",
            "brick wall without moss, wet",
            "bricks, not wet and mossy",
            "brick wall, no cracks and moss in the joints",
            "brick wall, no moss, cracked or worn",
            "red brick wall",
            "",
        ],
    )
    def test_other_prompts_stay_as_they_are(self, prompt: str) -> None:
        wording = Wording.of(prompt)
        assert (wording.text, wording.avoided) == (prompt, frozenset())
        assert wording.back([(0, len(prompt))]) == ((0, len(prompt)),)

    def test_what_shall_not_be(self) -> None:
        wording = Wording.of("a floor without bricks or tiles")
        assert "bricks" in wording.avoided
        assert wording.text.split() == ["a", "concrete", "floor"]

    @pytest.mark.parametrize(
        ("prompt", "text", "avoided"),
        [
            ("a wall, not stone or tiles", "a plaster wall,", {"stone_wall", "paving", "ceramic_tiles"}),
            ("concrete, no stone or tiles", "concrete,", {"cobblestone", "ceramic_tiles"}),
            ("neither wood nor stone, concrete", ", concrete", {"planks", "ashlar"}),
            ("concrete instead of bricks, tiles or wood", "concrete", {"bricks", "ceramic_tiles", "parquet"}),
            ("a wall without moss or bricks", "a plaster wall without moss", {"bricks"}),
            ("a wall without bricks or moss", "a plaster wall without moss", {"bricks"}),
            ("a wall, not stone, plaster or tiles", "a brick wall,", {"plaster", "stone_wall"}),
            ("a glass wall, not stone", "a glass wall,", {"stone_wall"}),
            ("old grey floor, not wood", "old grey concrete floor,", {"planks", "parquet"}),
            ("marble floor, no stone", "marble floor,", {"granite"}),
        ],
    )
    def test_all_that_shall_not_be(self, prompt: str, text: str, avoided: set[str]) -> None:
        wording = Wording.of(prompt)
        assert wording.text.strip() == text
        assert avoided <= wording.avoided
        assert prompt.split()[0] not in wording.avoided
        assert "concrete" not in wording.avoided

    def test_places_of_what_is_joined(self) -> None:
        wording = Wording.of("old wall without moss or cracks, wet")
        assert wording.text == "old wall without moss, without cracks, wet"
        for word in ("moss", "cracks", "wet"):
            at = wording.text.index(word)
            ((start, end),) = wording.back([(at, at + len(word))])
            assert wording.source[start:end] == word

    def test_color_phrases(self) -> None:
        found = find_colors("very dark blue tiles, rusty, light grout, sand")
        assert [(item.name and item.name.text, item.tone) for item in found] == [
            ("very dark blue", ""),
            (None, "light"),
        ]


class TestTold:
    @pytest.mark.parametrize("prompt", ["!!!", "🧱"])
    def test_signs_say_nothing(self, instant: InstantGenerator, prompt: str) -> None:
        assert "nothing_understood" in drawn(instant, prompt)[1]

    @pytest.mark.parametrize("prompt", ["dusty glass", "graffiti on concrete wall", "piedra", "ziegelmauer"])
    def test_what_is_not_sure(self, instant: InstantGenerator, prompt: str) -> None:
        assert "material_unsure" in drawn(instant, prompt)[1]

    def test_what_is_not_wanted_is_no_guess(self, instant: InstantGenerator) -> None:
        unsure = drawn(instant, "graffiti on concrete wall")[1]["material_unsure"]
        named = [family for family in families().values() if family.title in unsure]
        assert named
        for out in named:
            told = drawn(instant, "graffiti on concrete wall", negative_prompt=out.nouns[0])[1]
            assert out.title not in told.get("material_unsure", ""), told

    @pytest.mark.parametrize("prompt", ["piedra", "ziegelmauer"])
    def test_other_languages_are_not_understood(self, instant: InstantGenerator, prompt: str) -> None:
        assert drawn(instant, prompt)[1]["words_not_understood"].startswith(f"Not understood: {prompt}.")

    def test_words_without_a_parameter(self, instant: InstantGenerator) -> None:
        assert unused_words("herringbone tweed", families()["fabric"]) == [(0, len("herringbone"))]
        assert "herringbone" in drawn(instant, "herringbone tweed")[1]["words_unused"]
        assert unused_words("two-tone wood", families()["wood"]) == [(0, len("two-tone"))]
        assert unused_words("two-colour terrazzo", families()["terrazzo"]) == []
        assert drawn(instant, "two-tone wood")[1]["words_unused"] == "Wood grain has no: two-tone."
        assert drawn(instant, "rusty diamond plate")[1]["words_unused"] == "Diamond plate has no: rusty."

    @pytest.mark.parametrize(
        "prompt",
        [
            "marble without moss",
            "marble, no visible moss or snow",
            "marble free of moss",
            "marble, not mossy",
            "没有苔藓的大理石",
            "大理石,无苔藓",
            "大理石不生锈",
            "hammered dented metal",
        ],
    )
    def test_what_is_not_wanted_is_not_missed(self, instant: InstantGenerator, prompt: str) -> None:
        assert "words_unused" not in drawn(instant, prompt)[1]

    def test_what_is_wanted_besides_is(self, instant: InstantGenerator) -> None:
        assert drawn(instant, "marble without cracks, mossy")[1]["words_unused"] == "Marble has no: mossy."

    def test_a_color_in_numbers_is_understood(self, instant: InstantGenerator) -> None:
        assert list(drawn(instant, "#7a3b2e")[1]) == ["material_unsure"]

    @pytest.mark.parametrize(
        "prompt",
        [
            "weathered red brick wall with white mortar",
            "mossy cobblestone, wet",
            "herringbone oak parquet",
            "red brick wall, highly detailed",
        ],
    )
    def test_good_prompts_are_read_in_silence(self, instant: InstantGenerator, prompt: str) -> None:
        assert drawn(instant, prompt)[1] == {}

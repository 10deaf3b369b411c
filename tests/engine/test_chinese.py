# SPDX-License-Identifier: GPL-3.0-or-later
"""Chinese prompts: words, word order, what is reported, and that the embedded model draws what they say."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texloom.engine import chinese_words
from texloom.engine.chinese import translate, translate_list
from texloom.engine.chinese_grammar import SECOND
from texloom.engine.color_names import BASIC, parse_name
from texloom.engine.context import SilentContext
from texloom.engine.head import Head
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.family import families
from texloom.engine.procedural.parameters import Choice, Color, Number
from texloom.engine.procedural.weathering import ATTRIBUTES
from texloom.engine.text_encoder import TextEncoder
from texloom.engine.vocabulary import Vocabulary
from texloom.request import GenerationRequest
from texloom.training.evaluate import CHINESE_PROMPTS, load_prompts, read_texts, score_prompts
from texloom.training.heads import MODEL_FOLDER


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(MODEL_FOLDER, families())


@pytest.fixture(scope="module")
def generator(encoder: TextEncoder) -> InstantGenerator:
    return InstantGenerator(encoder)


class Listener(SilentContext):
    """A context that keeps the warnings."""

    def __init__(self) -> None:
        super().__init__("cpu", threading.Event())
        self.warned: dict[str, tuple[str, tuple[str, ...]]] = {}

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        self.warned[code] = (message, words)


def make(generator: InstantGenerator, prompt: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any], Listener]:
    """Parameters, what was read and the warnings of one small picture."""
    listener = Listener()
    request = GenerationRequest(prompt=prompt, width=64, height=64, seed=1, maps=("base_color",), **options)
    (result,) = generator.generate(request, listener)
    assert result.parameters is not None and result.details is not None
    return dict(result.parameters), result.details["reading"], listener


@pytest.mark.parametrize(
    ("prompt", "english"),
    [
        ("青苔鹅卵石", "mossy cobblestone"),
        ("夜晚的星空", "starry sky"),
        ("风化的红砖墙，白色灰浆", "weathered red brick wall, with white mortar"),
        ("湿漉漉的黑色大理石地砖", "wet black marble"),
        ("深蓝色针织毛衣", "dark blue wool sweater"),
        ("生锈的金属板，有划痕", "rusted metal, with scratches"),
        ("红色 brick wall，潮湿", "red brick wall, wet"),
        # What stands after the noun, and what is about a part.
        ("灰色的宽缝砖墙", "grey brick wall with wide joints"),
        ("砖墙，勾缝是白色的", "brick wall, with white mortar"),
        ("砖墙缝隙里有青苔", "brick wall with moss in the gaps"),
        ("竖条纹，粉色和白色", "pink vertical stripes with white background"),
        ("白底红波点", "white polka dots with red dots"),
        ("红白条纹毛衣", "striped red wool sweater with white stripes"),
        # Degrees and amounts, before and after.
        ("有点脏的瓷砖", "slightly dirty ceramic tiles"),
        ("磨损严重的皮革", "heavily worn leather"),
        ("少量青苔的石板", "flagstones with a little moss"),
        ("被青苔覆盖的石头", "rock overgrown with moss"),
        ("很深的蓝色地毯", "very dark blue carpet"),
        # One word, several meanings: the material decides.
        ("条纹", "striped pattern"),
        ("青苔", "moss"),
        ("橡木", "oak wood"),
        ("橡木地板", "oak floorboards"),
        ("人字拼橡木地板", "herringbone oak parquet"),
        ("错缝铺贴的石板", "flagstones in rows"),
        ("错缝砌筑的砖墙", "running bond brick wall"),
        ("沙漠里的石头", "rock"),
        ("30厘米的瓷砖，4K", "30 cm ceramic tiles, 4k"),
        ("无缝贴图：水泥地，写实", "concrete floor"),
    ],
)
def test_the_english_of_a_prompt(prompt: str, english: str) -> None:
    translated = translate(prompt)
    assert translated is not None and translated.text == english and not translated.missing


@pytest.mark.parametrize(
    ("prompt", "english", "avoided"),
    [
        ("没有青苔的石墙", "stone wall without moss", ""),
        ("砖墙，无裂缝", "brick wall, without cracks", ""),
        ("没有裂缝和青苔的石墙", "stone wall without cracks, without moss", ""),
        ("不光滑的混凝土", "concrete, not smooth", ""),
        ("不太脏的瓷砖", "ceramic tiles, not too dirty", ""),
        ("红砖墙，不要木头", "red brick wall", "wood"),
        ("没有砖的混凝土", "concrete", "brick wall"),
        ("没有砖和瓷砖的混凝土", "concrete", "brick wall, ceramic tiles"),
        ("没有砖和石头的草地", "grass", "brick wall, rock"),
        ("不带青苔的石墙", "stone wall without moss", ""),
        ("无缝隙的木地板", "wooden floorboards with narrow joints", ""),
        ("没有砖缝的砖墙", "brick wall with narrow joints", ""),
        ("无缝木地板", "wooden floorboards", ""),
        ("无砂浆的石墙", "dry stone wall", ""),
        ("地毯，不要红色和绿色", "carpet", "red, green"),
    ],
)
def test_no_means_no(prompt: str, english: str, avoided: str) -> None:
    translated = translate(prompt)
    assert translated is not None and (translated.text, translated.avoided) == (english, avoided)


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [("斑駁的紅磚牆", "斑驳的红砖墙"), ("潮濕的鵝卵石", "潮湿的鹅卵石"), ("生鏽的鐵板", "生锈的铁板"),
     ("藍色磁磚，白色填縫", "蓝色磁砖，白色填缝"), ("ＰＶＣ地板，４Ｋ", "PVC地板,4K")],
)  # fmt: skip
def test_traditional_and_full_width_characters(traditional: str, simplified: str) -> None:
    first, second = translate(traditional), translate(simplified)
    assert first is not None and second is not None and first.text == second.text
    assert len(chinese_words.plain(traditional)) == len(traditional)


@pytest.mark.parametrize("prompt", ["レンガの壁", "붉은 벽돌 벽", "red brick wall", "", "кирпич", "漢字とレンガ"])
def test_other_languages_are_left_alone(prompt: str) -> None:
    assert translate(prompt) is None and translate_list(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "missing"),
    [("木马", ["木马"]), ("红旗", ["红旗"]), ("水星", ["水星"]), ("红砖墙和鳄梨", ["鳄梨"]), ("外婆的砖墙", ["外婆"])],
)
def test_single_characters_make_no_nonsense(prompt: str, missing: list[str]) -> None:
    translated = translate(prompt)
    found = translated.not_understood(lambda text: ()) if translated else tuple(
        token.text for token in chinese_words.tokens(prompt) if token.role == "unknown"
    )  # fmt: skip
    assert list(found) == missing


def test_every_english_word_knows_its_place() -> None:
    for prompt in load_prompts(CHINESE_PROMPTS):
        translated = translate(prompt.text)
        assert translated is not None
        for left, right, start, end in translated.places:
            assert translated.text[left:right].strip() and 0 <= start < end <= len(prompt.text)
        whole = translated.words_at([(0, len(translated.text))])
        assert whole and all(word in prompt.text for word in whole)
    translated = translate("斑駁的紅磚牆，白色灰漿")
    assert translated is not None
    at = translated.text.index("white mortar")
    assert translated.words_at([(at, at + len("white mortar"))]) == ["白色", "灰漿"]


def test_it_costs_nothing_for_english_and_little_for_chinese() -> None:
    prompts = [prompt.text for prompt in load_prompts(CHINESE_PROMPTS)]
    translate(prompts[0])
    took = []
    for prompt in prompts:
        began = time.perf_counter()
        translate(prompt)
        took.append(time.perf_counter() - began)
    assert float(np.median(took)) < 0.005
    began = time.perf_counter()
    for _ in range(100):
        translate("weathered red brick wall with white mortar, mossy and wet")
    assert (time.perf_counter() - began) / 100 < 0.0002


class TestGlossary:
    """The dictionary itself."""

    def test_it_is_large_and_well_formed(self) -> None:
        glossary = chinese_words.glossary()
        assert len(glossary) > 5000 and all(word == chinese_words.plain(word).strip() for word in glossary)
        known = {*families(), *(f":{name}" for family in families().values() for name in _names(family))}
        kinds = {
            "material", "form", "wood", "other", "stuff", "say", "size", "tone", "color", "part", "degree", "quantity",
            "cover", "have", "no", "not", "and", "unit", "skip",
        }  # fmt: skip
        for word, entries in glossary.items():
            for entry in entries:
                assert entry.kind in kinds and set(entry.families) <= known, word
                assert entry.english or entry.kind in ("skip", "and"), word
        assert set(SECOND) <= set(families())

    def test_traditional_characters_map_to_the_glossary(self) -> None:
        with chinese_words.TRADITIONAL.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        used = set("".join(chinese_words.glossary()))
        assert len(rows) > 500 and {row["simplified"] for row in rows} <= used
        letters = "".join(row["traditional"] for row in rows)
        assert len(set(letters)) == len(letters)
        assert all(len(row["simplified"]) == 1 for row in rows)

    def test_no_name_is_lost_in_its_parts(self) -> None:
        for word, entries in chinese_words.glossary().items():
            if entries[0].kind == "material" and chinese_words.is_chinese(word):
                translated = translate(word)
                assert translated is not None and translated.text == entries[0].english, word

    def test_names_mean_their_material(self, head: Head, encoder: TextEncoder) -> None:
        names: dict[tuple[str, str], str] = {}
        for word, entries in chinese_words.glossary().items():
            for entry in entries:
                if entry.kind in ("material", "form"):
                    names.setdefault((entry.english, entry.families[0]), word)
        assert {family for _, family in names} == set(families())
        readings = read_texts(head, encoder, [english for english, _ in names])
        wrong = [
            (names[pair], pair, reading.family)
            for pair, reading in zip(names, readings, strict=True)
            if reading.family != pair[1] or reading.outside
        ]
        # A retrained head may misread a few.
        assert len(wrong) <= 0.02 * len(names), wrong

    def test_colors_are_colors_that_training_knows(self) -> None:
        colors = {e.english for entries in chinese_words.glossary().values() for e in entries if e.kind == "color"}
        assert len(colors) > 80 and not [name for name in colors if parse_name(name) is None]
        assert set(BASIC) - {"gray"} <= colors

    def test_options_and_attributes_can_be_said(self) -> None:
        said = {e.english for entries in chinese_words.glossary().values() for e in entries}
        said = {phrase for english in said for phrase in english.split("/")}
        for family in families().values():
            for item in family.parameters:
                if isinstance(item, Choice):
                    # "plain" is what an unnamed option is.
                    names = [name for name, phrases in item.options.items() if phrases and name not in _UNSAID]
                    for name in names:
                        assert _holds(item.options[name], said), f"{family.name} {item.name} {name}"
        for name, number in ATTRIBUTES.items():
            assert _holds([word for word, value in number.words.items() if value > 0.5], said), name

    def test_all_words_are_known_to_the_model(self, encoder: TextEncoder) -> None:
        vocabulary = Vocabulary.load(MODEL_FOLDER)
        english = {
            entry.english.replace("/", " ")
            for entries in chinese_words.glossary().values()
            for entry in entries
            if entry.kind not in ("other", "skip", "unit")
        }
        unknown = {phrase: vocabulary.unknown(phrase, encoder).words for phrase in english}
        assert not {phrase: words for phrase, words in unknown.items() if words}


_UNSAID = {"single", "plain", "cast", "checker", "none"}


def _names(family: Any) -> list[str]:
    return [item.name for item in family.all_parameters() if isinstance(item, (Number, Choice, Color))]


def _holds(phrases: Sequence[str], said: set[str]) -> bool:
    return any(phrase in said or f"with {phrase}" in said for phrase in phrases)


class TestModel:
    """What the embedded model makes of it."""

    def test_a_chinese_prompt_is_obeyed_and_its_own_words_reported(self, generator: InstantGenerator) -> None:
        parameters, reading, listener = make(generator, "风化的红砖墙，白色灰浆")
        assert parameters["family"] == "bricks" and parameters["wear"] > 0.4 and not listener.warned
        red, green, _ = (int(parameters["color"][at : at + 2], 16) for at in (1, 3, 5))
        assert red > green + 40 and int(parameters["second_color"][1:3], 16) > 190
        assert reading["family"]["words"] == ["砖墙"] and reading["family"]["source"] == "prompt"
        words = {entry["name"]: entry["words"] for entry in reading["parameters"] if entry["source"] == "prompt"}
        assert set(words) == {"color", "second_color", "wear"}
        assert words["color"] == ["红"] and words["second_color"][0] == "白色" and words["wear"] == ["风化的"]

    def test_what_is_not_understood_is_named_as_typed(self, generator: InstantGenerator) -> None:
        _, _, listener = make(generator, "外婆的紅磚牆，blorptex，爬山虎")
        message, words = listener.warned["words_not_understood"]
        assert words == ("外婆", "blorptex", "爬山虎") and "English" not in message
        assert all(word in message for word in words)

    def test_other_scripts_are_told_what_is_read(self, generator: InstantGenerator) -> None:
        for prompt in ("レンガの壁", "붉은 벽돌"):
            message, _ = make(generator, prompt)[2].warned["words_not_understood"]
            assert "reads English" in message and "Chinese" in message

    def test_nothing_known_at_all(self, generator: InstantGenerator) -> None:
        _, words = make(generator, "奶奶")[2].warned["words_not_understood"]
        assert words == ("奶奶",)

    def test_something_that_is_no_material(self, generator: InstantGenerator) -> None:
        message, words = make(generator, "一只猫")[2].warned["words_not_understood"]
        assert words == ("猫",) and "not seem to be about a material" in message

    def test_no_in_the_prompt(self, generator: InstantGenerator) -> None:
        parameters, _, listener = make(generator, "没有青苔、没有裂缝的石墙")
        assert parameters["family"] == "stone_wall" and parameters["moss"] == 0.0 and parameters["cracks"] == 0.0
        assert not listener.warned

    def test_a_negative_prompt(self, generator: InstantGenerator) -> None:
        parameters, reading, listener = make(generator, "石墙", negative_prompt="青苔，裂缝，湿，外婆")
        assert (parameters["moss"], parameters["cracks"], parameters["wetness"]) == (0.0, 0.0, 0.0)
        sources = {entry["name"]: entry["source"] for entry in reading["parameters"]}
        assert sources["moss"] == "negative prompt"
        assert listener.warned["negative_not_understood"][1] == ("外婆",)

    def test_a_material_to_be_avoided(self, generator: InstantGenerator) -> None:
        avoiding = translate("墙，不要砖墙")
        assert avoiding is not None and avoiding.avoided == "brick wall"
        assert make(generator, "墙，不要砖墙")[0]["family"] != "bricks"

    def test_preload_encodes_the_translation(
        self, generator: InstantGenerator, encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoded: list[str] = []
        known = encoder.encode
        monkeypatch.setattr(encoder, "encode", lambda texts: encoded.extend(texts) or known(texts))
        generator.prepare("青苔鹅卵石")
        generator.prepare("mossy cobblestone, wet")
        assert encoded == ["mossy cobblestone", "mossy cobblestone, wet"]

    def test_degrees_are_in_order(self, generator: InstantGenerator) -> None:
        amounts = [make(generator, f"{word}湿的鹅卵石路")[0]["wetness"] for word in ("不", "有点", "", "非常")]
        assert amounts == sorted(amounts) and amounts[0] < 0.1 < amounts[1] < amounts[2] - 0.1


class TestPrompts:
    """The list that the model card's row is measured with."""

    def test_it_is_well_formed(self) -> None:
        prompts = load_prompts(CHINESE_PROMPTS)
        assert len(prompts) >= 150 and len({prompt.text for prompt in prompts}) == len(prompts)
        assert {prompt.families[0] for prompt in prompts} == set(families())
        for prompt in prompts:
            assert chinese_words.is_chinese(prompt.text) and set(prompt.families) <= set(families())
            assert all(parse_name(color) is not None for color in prompt.colors.values()), prompt.text
            for name in (*prompt.colors, *prompt.attributes):
                assert any(families()[family].parameter(name) for family in prompt.families), prompt.text

    def test_no_prompt_is_an_entry_of_the_glossary(self) -> None:
        entries = chinese_words.glossary()
        same = [prompt.text for prompt in load_prompts(CHINESE_PROMPTS) if chinese_words.plain(prompt.text) in entries]
        assert len(same) <= 8, same

    def test_it_reaches_the_goals(self, head: Head, encoder: TextEncoder) -> None:
        rows = score_prompts(head, encoder, load_prompts(CHINESE_PROMPTS)).rows()
        assert rows["family"].mean > 92 and rows["attributes"].mean > 85 and rows["color"].mean < 8

    def test_the_card_has_its_row(self) -> None:
        card = (Path(MODEL_FOLDER) / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert "| designers' prompts in Chinese |" in card

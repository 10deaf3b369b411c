# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of prompts that are too long, against what the real pipelines hand to their networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.prompt_length import words_dropped
from texloom.request import GenerationRequest

pytestmark = pytest.mark.usefixtures("unrepaired")

CUT = (
    "flux",
    "flux2",
    "flux2-klein",
    "sd3",
    "z-image",
    "qwen-image",
    "sana",
    "sana-sprint",
    "lumina2",
    "pixart-sigma",
    "krea2",
    "chroma",
    "kolors",
)
"""Families whose pipelines cut prompts that a test can make long enough."""

Models = Callable[[str], DiffusersFolderGenerator]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        if name not in made:
            made[name] = DiffusersFolderGenerator(tiny_families.save(name, tmp_path_factory.mktemp("families") / name))
            made[name].load(Notes())
        return made[name]

    return get


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _read(
    model: DiffusersFolderGenerator, prompt: str, notes: Notes | None = None, negative: str = ""
) -> list[torch.Tensor]:
    """What the pipeline makes of a prompt while it draws."""
    found: list[torch.Tensor] = []
    pipeline: Any = model.opened.pipeline
    plain = pipeline.encode_prompt

    def listening(*args: Any, **named: Any) -> Any:
        result = plain(*args, **named)
        found.extend(_tensors(result))
        return result

    pipeline.__dict__["encode_prompt"] = listening
    try:
        request = GenerationRequest(
            prompt=prompt,
            negative_prompt=negative,
            width=64,
            height=64,
            seed=3,
            steps=2,
            kind="texture",
            preview_interval=0,
        )
        next(model.generate(request, notes or Notes()))
    finally:
        pipeline.__dict__["encode_prompt"] = plain
    assert found
    return found


def _same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", CUT)
def test_what_is_said_to_be_dropped_is(name: str, models: Models) -> None:
    """Up to a letter: a letter is a token to the tiny tokenizers."""
    model, notes = models(name), Notes()
    words = ["brick"] * 300
    first = _read(model, " ".join(words), notes)
    kept = 300 - len(notes.warnings["prompt_too_long"])
    assert 0 < kept < 300 and set(notes.warnings) == {"prompt_too_long"}
    assert _same(first, _read(model, " ".join([*words[:kept], "bricx", *words[kept + 1 :]])))
    assert not _same(first, _read(model, " ".join([*words[: kept - 1], "bricx", *words[kept:]])))
    notes = Notes()
    _read(model, " ".join(words[:kept]), notes)
    assert notes.warnings == {}


@pytest.mark.parametrize("name", ["qwen-image-2.1", "ernie-image"])
def test_pipelines_that_cut_nothing(name: str, models: Models) -> None:
    model, notes = models(name), Notes()
    words = ["brick"] * 300
    first = _read(model, " ".join(words), notes)
    assert notes.warnings == {}
    assert not _same(first, _read(model, " ".join([*words[:-1], "bricx"])))


@pytest.mark.parametrize(("name", "letters"), [("z-image", 3), ("lumina2", 3)])
def test_chinese_is_cut_between_characters(name: str, letters: int, models: Models) -> None:
    """A character is three bytes, which are the tokens here."""
    model, notes = models(name), Notes()
    text = "红色的砖墙长满青苔" * 30
    _read(model, text, notes)
    (dropped,) = notes.warnings["prompt_too_long"]
    assert text.endswith(dropped)
    kept = len(text) - len(dropped)
    assert 5 < kept < 512 // letters
    notes = Notes()
    _read(model, text[:kept], notes)
    assert notes.warnings == {}


def test_one_token_too_long_is_no_prompt_lost(models: Models) -> None:
    model = models("z-image")
    pipeline, family = model.opened.pipeline, model.opened.family
    text = "砖"
    while not words_dropped(pipeline, family, text):
        text += "砖"
    assert words_dropped(pipeline, family, text) == ("砖",)
    assert words_dropped(pipeline, family, f"old mossy {text}") == ("砖" * 4,)  # ten letters more


def test_the_message_quotes_a_few_characters(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    notes = Notes()
    monkeypatch.setattr(notes, "warn", lambda code, message, **rest: said.append(message))
    _read(models("lumina2"), "红色的砖墙长满青苔" * 30, notes)
    assert len(said) == 1 and said[0].startswith("The prompt is longer than") and len(said[0]) < 110


@pytest.mark.parametrize("name", ["z-image", "lumina2", "sana", "pixart-sigma"])
def test_negative_prompts_are_looked_at_too(name: str, models: Models) -> None:
    model, notes = models(name), Notes()
    words = ["dirt"] * 200
    first = _read(model, "brick", notes, " ".join(words))
    assert set(notes.warnings) == {"negative_prompt_too_long"}
    kept = 200 - len(notes.warnings["negative_prompt_too_long"])
    assert 0 < kept < 200
    assert _same(first, _read(model, "brick", None, " ".join([*words[:kept], "dirx", *words[kept + 1 :]])))
    assert not _same(first, _read(model, "brick", None, " ".join([*words[: kept - 1], "dirx", *words[kept:]])))


def test_negative_prompts_without_effect_are_not(models: Models) -> None:
    model, notes = models("z-image"), Notes()
    request = GenerationRequest(
        prompt="brick",
        negative_prompt="dirt " * 200,
        guidance_scale=0.0,
        width=64,
        height=64,
        steps=1,
        kind="texture",
        preview_interval=0,
    )
    next(model.generate(request, notes))
    assert set(notes.warnings) == {"negative_prompt_ignored"}

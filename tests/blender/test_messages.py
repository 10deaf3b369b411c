# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences of the core, with values in them, are shown in the language of the interface."""

from __future__ import annotations

import ast
import importlib
import json
import re
import string
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from templates import Source

WORD = re.compile(r"[A-Za-z]{2,}")
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def translations(texloom: ModuleType) -> ModuleType:
    return importlib.import_module(f"{texloom.__name__}.translations")


@pytest.fixture(scope="module")
def table(translations: ModuleType) -> dict[str, str]:
    return dict(importlib.import_module(f"{translations.__name__}.zh_hans").MESSAGES)


@pytest.fixture(scope="module")
def chinese(translations: ModuleType) -> Callable[[str], str]:
    return translations.SENTENCES["zh_HANS"].translate


@pytest.fixture(scope="module")
def templates(texloom: ModuleType) -> dict[str, str]:
    """Every template of the core and the add-on, and where it stands."""
    return {text: place for place, text in Source(Path(texloom.__file__).parent).texts()}


def filled(template: str) -> tuple[str, list[str]]:
    """A text made from a template, and the values in it: some hold spaces, points and colons as paths do."""
    values: list[str] = []

    def value(match: re.Match[str]) -> str:
        number = len(values)
        # Between two values with nothing but a space nobody could tell where the first one ends: they are names.
        choices = (
            (f"v{number}x",) * 3
            if "{} {}" in template
            else (f"v{number}x", f"/d{number}/a. b: c.png", f"“{number} 个”")
        )
        values.append(choices[number % 3])
        return values[-1]

    return re.sub(r"\{\w*\}", value, template), values


def test_the_source_is_found(templates: dict[str, str]) -> None:
    assert len(templates) > 200
    for known in (
        "{} does not exist.",
        "Not understood: {}.",
        "Set up the engine again.",
        "{} has no parameter {}: it was left out.",
        "must be from {} to {}",
    ):
        assert known in templates
    assert not [text for text, place in templates.items() if "/training/" in place or place.startswith("cli")]


def test_every_sentence_of_the_core_is_translated(
    templates: dict[str, str], table: dict[str, str], chinese: Callable[[str], str]
) -> None:
    kept = {word for text in table.values() for word in WORD.findall(text)}
    failed: list[str] = []
    for template, place in sorted(templates.items()):
        text, values = filled(template)
        shown = chinese(text)
        rest = shown
        for value in values:
            rest = rest.replace(value, "", 1)
        english = [word for word in WORD.findall(rest) if word not in kept]
        if english or not HAN.search(rest) or any(value not in shown for value in values):
            failed.append(f"{place}: {template!r} becomes {shown!r}")
    assert not failed, "\n".join(failed)


def test_files_that_cannot_be_used(texloom: ModuleType, table: dict[str, str]) -> None:
    actions: set[str] = set()
    for path in Path(texloom.__file__).parent.rglob("*.py"):
        actions |= set(re.findall(r'storage_error\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    assert {"read", "write"} <= actions
    assert not [action for action in actions if f"Could not {action} {{0}}: {{reason}}." not in table]


def test_each_template_matches_a_text_made_from_it(table: dict[str, str], chinese: Callable[[str], str]) -> None:
    for english, translation in table.items():
        parsed = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, translation)]
        assert parsed[0] == parsed[1], english
        fields = list(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(english) if name))
        values = {name: f"v{number}x" for number, name in enumerate(fields)}
        text, wanted = english, translation
        for name, value in values.items():
            text, wanted = text.replace(f"{{{name}}}", value), wanted.replace(f"{{{name}}}", value)
        assert chinese(text) == wanted


@pytest.mark.parametrize(
    ("english", "wanted"),
    [
        ("/a. b/c.png does not exist. Download the model again.", "/a. b/c.png 不存在。请重新下载模型。"),
        ("Brick wall has no parameter glow: it was left out.", "砖墙 没有参数 glow: 已忽略。"),
        ("parameters: wear must be from 0 to 1, got 3.", "parameters: wear 必须介于 0 和 1 之间,得到的是 3。"),
        ("count: must be a whole number from 1 to 8, got 'x'.", "count: 必须是介于 1 和 8 之间的整数,得到的是 'x'。"),
        (
            "The new engine does not work: torch does not load (No module named 'torch').",
            "新的引擎无法工作: torch 无法加载 (No module named 'torch')。",
        ),
        ("Hello there. Download the model again.", "Hello there. 请重新下载模型。"),
        ("Nobody knows this.", "Nobody knows this."),
        ("结果位于 /tmp/a。", "结果位于 /tmp/a。"),
        ("", ""),
    ],
)  # fmt: skip
def test_texts_of_several_sentences(english: str, wanted: str, chinese: Callable[[str], str]) -> None:
    assert chinese(english) == wanted


def test_a_user_s_name_is_no_label(chinese: Callable[[str], str]) -> None:
    assert chinese("The material Moss has no maps of Texloom any more.").startswith("材质 Moss ")


def test_it_is_quick(chinese: Callable[[str], str], translations: ModuleType) -> None:
    fresh = type(translations.SENTENCES["zh_HANS"])(
        importlib.import_module(f"{translations.__name__}.zh_hans").MESSAGES, {}
    )
    fresh.translate("warm up does not exist.")
    began = time.perf_counter()
    fresh.translate("x. " * 40 + "Could not write /tmp/a.png: No space left on device. The disk is full.")
    assert time.perf_counter() - began < 0.2
    began = time.perf_counter()
    for _ in range(1000):
        fresh.translate("warm up does not exist.")
    assert (time.perf_counter() - began) / 1000 < 0.0001


def test_names_that_the_engine_gives_are_translated(texloom: ModuleType, translations: ModuleType) -> None:
    """Materials, parameters and options, as they stand in the reading of a manifest."""
    core = Path(texloom.__file__).parent / "core" / "texloom"
    known = translations.LANGUAGES["zh_HANS"]
    names: set[str] = set()
    sources = [*core.glob("engine/procedural/families/*.py"), core / "engine/procedural/weathering.py"]
    for path in (*sources, core / "engine/procedural/common.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "label" and isinstance(node.value, ast.Constant):
                names.add(node.value.value)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if getattr(target, "id", "") == "title" and isinstance(node.value, ast.Constant):
                    names.add(node.value.value)
    assert {"Brick wall", "Mortar color", "Wetness"} <= names and len(names) > 120
    label = importlib.import_module(f"{texloom.__name__}.parameters").option_label
    config = json.loads((core / "models" / "instant" / "config.json").read_text(encoding="utf-8"))
    options = {option for options in _options(config["schema"]) for option in options}
    assert {"herringbone", "running", "subway"} <= options
    names |= {label(option) for option in options}
    assert sorted(name for name in names if name not in known) == []
    assert not [name for name in names if known[name] == name]


def _options(node: Any) -> list[list[str]]:
    """All lists called options, however deep."""
    if isinstance(node, dict):
        own = [node["options"]] if isinstance(node.get("options"), list) else []
        return own + [found for value in node.values() for found in _options(value)]
    return [found for value in node for found in _options(value)] if isinstance(node, list) else []


def test_blender_s_language_decides(translations: ModuleType) -> None:
    view = bpy.context.preferences.view
    text = "Download the model again."
    before = view.language, view.use_translate_interface
    if "zh_HANS" not in {item.identifier for item in view.bl_rna.properties["language"].enum_items_static}:
        assert translations.message(text) == text
        pytest.skip("this build of Blender has no other languages")
    try:
        view.language = "zh_HANS"
        view.use_translate_interface = True
        assert translations.message(text) == "请重新下载模型。"
        view.use_translate_interface = False
        assert translations.message(text) == text
    finally:
        view.language, view.use_translate_interface = before


def test_operators_report_in_the_language_of_the_interface(
    texloom: ModuleType, monkeypatch: pytest.MonkeyPatch, chinese: Callable[[str], str]
) -> None:
    common = importlib.import_module(f"{texloom.__name__}.operators.common")
    errors = importlib.import_module(f"{texloom.__name__}.core.texloom.errors")
    monkeypatch.setattr(common, "message", chinese)
    told: list[tuple[set[str], str]] = []
    operator: Any = type("Operator", (), {"report": lambda self, kind, text: told.append((kind, text))})()
    error = errors.StorageError("/a/b does not exist.", advice="Choose another folder in the preferences.")
    assert common.failed(operator, error) == {"CANCELLED"}
    assert common.refused(operator, "There was not enough memory for this job.", "") == {"CANCELLED"}
    assert [text for _, text in told] == [
        "/a/b 不存在。请在偏好设置中选择其他文件夹。",
        "内存不足,无法完成此任务。",
    ]
    assert str(error).startswith("/a/b does not exist.")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the interface has a translation, and Blender shows it."""

from __future__ import annotations

import ast
import importlib
import re
import string
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

# Names, abbreviations and numbers that are the same in every language.
SAME = re.compile(
    r"(Texloom|[0-9]+K?|NVIDIA \(CUDA\)|AMD \(ROCm\)|Apple \(MPS\)|Intel \(XPU\)"
    r"|cuDNN|FlashAttention [23]|SageAttention|xFormers|)"
)
TAKE_TEXT = {"iface", "poll_message_set"}
# What a layout is told by name, wherever it is drawn.
SHOWN_BY_NAME = ("text", "heading", "placeholder", "title", "message", "confirm_text")
# A word that begins a label, or several words: what the interface would say, wherever it stands in a drawing.
LIKE_TEXT = re.compile(r"[A-Z][a-z]+(?:[ …]|$)|[A-Z]?[a-z]+ [a-zA-Z].*")
NOT_SHOWN = {
    "style image",  # where a value comes from, as the engine says it
    "weathered red brick wall with white mortar",  # prompts of the examples
    "mossy cobblestone, wet",
    "dark walnut herringbone parquet, polished, clean",
    "Marigold",  # a name
}


@pytest.fixture
def dictionary(texloom: ModuleType) -> dict[str, str]:
    return importlib.import_module(f"{texloom.__name__}.translations").LANGUAGES["zh_HANS"]


def texts_of_properties(properties: Any, own: Collection[str]) -> Iterator[str]:
    for item in properties:
        if item.identifier not in own or item.is_hidden:
            continue
        yield item.name
        yield item.description
        if item.type == "ENUM":
            for option in item.enum_items:
                yield option.name
                yield option.description


def texts_of_classes(texloom: ModuleType) -> Iterator[str]:
    name = texloom.__name__
    operators = importlib.import_module(f"{name}.operators").CLASSES
    for owner in operators:
        yield owner.bl_label
        yield owner.__doc__
        operator = getattr(bpy.ops.texloom, owner.bl_idname.partition(".")[2])
        yield from texts_of_properties(operator.get_rna_type().properties, owner.__annotations__)
    for owner in importlib.import_module(f"{name}.panels").CLASSES:
        yield owner.bl_label
    kinds = (bpy.types.PropertyGroup, bpy.types.AddonPreferences)
    owners = [owner for kind in kinds for owner in kind.__subclasses__() if owner.__module__.startswith(f"{name}.")]
    assert len(owners) > 6
    for owner in owners:
        yield from texts_of_properties(owner.bl_rna.properties, owner.__annotations__)


def texts_in_code(folder: Path) -> Iterator[str]:
    """Constants that are shown: ``text=``, ``heading=`` and the like, and what goes through ``iface``."""
    for path in folder.glob("**/*.py"):
        if "core" in path.relative_to(folder).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # What draws stands outside the folder scene, where ``text`` is something else.
            drawn = SHOWN_BY_NAME if "scene" not in path.relative_to(folder).parts else ()
            shown = [item.value for item in node.keywords if item.arg in drawn]
            shown += node.args[:1] if called in TAKE_TEXT else []
            shown += node.args[1:2] if called == "report" else []
            for value in shown:
                for part in ast.walk(value):
                    if isinstance(part, ast.JoinedStr):
                        words = "".join(str(item.value) for item in part.values if isinstance(item, ast.Constant))
                        assert not re.search(r"\w", words), f"{path.name}:{part.lineno}: put together before iface"
                    elif (
                        isinstance(part, ast.Constant) and isinstance(part.value, str) and re.search(r"\w", part.value)
                    ):
                        yield part.value


def texts_in_drawings(folder: Path) -> Iterator[str]:
    """Constants that look like texts in what draws, also those that reach a layout through a table or a loop."""
    for path in folder.glob("**/*.py"):
        place = path.relative_to(folder).parts
        if place[0] in ("core", "scene", "translations", "data"):
            continue
        tree: Any = ast.parse(path.read_text(encoding="utf-8"))
        whole = place[0] == "panels"
        draws = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and "draw" in node.name]
        for part in [tree] if whole else draws:
            left_out = set()
            for node in ast.walk(part):
                if isinstance(node, ast.Expr):
                    left_out.add(node.value)  # docstrings
                elif isinstance(node, ast.JoinedStr):
                    left_out.update(node.values)  # looked at by texts_in_code
            for node in ast.walk(part):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out:
                    if LIKE_TEXT.match(node.value) and node.value not in NOT_SHOWN:
                        yield node.value


def texts_of_groups(texloom: ModuleType) -> Iterator[str]:
    """Names and tooltips of the sockets and panels of the node groups, which Blender translates when it shows them."""
    groups = importlib.import_module(f"{texloom.__name__}.scene.groups")
    for kind in groups.NAMES:
        for _ in groups.ensure(kind):
            pass
        for item in groups.find(kind).interface.items_tree:
            yield item.name
            yield item.description


def all_texts(texloom: ModuleType) -> set[str]:
    folder = Path(texloom.__file__).parent
    found = {*texts_of_classes(texloom), *texts_in_code(folder), *texts_in_drawings(folder)}
    return found | {*texts_of_groups(texloom)}


def test_every_text_has_a_translation(texloom: ModuleType, dictionary: dict[str, str]) -> None:
    texts = {text for text in all_texts(texloom) if not SAME.fullmatch(text)}
    assert len(texts) > 120
    assert sorted(texts - set(dictionary)) == []


def test_texts_are_found_wherever_they_stand(texloom: ModuleType) -> None:
    folder = Path(texloom.__file__).parent
    # A heading; texts that a loop or a table passes on; names and tooltips of sockets, a panel of a group.
    assert "Show" in {*texts_in_code(folder)}
    assert {"Condition", "Lock All", "Unlock All", "Brick"} <= {*texts_in_drawings(folder)}
    groups = {*texts_of_groups(texloom)}
    assert {"Tint", "How much of the tint is applied", "Measures", "Width of one tile on the object"} <= groups


def test_stages_that_the_engine_reports_have_one(texloom: ModuleType, dictionary: dict[str, str]) -> None:
    folder = Path(texloom.__file__).parent / "core" / "texloom"
    stages = set()
    for path in (*folder.glob("engine/*.py"), *folder.glob("runtime/*.py")):
        text = path.read_text(encoding="utf-8")
        stages |= set(re.findall(r'(?:stage=|title=|\.loading\()"([^"{]+)"', text))
    assert len(stages) > 8
    assert sorted(stages - set(dictionary)) == []


def test_translations_are_translations(dictionary: dict[str, str]) -> None:
    for english, text in dictionary.items():
        assert text.strip() and text != english
        fields = [{name for _, name, _, _ in string.Formatter().parse(item) if name} for item in (english, text)]
        assert fields[0] == fields[1], english
        assert "\n" not in english + text


def test_blender_speaks_it(texloom: ModuleType) -> None:
    view = bpy.context.preferences.view
    if "zh_HANS" not in {item.identifier for item in view.bl_rna.properties["language"].enum_items_static}:
        pytest.skip("this build of Blender has no other languages")
    before = view.language
    try:
        view.language = "zh_HANS"
        view.use_translate_interface = True
        iface = importlib.import_module(f"{texloom.__name__}.translations").iface
        assert iface("What you make appears here.") == "生成的结果会显示在这里。"
        assert bpy.app.translations.pgettext("Generate", "Operator") == "生成"
    finally:
        view.language = before

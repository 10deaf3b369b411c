# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles: words around the prompt and a few settings, kept as Blender keeps presets.

A style never changes what the user has written.  Its words stand in fields of their own, and what it has changed
among the settings is remembered, so that taking it off gives back what was there before.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any, Final

import bpy

from .core.texloom.errors import RequestError
from .translations import iface

FOLDER: Final = Path(__file__).parent / "data"
"""Holds ``presets/`` with the styles that come with the add-on."""

MENU: Final = "TEXLOOM_MT_styles"
"""Blender's presets belong to a menu."""

SUBFOLDER: Final = "texloom/styles"
"""Below Blender's folders of presets."""

PLACE: Final = "{prompt}"
"""Where the prompt goes in a style; without it the style's words follow the prompt."""

SETTINGS: Final = ("output", "size", "width", "height", "tiling", "maps", "own_width", "tile_metres", "relief")
"""Settings that a style may change besides its words."""

_SAID = re.compile(r"""^texloom\.(style|style_negative) = ["'](.*)["']$""", re.MULTILINE)
_utils: Any = bpy.utils
_WORDS: Final = ("style", "style_negative", "style_name", "style_changes")


def effective_prompt(prompt: str, style: str) -> str:
    """The prompt in the words of a style: what a request says.  Without a style, or without a prompt, as it is."""
    bare, style = prompt.strip(" \n,."), style.strip(" ,")
    if not bare or not style:
        return prompt
    return style.replace(PLACE, bare) if PLACE in style else f"{bare}, {style}"


def joined(*negative: str) -> str:
    """Several negative prompts as one."""
    said = [part for part in negative if part.strip(" ,")]
    return said[0] if len(said) == 1 else ", ".join(part.strip(" ,") for part in said)


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """For each setting that differs its value before and after."""
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def snapshot(settings: Any) -> dict[str, Any]:
    """The settings that a style may change, as JSON types."""
    values = {name: getattr(settings, name) for name in SETTINGS}
    return {name: sorted(value) if isinstance(value, set) else value for name, value in values.items()}


def changes(settings: Any) -> dict[str, list[Any]]:
    """What the style in use has changed, see :func:`changed`.  A .blend may hold anything there."""
    try:
        found = json.loads(settings.style_changes or "{}")
    except ValueError:
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: pair for name, pair in pairs if name in SETTINGS and isinstance(pair, list) and len(pair) == 2}


def take_off(settings: Any) -> None:
    """Undo a style: its words go, and the settings it has changed are as before where nobody changed them since."""
    now = snapshot(settings)
    for name, (before, after) in changes(settings).items():
        if now.get(name) == after:
            # A file of another version may name what there is no more.
            with contextlib.suppress(TypeError):
                setattr(settings, name, set(before) if name == "maps" else before)
    for name in _WORDS:
        setattr(settings, name, "")


def begin(settings: Any) -> None:
    """Before a style is read: the last one goes, and what it may change is kept."""
    take_off(settings)
    settings.style_changes = json.dumps({name: [value, value] for name, value in snapshot(settings).items()})


def end(settings: Any, name: str) -> None:
    """After a style was read: keep what it has changed."""
    before = {key: values[0] for key, values in changes(settings).items()}
    settings.style_changes = json.dumps(changed(before, snapshot(settings)))
    settings.style_name = name


def display_name(path: str) -> str:
    """The name of a style's file as it is shown."""
    return bpy.path.display_name(Path(path).name, title_case=False)


def files() -> tuple[list[str], list[str]]:
    """The files of all styles, those that came with the add-on and those of the user, by name."""
    shipped: list[str] = []
    own: list[str] = []
    for folder in _utils.preset_paths(SUBFOLDER):
        found = sorted((str(path) for path in Path(folder).glob("*.py")), key=lambda path: display_name(path).lower())
        (shipped if Path(folder).is_relative_to(FOLDER) else own).extend(found)
    return shipped, own


def find(name: str) -> str | None:
    """The file of a style by the name that is shown; the user's own come first."""
    shipped, own = files()
    return next((path for path in (*own, *shipped) if display_name(path) == name), None)


def use(settings: Any, name: str) -> None:
    """Use a style in the current scene; all or nothing.

    Raises:
        RequestError: there is none of that name, or its file cannot be executed.
    """
    path = find(name)
    if path is None:
        raise RequestError(iface("There is no style named {name}.").format(name=name))
    try:
        # Blender's own operator, which tells of a broken file; the menu's callbacks do the rest.
        bpy.ops.script.execute_preset(filepath=path, menu_idname=MENU)
    except RuntimeError as error:
        take_off(settings)
        raise RequestError(str(error).strip()) from error


def summary(path: str) -> str:
    """The words of a style as its file has them, one a line; the negative ones after a minus."""
    found = dict(_SAID.findall(Path(path).read_text(encoding="utf-8", errors="replace")))
    marked = (("style", ""), ("style_negative", "− "))
    return "\n".join(f"{mark}{found[name]}" for name, mark in marked if found.get(name))


def register() -> None:
    """Let Blender find the styles that come with the add-on."""
    _utils.register_preset_path(str(FOLDER))


def unregister() -> None:
    """Take that back."""
    _utils.unregister_preset_path(str(FOLDER))

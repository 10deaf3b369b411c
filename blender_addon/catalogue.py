# SPDX-License-Identifier: GPL-3.0-or-later
"""What the embedded model can draw, read from its config: the families of materials by name and title."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import bpy

from .core.texloom import storage
from .translations import iface

_CONFIG = Path(storage.__file__).parent / "models" / "instant" / "config.json"
# Blender keeps no reference to the texts of a dynamic menu.
_menus: dict[str, list[tuple[str, str, str]]] = {}


@cache
def families() -> dict[str, str]:
    """Title of each family by its name."""
    titles = storage.read_json(_CONFIG)["titles"]
    return {str(name): str(title) for name, title in titles.items()}


def family_items(owner: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The families as items of a menu, in the user's language, sorted by title."""
    language = bpy.app.translations.locale
    if language not in _menus:
        items = [(name, iface(title), "") for name, title in families().items()]
        _menus[language] = sorted(items, key=lambda item: item[1])
    return _menus[language]

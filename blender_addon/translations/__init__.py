# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the interface in other languages, through Blender's own translation.

Blender translates labels, names and tooltips by itself once they are registered; texts that are put together
from parts go through :func:`iface` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from . import zh_hans

LANGUAGES: Mapping[str, Mapping[str, str]] = {"zh_HANS": zh_hans.TEXTS}
"""For each of Blender's language codes the English texts and their translations."""

# Blender looks the labels of operators up in a context of their own.
_CONTEXTS = ("*", "Operator")


def iface(text: str) -> str:
    """A text in the language of the interface; English where there is no translation or the user wants none."""
    translate: Any = bpy.app.translations.pgettext_iface
    return str(translate(text))


def register() -> None:
    """Make the languages known to Blender."""
    tables = {
        language: {(context, english): text for english, text in texts.items() for context in _CONTEXTS}
        for language, texts in LANGUAGES.items()
    }
    bpy.app.translations.register(__package__, tables)


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__package__)

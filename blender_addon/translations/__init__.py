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
from .sentences import Sentences

LANGUAGES: Mapping[str, Mapping[str, str]] = {"zh_HANS": zh_hans.TEXTS}
"""For each of Blender's language codes the English texts and their translations."""

SENTENCES: Mapping[str, Sentences] = {"zh_HANS": Sentences(zh_hans.MESSAGES, zh_hans.TEXTS)}
"""For each language the sentences that come from the core with values in them."""

# Blender looks the labels of operators up in a context of their own.
_CONTEXTS = ("*", "Operator")


def iface(text: str) -> str:
    """A text in the language of the interface; English where there is no translation or the user wants none."""
    translate: Any = bpy.app.translations.pgettext_iface
    return str(translate(text))


def message(text: str) -> str:
    """A text of the core (an error, advice or warning, also several together) in the language of the interface.

    Sentences that are not known stay English; what has gone through :func:`iface` already is left as it is.
    """
    sentences = SENTENCES.get(bpy.app.translations.locale)
    if sentences is None or bpy.context.preferences is None or not bpy.context.preferences.view.use_translate_interface:
        return text
    return sentences.translate(text)


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

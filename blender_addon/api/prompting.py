# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles, history, and the panel's settings."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import history, presets, properties
from .. import restore as restoring
from ..core.texloom.storage import read_manifest


def styles() -> tuple[str, ...]:
    """Names of the styles, those that came with Texloom first."""
    return tuple(presets.display_name(path) for part in presets.files() for path in part)


def use_style(name: str | None) -> None:
    """Use a style in the current scene's panel, or take it off (None).

    Raises:
        RequestError: there is none of that name, or its file cannot be executed.
    """
    if name is None:
        presets.take_off(properties.of(bpy.context))
    else:
        presets.use(properties.of(bpy.context), name)


def styled(prompt: str, style: str) -> str:
    """The prompt in the words of a style (``"snowy {prompt}, dusty"``), for :func:`submit`."""
    return presets.effective_prompt(prompt, style)


def prompt_history() -> tuple[tuple[str, str], ...]:
    """Prompts of late with their negative prompts, newest first.

    Raises:
        StorageError: the file of the history is damaged or of a newer version.
    """
    return tuple((entry.prompt, entry.negative_prompt) for entry in history.entries())


def restore(folder: str | Path) -> list[str]:
    """Set the current scene's panel so that it asks for a result that lies on disk again.

    Returns:
        A sentence for each field of the request that the panel cannot hold.

    Raises:
        StorageError: the result is missing or damaged.
    """
    request = read_manifest(Path(folder))["request"]
    return restoring.restore(properties.of(bpy.context), request, folder=folder)

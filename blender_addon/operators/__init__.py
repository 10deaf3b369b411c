# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: a few lines each, the work is done elsewhere.  One module for each part of the panel."""

from __future__ import annotations

from typing import Any

import bpy

from . import (
    adjust,
    editing,
    engine,
    form,
    images,
    jobs,
    library,
    looks,
    models,
    outputs,
    prompt,
    references,
    starting,
    tune,
    upscaling,
)

_FIRST: tuple[Any, ...] = (jobs, prompt, models, starting, form, looks, tune, adjust)
_MODULES = (*_FIRST, outputs, images, editing, references, library, engine, upscaling)
CLASSES: tuple[Any, ...] = tuple(item for module in _MODULES for item in module.CLASSES)


def register() -> None:
    """Make them known to Blender."""
    for item in CLASSES:
        bpy.utils.register_class(item)


def unregister() -> None:
    """Take them back."""
    for item in reversed(CLASSES):
        bpy.utils.unregister_class(item)

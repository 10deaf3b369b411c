# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom in Blender: from a sentence to a material on the selected object."""

from __future__ import annotations

import atexit

import bpy

from . import (
    bridge,
    cli,
    compat,
    controls,
    image_settings,
    keymap,
    library_view,
    locks,
    looks,
    loras,
    model_jobs,
    models_view,
    operators,
    outputs,
    panels,
    parameters,
    preferences,
    presets,
    properties,
    reading,
    references,
    shelf,
    translations,
    tune,
)
from .scene import kept

_MODULES = (
    translations,
    preferences,
    parameters,
    locks,
    loras,
    controls,
    looks,
    properties,
    presets,
    outputs,
    references,
    library_view,
    models_view,
    image_settings,
    operators,
    panels,
    keymap,
    shelf,
    model_jobs,
    # Before tune, which looks after an undo whether files are there.
    kept,
    # Before bridge: what it draws before a file is saved, bridge packs.
    tune,
    reading,
    bridge,
    cli,
)


def register() -> None:
    """Add the panel, its operators and settings, and the command ``blender --command texloom``."""
    for module in _MODULES:
        module.register()
    compat.exit_cleanly(__package__)
    if getattr(bpy.app, "module", False):
        # Blender as a Python module may crash at exit (4.2 does) while handlers and commands are registered.
        atexit.register(_let_go)


def unregister() -> None:
    """Take everything back in reverse order; the engine's process ends with it."""
    for module in reversed(_MODULES):
        module.unregister()
    atexit.unregister(_let_go)


def _let_go() -> None:
    cli.unregister()
    bridge.unregister()
    reading.unregister()

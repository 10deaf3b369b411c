# SPDX-License-Identifier: GPL-3.0-or-later
"""State of the engine, and setting it up."""

from __future__ import annotations

from typing import Any

from .. import bridge, engine_options, preferences, setup_job
from ..core.texloom.errors import StorageError
from .common import Part


class Engine(Part):
    """State of the engine, and setting it up."""

    key = "engine"
    bl_label = "Engine"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        options = preferences.get_registered()
        preferences.draw_engine(self.layout, options)
        if options is not None:
            box = self.layout.box()
            box.use_property_split = True
            box.use_property_decorate = False
            engine_options.draw(box, options)


def engine_known() -> bool:
    """Whether there is an engine to generate with, or one is being set up."""
    options = preferences.get()
    if setup_job.state().running:
        return False
    try:
        python = setup_job.engine_python(options.engine_python)
    except StorageError:
        return True  # Generate tells what is wrong with the settings
    return bridge.get().has_own_backend or (python is not None and python.is_file())

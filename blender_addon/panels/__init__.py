# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel, one layout in the sidebars of the 3D viewport, the image editor and the shader editor."""

from __future__ import annotations

from typing import Any

import bpy

from .. import bridge
from . import (
    adjust,
    advanced,
    common,
    editing,
    engine,
    form,
    images,
    job_pictures,
    library,
    looks,
    main,
    models,
    outputs,
    placement,
    prompt,
    references,
    results,
    starting,
    status_bar,
    tune,
)
from .common import Part

# In the order in which they stand, the parent first.
_PARTS: tuple[type[Part], ...] = (
    main.Main,
    results.Results,
    *tune.PARTS,
    advanced.Advanced,
    *models.PARTS,
    *starting.PARTS,
    *form.PARTS,
    *looks.PARTS,
    *adjust.PARTS,
    placement.Placement,
    *references.PARTS,
    *images.PARTS,
    *editing.PARTS,
    *outputs.PARTS,
    *library.PARTS,
    engine.Engine,
)
_PREFIXES = {"VIEW_3D": "", "IMAGE_EDITOR": "image_", "NODE_EDITOR": "shader_"}


def _poll(cls: Any, context: Any) -> bool:
    space = context.space_data
    # Node editors of other kinds have no use for it.
    if space is not None and space.type == "NODE_EDITOR" and space.tree_type != "ShaderNodeTree":
        return False
    return bool(cls.shown(context))


def _measured(part: type[Part]) -> Any:
    def draw(self: Any, context: Any) -> None:
        # Panels are drawn on every move of the mouse; whoever measures sees how long that takes.
        with bridge.get().timed("draw"):
            part.draw(self, context)

    return draw


def _classes() -> tuple[Any, ...]:
    """One panel class for each part in each place, parents first."""
    found = []
    for space, prefix in _PREFIXES.items():
        parent = f"TEXLOOM_PT_{prefix}{main.Main.key}"
        for part in _PARTS:
            if space not in part.places:
                continue
            name = f"TEXLOOM_PT_{prefix}{part.key}"
            facts = {
                "bl_space_type": space,
                "bl_region_type": "UI",
                "bl_category": "Texloom",
                "__doc__": part.__doc__,
                "poll": classmethod(_poll),
                "draw": _measured(part),
            }
            if name != parent:
                facts["bl_parent_id"] = parent
            found.append(type(name, (part, bpy.types.Panel), facts))
    return tuple(found)


CLASSES = (*prompt.MENUS, *advanced.MENUS, *_classes())


def register() -> None:
    """Make them known to Blender."""
    common.open_previews()
    for item in (*references.CLASSES, *CLASSES):
        bpy.utils.register_class(item)
    status_bar.register()
    job_pictures.register()


def unregister() -> None:
    """Take them back."""
    job_pictures.unregister()
    status_bar.unregister()
    for item in reversed((*references.CLASSES, *CLASSES)):
        bpy.utils.unregister_class(item)
    common.close_previews()

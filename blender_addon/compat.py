# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between Blender 4.2 and 5.x; the only place that asks for Blender's version."""

from __future__ import annotations

import sys
from typing import Any

import bpy

OLDEST = (4, 2, 0)
"""The oldest Blender that this add-on supports."""


def exit_cleanly(package: str) -> None:
    """Let Python take the modules of ``package`` apart when it ends.

    Blender as a Python module lets go of a property's callbacks only when ``bpy`` itself goes, and those hold on to
    the names of their modules, ``bpy`` among them.  Python empties a module that is still there when it ends, but
    not one that is gone while its names live on; then older versions of Blender crash.
    """
    if bpy.app.version < (4, 5, 0) and not bpy.app.binary_path:
        for name, module in list(sys.modules.items()):
            if name.startswith(f"{package}."):
                vars(module)["_itself"] = module


def node_tree(material: bpy.types.Material) -> Any:
    """The material's node tree, switched on where it is still optional.

    Since 5.0 every material has one, and ``use_nodes`` only warns that it will go.
    """
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material.node_tree


def eevee_engine() -> str:
    """Identifier of EEVEE for ``scene.render.engine``."""
    return "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def normals_follow_original(node: Any) -> bool:
    """Make a Normal Map node replace, not repeat, the relief of true displacement; whether Blender can.

    Newer versions apply the map to the smooth surface from before displacement.  Older ones always apply it
    on top, which shows the same relief twice.
    """
    if hasattr(node, "base"):
        node.base = "ORIGINAL"
        return True
    return False


def set_opengl_normals(node: Any) -> None:
    """Say that green points up; older versions know nothing else."""
    if hasattr(node, "convention"):
        node.convention = "OPENGL"


def copy_animation(source: Any, other: Any) -> None:
    """Let ``other`` be animated and driven as ``source`` is; since 4.4 an action has slots of which each takes one."""
    old = source.animation_data
    if old is None:
        return
    new = other.animation_data_create()
    new.action = old.action
    if getattr(old, "action_slot", None) is not None:
        new.action_slot = old.action_slot
    for driver in old.drivers:
        new.drivers.from_existing(src_driver=driver)

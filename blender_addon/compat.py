# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between Blender 4.2 and 5.x; the only place that asks for Blender's version."""

from __future__ import annotations

import sys
from typing import Any

import bpy

OLDEST = (4, 2, 0)
"""The oldest Blender that this add-on supports."""

RELATIVE_PATH: set[str] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Options of a path property that may begin with ``//``; older versions take that of every one."""


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


def node_tree(material: bpy.types.Material | bpy.types.World) -> Any:
    """The node tree of a material or world, switched on where it is still optional.

    Since 5.0 every one has one, and ``use_nodes`` only warns that it will go.
    """
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material.node_tree


def normals_follow_original(node: Any) -> bool:
    """Make a Normal Map node replace, not repeat, the relief of true displacement; whether Blender can.

    Newer versions apply the map to the smooth surface from before displacement.  Older ones always apply it
    on top, which shows the same relief twice.
    """
    if hasattr(node, "base"):
        node.base = "ORIGINAL"
        return True
    return False


def has_normal_base() -> bool:
    """Whether a Normal Map node can do what :func:`normals_follow_original` asks of it."""
    return "base" in bpy.types.ShaderNodeNormalMap.bl_rna.properties


def set_opengl_normals(node: Any) -> None:
    """Say that green points up; older versions know nothing else."""
    if hasattr(node, "convention"):
        node.convention = "OPENGL"


def redraw_status_bar(window: bpy.types.Window) -> None:
    """Have a window's status bar drawn again, which no area of its screen stands for.

    Setting its text is the only way to it, so it is left alone while a tool that may show hints there is active.
    """
    if getattr(window, "modal_operators", None):
        return
    override: Any = bpy.context.temp_override(window=window)
    with override:
        window.workspace.status_text_set_internal(None)


def activate_brush(paint: Any, brush: bpy.types.Brush) -> bool:
    """Make a brush of this file the active one of a mode's paint settings; whether that worked.

    Since 4.3 brushes are assets: the active one is chosen by an operator, and only among assets.
    """
    if bpy.app.version < (4, 3, 0):
        paint.brush = brush
        return True
    if brush.asset_data is None:
        brush.asset_mark()
    try:
        operators: Any = bpy.ops.brush
        operators.asset_activate(asset_library_type="LOCAL", relative_asset_identifier=f"Brush/{brush.name}")
    except RuntimeError:  # the operator's way to say that the mode knows no such brush
        return False
    return bool(paint.brush == brush)


def unified_paint(tools: Any, paint: Any) -> Any:
    """Settings that the brushes share: of each mode since 5.0, of all modes before."""
    return tools.unified_paint_settings if bpy.app.version < (5, 0, 0) else paint.unified_paint_settings


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

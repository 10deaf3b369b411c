# SPDX-License-Identifier: GPL-3.0-or-later
"""An image repeated three times each way, by Blender's own display option of image editors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import bpy

TIMES: Final = 3

_SETTLE: Final = 0.1
_ATTEMPTS: Final = 20


def toggle(window: Any, area: Any, image: Any) -> None:
    """Repeat the image in this image editor and look at it from far enough away, or show it once again."""
    space = area.spaces.active
    on = not (space.show_repeat and space.image == image)
    space.image = image
    space.show_repeat = on
    _fit(window, area, TIMES if on else 1)


def toggle_window(context: Any, image: Any) -> None:
    """Open a window that shows the image repeated, use one that is there, or close it when it shows this image."""
    for window, area in _previews(context):
        space = area.spaces.active
        if space.image == image:
            with context.temp_override(window=window, area=area):
                bpy.ops.wm.window_close()
            return
        space.image = image
        _fit(window, area, TIMES)
        return
    before = {window.as_pointer() for window in context.window_manager.windows}
    bpy.ops.wm.window_new()
    for window in context.window_manager.windows:
        if window.as_pointer() in before:
            continue
        area = window.screen.areas[0]
        area.ui_type = "IMAGE_EDITOR"
        space = area.spaces.active
        space.image = image
        space.show_repeat = True
        space.overlay.show_overlays = False  # else there is a line around the image, as if it had a seam
        for name in ("show_region_ui", "show_region_toolbar", "show_region_tool_header"):
            setattr(space, name, False)
        _fit_soon(image.name)


def _previews(context: Any) -> Iterator[tuple[Any, Any]]:
    """Windows with nothing but an image editor that repeats its image."""
    for window in context.window_manager.windows:
        areas = window.screen.areas
        if len(areas) == 1 and areas[0].type == "IMAGE_EDITOR" and areas[0].spaces.active.show_repeat:
            yield window, areas[0]


def _fit(window: Any, area: Any, times: int) -> bool:
    """Zoom so that the image fits ``times`` each way; whether the editor has a size yet."""
    region = next((region for region in area.regions if region.type == "WINDOW"), None)
    if region is None or region.width < 2 or area.spaces.active.image is None:
        return False
    override: Any = bpy.context.temp_override(window=window, area=area, region=region)
    with override:
        bpy.ops.image.view_all(fit_view=True)
        if times > 1:
            bpy.ops.image.view_zoom_ratio(ratio=area.spaces.active.zoom[0] / times)
    area.tag_redraw()
    return True


def _fit_soon(name: str) -> None:
    """A new window has no size before it was drawn."""
    left = _ATTEMPTS

    def attempt() -> float | None:
        nonlocal left
        left -= 1
        for window, area in _previews(bpy.context):
            if area.spaces.active.image is not None and area.spaces.active.image.name == name:
                return None if _fit(window, area, TIMES) or left <= 0 else _SETTLE
        return None

    bpy.app.timers.register(attempt, first_interval=2 * _SETTLE)

# SPDX-License-Identifier: GPL-3.0-or-later
"""An image repeated three times each way, by Blender's own display option of image editors."""

from __future__ import annotations

from typing import Any, Final

import bpy

TIMES: Final = 3

_SETTLE: Final = 0.1
_ATTEMPTS: Final = 20
_own: tuple[int, int] | None = None
"""The window that was opened here: its address and its screen."""


def toggle(window: Any, area: Any, image: Any) -> None:
    """Repeat the image in this image editor and look at it from far enough away, or show it once again."""
    space = area.spaces.active
    on = not (space.show_repeat and space.image == image)
    space.image = image
    space.show_repeat = on
    _fit(window, area, TIMES if on else 1)


def toggle_window(context: Any, image: Any) -> None:
    """Show the image repeated in a window of its own, the one that is open for that, or close it when it shows this."""
    global _own
    if (found := _preview(context)) is not None:
        window, area = found
        space = area.spaces.active
        if space.image == image:
            _own = None
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
        _own = _identity(window)
        _fit_soon(image.name)


def _identity(window: Any) -> tuple[int, int]:
    # An address may be given to another window later, but not with the same screen.
    return window.as_pointer(), window.screen.session_uid


def _preview(context: Any) -> tuple[Any, Any] | None:
    """The window that was opened here and its editor, if it still is a preview: others may look just like it."""
    for window in context.window_manager.windows:
        areas = window.screen.areas
        if _identity(window) == _own and len(areas) == 1 and areas[0].type == "IMAGE_EDITOR":
            return (window, areas[0]) if areas[0].spaces.active.show_repeat else None
    return None


def _fit(window: Any, area: Any, times: int) -> bool:
    """Zoom so that the image fits ``times`` each way; whether the editor has a size yet."""
    region = next((region for region in area.regions if region.type == "WINDOW"), None)
    image = area.spaces.active.image
    if region is None or region.width < 2 or image is None:
        return False
    # The editor tells its zoom only after it was drawn with it, so it cannot be asked what fitting once came to.
    room = min(region.width / max(1, image.size[0]), region.height / max(1, image.size[1]))
    override: Any = bpy.context.temp_override(window=window, area=area, region=region)
    with override:
        bpy.ops.image.view_all(fit_view=True)
        if times > 1:
            bpy.ops.image.view_zoom_ratio(ratio=room / times)
    area.tag_redraw()
    return True


def _fit_soon(name: str) -> None:
    """A new window has no size before it was drawn."""
    left = _ATTEMPTS

    def attempt() -> float | None:
        nonlocal left
        left -= 1
        found = _preview(bpy.context)
        if found is None:
            return None
        window, area = found
        shown = area.spaces.active.image
        done = shown is None or shown.name != name or left <= 0 or _fit(window, area, TIMES)
        return None if done else _SETTLE

    bpy.app.timers.register(attempt, first_interval=2 * _SETTLE)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Mouse and keyboard of a virtual screen: buttons are found as a person finds them, by what lies under the pointer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import bpy
from driving import pause, viewport


def _xdotool(*words: str | int) -> None:
    subprocess.run(["xdotool", *(str(word) for word in words)], check=True)


def _region(area: Any, kind: str) -> Any:
    return next(region for region in area.regions if region.type == kind)


def _move(region: Any, x: int, y: int) -> None:
    """Put the pointer at a place in a region, whose y grows upwards while the screen's grows downwards."""
    window, _ = viewport()
    _xdotool("mousemove", region.x + x, window.height - 1 - (region.y + y))


def over_viewport() -> None:
    """Put the pointer into the middle of the 3D viewport."""
    _, area = viewport()
    region = _region(area, "WINDOW")
    _move(region, region.width // 3, region.height // 2)


def under_pointer(area: Any, region: Any) -> str:
    """What the button under the pointer does: the call of its operator or the path of its property, else nothing."""
    window, _ = viewport()
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area, region=region):
        for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            try:
                if copy.poll():
                    copy()
            except RuntimeError:
                continue
            if manager.clipboard:
                return str(manager.clipboard)
    return ""


def find(area: Any, wanted: str, kind: str = "UI", across: float = 0.5, step: int = 9) -> Iterator[None]:
    """Move the pointer down a region until it lies on a button whose call or property holds ``wanted``.

    Raises:
        LookupError: no button there does that.
    """
    region = _region(area, kind)
    seen = []
    for y in range(region.height - 4, 0, -step):
        _move(region, int(region.width * across), y)
        yield from pause(0.12)
        found = under_pointer(area, region)
        seen.append(found)
        if wanted in found:
            return
    raise LookupError(f"No button of {wanted} among {sorted(set(seen))}.")


def click(area: Any, wanted: str, **where: Any) -> Iterator[None]:
    yield from find(area, wanted, **where)
    _xdotool("click", 1)
    yield from pause(0.5)


def press(*keys: str) -> Iterator[None]:
    for key in keys:
        _xdotool("key", key)
        yield from pause(0.2)


def write(text: str) -> Iterator[None]:
    """Type over what a text field holds, whose button lies under the pointer."""
    _xdotool("click", "--repeat", 2, "--delay", 60, 1)
    yield from pause(0.4)
    yield from press("ctrl+a")
    _xdotool("type", "--delay", 12, text)
    yield from pause(0.4)
    yield from press("Return")

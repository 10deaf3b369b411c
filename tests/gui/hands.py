# SPDX-License-Identifier: GPL-3.0-or-later
"""Mouse and keyboard of a virtual screen: buttons are found as a person finds them, by what lies under the pointer."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from driving import NAME, pause, viewport, wait

_TURNS = 8
_REACTION = 0.3
_HEADER = 26
"""Pixels from one closed part of the panel to the next."""
_ENTRY = 20
"""Pixels from one entry of a menu to the next."""
_LONGEST_MENU = 500
_EDIT_MENU = (78, 12)
"""Where the top bar of the first window has it."""
_PULLED = (300, 120)
"""Where the preferences are pulled to: they may open half beside the screen."""
_drawn: list[str] = []
_places: dict[str, int] = {}
"""How far below Generate each part's header was last, with everything closed."""


def _xdotool(*words: str | int) -> None:
    subprocess.run(["xdotool", *(str(word) for word in words)], check=True)


def _region(area: Any, kind: str) -> Any:
    return next(region for region in area.regions if region.type == kind)


def _window(region: Any) -> Any:
    """The window that a region is part of."""
    windows = bpy.context.window_manager.windows
    every = ((window, area) for window in windows for area in window.screen.areas)
    return next((window for window, area in every if any(one == region for one in area.regions)), windows[0])


def _on_screen(region: Any) -> tuple[int, int]:
    """Where a region's lower left corner is on the screen, whose y grows downwards while a region's grows upwards."""
    first, window = bpy.context.window_manager.windows[0], _window(region)
    return window.x + region.x, first.y + first.height - 1 - window.y - region.y


def _move(region: Any, x: int, y: int) -> None:
    """Put the pointer at a place in a region."""
    left, bottom = _on_screen(region)
    _xdotool("mousemove", left + x, bottom - y)


def watch_parts() -> None:
    """Keep note of which parts of the panel are drawn, which are those that stand open."""
    for part in sys.modules[f"{NAME}.panels"]._PARTS:

        def draw(self: Any, context: Any, part: Any = part, before: Any = part.draw) -> None:
            _drawn.append(part.key)
            before(self, context)

        part.draw = draw


def open_parts(area: Any) -> Iterator[None]:
    """Have the panel drawn anew, and note which parts are."""
    _drawn.clear()
    _region(area, "UI").tag_redraw()
    yield from wait(lambda: "main" in _drawn, 20)
    yield from pause(0.08)


def only(area: Any, key: str) -> Iterator[None]:
    """Close all parts of the panel, then open one, by clicks on what is no button below Generate.

    Raises:
        LookupError: no place does that.
    """
    yield from scroll(area, -3 * _TURNS)
    yield from open_parts(area)
    if set(_drawn) == {"main", key}:
        return
    yield from _sweep(area, {"main"}, 0)
    if key in _places:
        yield from _sweep(area, {"main", key}, _places[key] - _HEADER // 2, most=2)
    if key not in _drawn:
        yield from _sweep(area, {"main", key}, 0)


def _sweep(area: Any, wanted: set[str], below: int, most: int = 200) -> Iterator[None]:
    """Click from ``below`` Generate downwards until the parts in ``wanted`` are open and no others."""
    if set(_drawn) == wanted:
        return
    region = _region(area, "UI")
    yield from find(area, "texloom.generate(")
    _, top = _pointer(region)
    y = top - below
    for _ in range(most):
        y -= _HEADER // 2
        if y <= 2:
            break
        _move(region, region.width * 2 // 5, y)
        yield from pause(0.05)
        if under_pointer(area, region):
            continue
        before = set(_drawn)
        yield from _toggle(area)
        opened = set(_drawn) - before
        for key in opened:
            _places[key] = top - y
        if opened - wanted:
            yield from _toggle(area)
        if set(_drawn) == wanted:
            return
        if opened or before - set(_drawn):
            y -= _HEADER // 2  # not the same header again
    if most > 2:
        raise LookupError(f"No place of the panel leaves {wanted} open; it is {set(_drawn)}.")


def _toggle(area: Any) -> Iterator[None]:
    _xdotool("click", 1)
    yield from pause(_REACTION)
    yield from open_parts(area)


def stroke(area: Any, points: list[tuple[float, float]]) -> Iterator[None]:
    """Draw with the mouse held down through places in an editor, in parts of its width and height."""
    region = _region(area, "WINDOW")
    places = [(int(x * region.width), int(y * region.height)) for x, y in points]
    _move(region, *places[0])
    yield from pause(0.3)
    _xdotool("mousedown", 1)
    yield from pause(0.15)
    for (x0, y0), (x1, y1) in itertools.pairwise(places):
        for part in range(1, 9):
            _move(region, x0 + (x1 - x0) * part // 8, y0 + (y1 - y0) * part // 8)
            yield from pause(0.04)
    _xdotool("mouseup", 1)
    yield from pause(0.4)


def _pointer(region: Any = None) -> tuple[int, int]:
    """Where the pointer is in a region, or on the screen."""
    told = subprocess.run(["xdotool", "getmouselocation"], capture_output=True, text=True, check=True).stdout
    x, y = (int(word.partition(":")[2]) for word in told.split()[:2])
    if region is None:
        return x, y
    left, bottom = _on_screen(region)
    return x - left, bottom - y


def over_viewport() -> None:
    """Put the pointer into the middle of the 3D viewport."""
    _, area = viewport()
    region = _region(area, "WINDOW")
    _move(region, region.width // 3, region.height // 2)


def under_pointer(area: Any, region: Any) -> str:
    """What the button under the pointer does: the call of its operator or the path of its property, else nothing."""
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=_window(region), area=area, region=region):
        for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            try:
                if copy.poll():
                    copy()
            except RuntimeError:
                continue
            if manager.clipboard:
                return str(manager.clipboard)
    return ""


def find(area: Any, wanted: str, kind: str = "UI", across: float = 0.5, step: int = 13) -> Iterator[None]:
    """Move the pointer down a region until it lies on a button whose call or property holds ``wanted``.

    A sidebar that is longer than its editor is turned on with the wheel.

    Raises:
        LookupError: no button there does that.
    """
    region = _region(area, kind)
    seen = []
    # As it stands, from its top, further down, each time by less than what shows at once.
    for turns in (0, -3 * _TURNS, *[_TURNS * 3 // 4] * 3) if kind == "UI" else (0,):
        if turns:
            yield from scroll(area, turns)
        for y in range(region.height - 4, 0, -step):
            _move(region, int(region.width * across), y)
            yield from pause(0.07)
            found = under_pointer(area, region)
            seen.append(found)
            if wanted in found:
                # Right after another window was in between, the button there still answers that was left.
                yield from pause(0.2)
                if wanted in under_pointer(area, region):
                    return
    raise LookupError(f"No button of {wanted} among {sorted(set(seen))}.")


def scroll(area: Any, turns: int) -> Iterator[None]:
    """Turn the wheel over the sidebar, towards its end or, with a negative number, its top."""
    region = _region(area, "UI")
    _move(region, region.width // 2, region.height // 2)
    yield from pause(0.2)
    _xdotool("click", "--repeat", abs(turns), "--delay", 40, 5 if turns > 0 else 4)
    yield from pause(0.6)


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


def open_menu(x: int, y: int) -> Iterator[None]:
    """Click on a place of the screen, which opens a menu."""
    _xdotool("mousemove", x, y)
    yield from pause(_REACTION)
    _xdotool("click", 1)
    yield from pause(2 * _REACTION)


def choose(wanted: str, across: int = 20) -> Iterator[None]:
    """Click on the entry of the open menu whose call holds ``wanted``, going down from the pointer.

    What lies in a menu has no editor to ask about it, but tells its call to Ctrl+C.

    Raises:
        LookupError: no entry does that.
    """
    manager = bpy.context.window_manager
    x, y = _pointer()
    seen = []
    for place in range(y + _ENTRY, y + _LONGEST_MENU, _ENTRY // 2 + 2):
        _xdotool("mousemove", x + across, place)
        yield from pause(0.08)
        manager.clipboard = ""
        _xdotool("key", "ctrl+c")
        yield from pause(0.1)
        seen.append(str(manager.clipboard))
        if wanted in seen[-1]:
            _xdotool("click", 1)
            yield from pause(_REACTION)
            return
    raise LookupError(f"No entry of {wanted} among {sorted(set(seen))}.")


def areas(kind: str) -> list[Any]:
    """The editors of a kind, in all windows."""
    windows = bpy.context.window_manager.windows
    return [area for window in windows for area in window.screen.areas if kind in (area.type, area.ui_type)]


def show_preferences(section: str) -> Iterator[None]:
    """Open the preferences from the menu Edit, pull their window onto the screen, and choose a section."""
    yield from open_menu(*_EDIT_MENU)
    yield from choose("screen.userpref_show")
    yield from wait(lambda: bool(areas("PREFERENCES")), 20)
    yield from pause(1.0)
    _xdotool("search", "--name", "Preferences$", "windowmove", *_PULLED)
    yield from wait(lambda: _on_screen(areas("PREFERENCES")[0].regions[0])[0] == _PULLED[0], 20)
    yield from pause(1.0)
    area = areas("PREFERENCES")[0]
    kinds = ("NAVIGATION_BAR", "UI")  # the newer one has a field to search above them
    tabs = next(region for region in area.regions if region.type in kinds and region.height > 1)
    for y in range(tabs.height - _ENTRY // 2, 0, -_ENTRY // 2):
        _move(tabs, tabs.width // 2, y)
        yield from pause(0.1)
        _xdotool("click", 1)
        yield from pause(0.2)
        if bpy.context.preferences.active_section == section:
            yield from pause(1.0)
            return
    raise LookupError(f"No tab of the preferences shows {section}.")


def open_right_menu(area: Any, beside: str) -> Iterator[None]:
    """Open the menu at the right end of the line that begins with the field ``beside``."""
    yield from find(area, beside, kind="WINDOW", across=0.2, step=8)
    region = _region(area, "WINDOW")
    _, y = _pointer(region)
    left, bottom = _on_screen(region)
    yield from open_menu(left + region.width - _ENTRY, bottom - y)


def choose_file(path: Path) -> Iterator[None]:
    """Type a path in the file browser that is opening, folder and name, and press what accepts it."""
    yield from wait(lambda: bool(areas("FILE_BROWSER")), 20)
    yield from pause(1.5)
    (area,) = areas("FILE_BROWSER")
    parameters = area.spaces.active.params
    yield from find(area, "params.directory", across=0.35)
    yield from write(str(path.parent))
    yield from wait(lambda: Path(parameters.directory.decode()) == path.parent, 20)
    below = _region(area, "EXECUTE")
    _move(below, below.width // 3, below.height // 2)
    yield from write(path.name)
    yield from wait(lambda: parameters.filename == path.name, 20)
    yield from pause(0.5)


def accept_file() -> Iterator[None]:
    """Press the button of the file browser that accepts."""
    (area,) = areas("FILE_BROWSER")
    yield from click(area, "file.execute(", kind="EXECUTE", across=0.9)
    yield from wait(lambda: not areas("FILE_BROWSER"), 20)


def windows_on_screen() -> list[str]:
    """The windows that the screen shows, the newest last."""
    told = subprocess.run(["xdotool", "search", "--name", "."], capture_output=True, text=True, check=True).stdout
    return sorted(told.split(), key=int)


def make_room(left: int, top: int) -> Iterator[None]:
    """Make the newest window small and pull it to a place where it covers no sidebar."""
    newest = windows_on_screen()[-1]
    _xdotool("windowsize", newest, 500, 350)
    _xdotool("windowmove", newest, left, top)
    yield from pause(1.0)


def close_window(area: Any) -> Iterator[None]:
    """Close the window of an editor; a virtual screen gives windows no frame with a button for it."""
    with bpy.context.temp_override(window=_window(area.regions[0])):
        bpy.ops.wm.window_close()
    yield from pause(0.5)


def hold(area: Any, wanted: str, **where: Any) -> Iterator[None]:
    """Press the mouse on a button and keep it pressed."""
    yield from find(area, wanted, **where)
    _xdotool("mousedown", 1)
    yield from pause(0.1)


def slide(across: int) -> None:
    """Move the mouse sideways."""
    _xdotool("mousemove_relative", "--", across, 0)


def let_go() -> None:
    """Release the mouse."""
    _xdotool("mouseup", 1)

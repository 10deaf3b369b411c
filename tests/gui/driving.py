# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender window: drives it as a person would, notes what happened in a JSON file, and quits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

OUT = Path(sys.argv[sys.argv.index("--") + 1])
NAME = "bl_ext.user_default.texloom"
PAUSE = 0.02
notes: dict[str, Any] = {"steps": [], "longest_gap": 0.0}


def bridge() -> Any:
    return sys.modules[f"{NAME}.bridge"].get()


def viewport() -> tuple[Any, Any]:
    window = bpy.context.window_manager.windows[0]
    return window, next(area for area in window.screen.areas if area.type == "VIEW_3D")


def in_viewport(call: Callable[[], Any]) -> Any:
    window, area = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return call()


def screenshot(name: str) -> None:
    # Blender's own screenshots are black on a virtual screen.
    subprocess.run(["import", "-window", "root", str(OUT / f"{name}.png")], check=True)
    notes["steps"].append(name)


def pixels_changed(before: str, after: str) -> int:
    """In how many pixels two screenshots differ visibly."""
    files = [str(OUT / f"{name}.png") for name in (before, after)]
    # The count stands on stderr; the exit status 1 says that there is one.
    told = subprocess.run(
        ["compare", "-metric", "AE", "-fuzz", "5%", *files, "null:"], capture_output=True, text=True, check=False
    )
    return int(float(told.stderr.split()[0]))


def wait(until: Callable[[], bool], seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        yield


def pause(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def settled() -> bool:
    entries = bridge().entries
    return bool(entries) and all(entry.settled for entry in entries.values())


def show_sidebar(area: Any) -> Iterator[None]:
    """Open the sidebar of an editor on the tab Texloom."""
    area.spaces.active.show_region_ui = True
    yield from pause(1.5)
    sidebar = next(region for region in area.regions if region.type == "UI")
    end = time.monotonic() + 20
    # Until it has been drawn for the first time, the sidebar takes no other tab.
    while sidebar.active_panel_category != "Texloom" and time.monotonic() < end:
        sidebar.active_panel_category = "Texloom"
        yield from pause(0.5)
    yield from pause(0.5)


def run(scenario: Callable[[], Iterator[None]]) -> None:
    """Turn through ``scenario``, whose every ``yield`` gives Blender time, and quit."""
    steps = scenario()
    last = time.perf_counter()

    def turn() -> float | None:
        nonlocal last
        now = time.perf_counter()
        notes["longest_gap"] = max(notes["longest_gap"], now - last - PAUSE)
        try:
            next(steps)
            last = time.perf_counter()
            return PAUSE
        except StopIteration:
            notes["steps"].append("end")
        except Exception:  # noqa: BLE001 - boundary: whatever it is, the test must hear of it
            notes["error"] = traceback.format_exc()
        (OUT / "notes.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    # Across files too, as a person goes on after opening another one.
    bpy.app.timers.register(turn, first_interval=2.0, persistent=True)

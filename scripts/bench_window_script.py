# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside Blender by bench_window.py: keeps the viewport drawing and notes the time between its redraws."""

from __future__ import annotations

import itertools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

OUT = Path(sys.argv[sys.argv.index("--") + 1])
NAME = "bl_ext.user_default.texloom"
IDLE_SECONDS = 8.0
DRAG_SECONDS = 10.0
notes: dict[str, Any] = {"phases": [], "slider_seconds": []}
_drawn: list[float] = []


def module(name: str) -> Any:
    return sys.modules[f"{NAME}.{name}"]


def viewport() -> tuple[Any, Any]:
    window = bpy.context.window_manager.windows[0]
    return window, next(area for area in window.screen.areas if area.type == "VIEW_3D")


def generate() -> None:
    window, area = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.texloom.generate()


def phase(name: str, begin: Callable[[], Any], done: Callable[[], bool]) -> Iterator[None]:
    """Everything from ``begin`` until ``done`` holds."""
    bridge = module("bridge").get()
    bridge.slowest.clear()
    bridge.busiest.clear()
    _drawn.clear()
    begin()
    end = time.monotonic() + 300
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{name}: it did not end")
        viewport()[1].tag_redraw()
        yield
    gaps = [later - earlier for earlier, later in itertools.pairwise(_drawn)]
    longest = {"turn": bridge.slowest.get("turn", 0.0), "work": bridge.busiest.get("turn", 0.0)}
    notes["phases"].append({"name": name, "gaps": gaps, **longest, "draw": bridge.slowest.get("draw", 0.0)})


def passed(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def pause(seconds: float) -> Iterator[None]:
    until = passed(seconds)
    while not until():
        yield


def settled() -> bool:
    entries = module("bridge").get().entries
    return bool(entries) and all(entry.settled for entry in entries.values())


def scenario() -> Iterator[None]:
    _, area = viewport()
    area.spaces.active.show_region_ui = True
    yield from pause(3.0)
    next(region for region in area.regions if region.type == "UI").active_panel_category = "Texloom"
    yield from pause(3.0)
    settings = bpy.context.scene.texloom
    settings.new_seed, settings.seed = False, 3
    yield from phase("nothing happens", lambda: None, passed(IDLE_SECONDS))
    state = module("setup_job").state()
    yield from phase("the engine is set up (the first seconds)", lambda: state.set_up("cpu", online=True), passed(6.0))
    state.cancel()
    while state.running:
        yield
    settings.prompt, settings.size = "weathered red brick wall with white mortar", "1024"
    yield from phase("the engine starts, loads and makes 1024²", generate, settled)
    for size in ("1024", "2048", "4096"):
        settings.size = size
        yield from phase(f"{size}² is made and comes into the scene", generate, settled)
    settings.size, settings.count = "1024", 4
    yield from phase("four variations of 1024² are made", generate, settled)
    material = bpy.data.objects["Cube"].active_material
    tuner = module("tune").get()
    moss = material.texloom.parameters["moss"]
    began = time.monotonic()

    def dragged() -> bool:
        # Then until the whole size is drawn.
        if (t := time.monotonic() - began) < DRAG_SECONDS:
            moss.amount = abs((t * 0.7) % 2.0 - 1.0)
            return False
        return not tuner.busy(material)

    yield from phase("a slider is dragged", lambda: None, dragged)
    # Each change makes Blender draw the viewport eight times over to smooth it, which in software leaves the engine
    # no processor for two seconds.
    bpy.context.preferences.system.viewport_aa = "OFF"
    for number in range(5):
        yield from pause(1.5)
        drawing = time.perf_counter()
        moss.amount = 0.1 + 0.2 * number
        yield  # Blender hears of it
        while tuner.drawing(material):
            yield
        there = time.perf_counter()
        while _drawn[-1] < there:
            yield
        notes["slider_seconds"].append(_drawn[-1] - drawing)
        while tuner.busy(material):
            yield


def run() -> None:
    steps = scenario()
    handle = bpy.types.SpaceView3D.draw_handler_add(
        lambda: _drawn.append(time.perf_counter()), (), "WINDOW", "POST_PIXEL"
    )

    def turn() -> float | None:
        try:
            next(steps)
            return 0.005
        except StopIteration:
            notes["blender"] = bpy.app.version_string
        except Exception:  # noqa: BLE001 - boundary: whoever measures must hear of it
            notes["error"] = traceback.format_exc()
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
        (OUT / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(turn, first_interval=2.0)


run()

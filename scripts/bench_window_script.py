# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside Blender by bench_window.py: keeps the viewport drawing and notes the time between its redraws."""

from __future__ import annotations

import inspect
import itertools
import json
import sys
import threading
import time
import traceback
import types
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


class Calls:
    """The longest call that Blender made of anything in the add-on: panels, operators, timers, handlers.

    Only where Blender comes in is watched, as watching all that runs within would make it slower.
    """

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}
        self._outer: Any = None
        self._began = 0.0
        watch = sys.monitoring
        self._names = dict(_entries())
        watch.use_tool_id(watch.PROFILER_ID, "texloom")
        watch.register_callback(watch.PROFILER_ID, watch.events.PY_START, self._start)
        for event in (watch.events.PY_RETURN, watch.events.PY_UNWIND):
            watch.register_callback(watch.PROFILER_ID, event, self._end)
        watch.set_events(watch.PROFILER_ID, watch.events.PY_UNWIND)  # cannot be had of single functions
        for code in self._names:
            watch.set_local_events(watch.PROFILER_ID, code, watch.events.PY_START | watch.events.PY_RETURN)

    def _start(self, code: Any, offset: int) -> None:
        if self._outer is None and threading.current_thread() is threading.main_thread():
            self._outer, self._began = code, time.perf_counter()

    def _end(self, code: Any, offset: int, result: object) -> None:
        if code is self._outer and threading.current_thread() is threading.main_thread():
            self._outer, name = None, self._names[code]
            self.longest[name] = max(self.longest.get(name, 0.0), time.perf_counter() - self._began)


def _entries() -> Iterator[tuple[Any, str]]:
    """The code of everything that Blender calls, and how to name it."""
    for base in (bpy.types.Panel, bpy.types.Operator, bpy.types.Menu, bpy.types.UIList, bpy.types.AddonPreferences):
        for owner in _below(base):
            for part in dir(owner):  # with what panels inherit from one another
                function = inspect.getattr_static(owner, part)
                function = getattr(function, "__func__", function)
                if isinstance(function, types.FunctionType) and function.__module__.startswith(NAME):
                    # Panels share what draws them.
                    what = "a panel" if base is bpy.types.Panel else getattr(owner, "bl_idname", owner.__name__)
                    yield function.__code__, f"{what} {part}"
    for found in [found for name, found in sys.modules.items() if name.startswith(f"{NAME}.")]:
        for name, value in vars(found).items():
            if isinstance(value, types.FunctionType) and (name == "_tick" or name.startswith("draw")):
                yield value.__code__, f"{value.__module__.rpartition('.')[2]} {name}"
    for name in dir(bpy.app.handlers):
        listeners = getattr(bpy.app.handlers, name)
        for function in listeners if isinstance(listeners, list) else ():
            if function.__module__.startswith(NAME):
                yield function.__code__, f"handler {name}"


def _below(owner: type) -> Iterator[type]:
    for below in owner.__subclasses__():
        yield below
        yield from _below(below)


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
    calls.longest.clear()
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
    others = {what: seconds for what, seconds in calls.longest.items() if what != "bridge _tick"}
    other = max(others, key=lambda what: others[what], default="")
    notes["phases"].append({"name": name, "gaps": gaps, **longest, "other": other, "call": others.get(other, 0.0)})


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


calls = Calls()


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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender in a window: what must hold whatever happens; undo, workspaces, cancelling, large images."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import hands
from driving import OUT, bridge, in_viewport, notes, pause, run, screenshot, settled, show_sidebar, viewport, wait

TILES = 3


def filled(area: Any) -> float:
    """How much of an image editor its image fills when it stands there three times each way."""
    region = next(region for region in area.regions if region.type == "WINDOW")
    space = area.spaces.active
    return TILES * float(space.image.size[0] * space.zoom[0]) / min(region.width, region.height)


def preview(area: Any, image: Any) -> Iterator[None]:
    """3×3 in a window of its own, beside one of the user's that looks the same, and in an image editor itself."""
    windows = bpy.context.window_manager.windows
    bpy.context.scene.texloom_images.image = image
    yield from hands.only(area, "from_image")
    in_viewport(lambda: bpy.ops.wm.window_new())
    yield from wait(lambda: len(windows) == 2, 20)
    own = windows[-1]
    own.screen.areas[0].ui_type = "IMAGE_EDITOR"
    space = own.screen.areas[0].spaces.active
    space.image, space.show_repeat = image, True
    yield from pause(1.0)
    yield from hands.make_room(20, 600)

    yield from hands.click(area, "texloom.tile_preview(")
    yield from wait(lambda: len(windows) == 3, 20)
    opened = windows[-1]
    space = opened.screen.areas[0].spaces.active
    yield from pause(2.0)
    screenshot("preview_window")
    notes["preview"] = {"repeats": space.show_repeat, "image": space.image == image}
    notes["preview"]["fit"] = [filled(opened.screen.areas[0])]
    yield from hands.make_room(20, 120)
    yield from hands.click(area, "texloom.tile_preview(")
    yield from wait(lambda: len(windows) == 2, 20)
    notes["preview"]["own_stays"] = own in list(windows) and own.screen.areas[0].type == "IMAGE_EDITOR"
    yield from hands.close_window(own.screen.areas[0])

    area.ui_type = "IMAGE_EDITOR"
    space = area.spaces.active
    space.image = image
    yield from show_sidebar(area)
    yield from hands.only(area, "from_image")
    notes["preview"]["here"] = [space.show_repeat]
    for _ in range(2):
        yield from hands.click(area, "texloom.tile_preview(")
        notes["preview"]["here"].append(space.show_repeat)
        if space.show_repeat:
            yield from pause(1.0)
            screenshot("preview_here")
            notes["preview"]["fit"].append(filled(area))
    notes["preview"]["windows"] = len(windows)
    area.ui_type = "VIEW_3D"
    yield from pause(1.0)


def scenario() -> Iterator[None]:
    window, area = viewport()
    hands.watch_parts()
    yield from show_sidebar(area)
    settings = bpy.context.scene.texloom
    settings.prompt = "weathered red brick wall with white mortar"
    settings.size, settings.new_seed, settings.seed, settings.count = "512", False, 3, 2
    cube = bpy.data.objects["Cube"]
    before = cube.active_material.name if cube.active_material else ""
    bpy.ops.ed.undo_push(message="Before")
    yield from pause(1.0)
    screenshot("panel")

    view = bpy.context.preferences.view
    notes["languages"] = list(bpy.app.translations.locales)
    if "zh_HANS" in notes["languages"]:
        view.language = "zh_HANS"
        yield from pause(1.5)
        screenshot("panel_zh_HANS")
        notes["chinese"] = bpy.app.translations.pgettext_iface("What you make appears here.")
        view.language = "en_US"
        yield from pause(1.0)

    # While the engine starts and draws, Blender must go on.
    in_viewport(lambda: bpy.ops.texloom.generate())
    notes["longest_gap"] = 0.0
    for _ in wait(lambda: next(iter(bridge().entries.values())).view.state == "running" or settled(), 240):
        yield
    yield from wait(settled, 240)
    notes["gap_while_working"] = notes["longest_gap"]
    notes["slowest"] = dict(bridge().slowest)
    entry = next(iter(bridge().entries.values()))
    notes["problem"], notes["notices"] = entry.problem, entry.notices
    made = bpy.data.objects["Cube"].active_material.name
    notes["material"] = made
    # Without a graphics card the shaders of Material Preview take minutes; this shows the base color.
    area.spaces.active.shading.color_type = "TEXTURE"
    area.spaces.active.region_3d.view_distance = 5.5
    yield from pause(4.0)
    screenshot("result")
    area.spaces.active.shading.color_type = "MATERIAL"

    # The same panel beside the picture and beside the nodes.
    for kind, name in (("IMAGE_EDITOR", "image_editor"), ("ShaderNodeTree", "shader_editor")):
        area.ui_type = kind
        yield from show_sidebar(area)
        yield from pause(1.0)
        screenshot(name)
    area.ui_type = "VIEW_3D"
    yield from pause(1.0)

    # One step back, one step forth.
    in_viewport(lambda: bpy.ops.ed.undo())
    now = bpy.data.objects["Cube"].active_material
    notes["after_undo"] = [now.name if now else "", before, made in bpy.data.materials]
    in_viewport(lambda: bpy.ops.ed.redo())
    now = bpy.data.objects["Cube"].active_material
    notes["after_redo"] = now.name if now else ""
    yield from pause(0.5)
    yield from preview(area, bpy.data.images[entry.built.images[0]])

    # A job survives another workspace, undo, and is cancelled by its button.
    settings = bpy.context.scene.texloom
    settings.prompt, settings.size, settings.count = "mossy cobblestone, wet", "4096", 4
    in_viewport(lambda: bpy.ops.texloom.generate())
    window.workspace = bpy.data.workspaces["Modeling"]
    yield from pause(1.5)
    screenshot("working")
    in_viewport(lambda: bpy.ops.ed.undo())
    last = list(bridge().entries.values())[-1]
    notes["survives"] = last.running
    # Drawing the workspace anew takes this machine's processor longer than cancelling does.
    yield from pause(1.0)
    bpy.ops.texloom.cancel(job=last.id)
    began = time.monotonic()
    yield from wait(lambda: last.settled, 120)
    seconds = time.monotonic() - began
    notes["cancelled"] = [str(last.view.state), len({made.index for made in last.view.artifacts}), seconds]

    # The largest files that people make every day, of which each weighs tens of megabytes.
    bridge().slowest.clear()
    settings = bpy.context.scene.texloom
    settings.prompt, settings.size, settings.count = "weathered red brick wall with white mortar", "4096", 1
    in_viewport(lambda: bpy.ops.texloom.generate())
    last = list(bridge().entries.values())[-1]
    yield from wait(lambda: last.settled, 240)
    notes["slowest_4096"] = dict(bridge().slowest)
    notes["packed"] = [bpy.data.images[name].packed_file is not None for name in last.built.images]
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "saved.blend"))
    notes["packed_after_saving"] = [bpy.data.images[name].packed_file is not None for name in last.built.images]

    # A button on an image of that size: only the copy of its pixels holds Blender up.
    image = next(bpy.data.images[name] for name in last.built.images if bpy.data.images[name].size[0] == 4096)
    image.pixels[0]  # it has been seen before, so it was read from its file then
    for _ in range(2):  # memory that is asked for the first time may take longer
        began = time.perf_counter()
        image.pixels.foreach_get(np.empty(4096 * 4096 * image.channels, np.float32))
        notes["copying"] = time.perf_counter() - began
    began = time.perf_counter()
    in_viewport(lambda: bpy.ops.texloom.make_seamless(image=image.name))
    notes["pressed"] = time.perf_counter() - began
    last = list(bridge().entries.values())[-1]
    notes["reading"] = [str(last.view.state), last.view.stage, last.reading is not None]
    bridge().slowest.clear()
    yield from wait(lambda: last.reading is None, 60)
    yield from wait(lambda: last.view.state == "running", 60)
    notes["slowest_while_reading"] = dict(bridge().slowest)
    bpy.ops.texloom.cancel(job=last.id)
    yield from wait(lambda: last.settled, 120)


run(scenario)

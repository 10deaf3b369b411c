# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender in a window: a new user's way from the zip to an asset, with a picture of each step."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from driving import NAME, OUT, bridge, in_viewport, notes, pause, run, screenshot, settled, show_sidebar, viewport, wait


def newest() -> Any:
    return list(bridge().entries.values())[-1]


def cube() -> Any:
    return bpy.data.objects["Cube"]


def tuner() -> Any:
    return sys.modules[f"{NAME}.tune"].get()


def in_preferences(section: str) -> Iterator[None]:
    """Show a section of the preferences in the largest area, as a person has them in a window of their own."""
    _, area = viewport()
    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = section
    yield from pause(1.5)


def back_to_the_scene() -> Iterator[None]:
    window = bpy.context.window_manager.windows[0]
    next(area for area in window.screen.areas if area.type == "PREFERENCES").ui_type = "VIEW_3D"
    yield from pause(1.0)


def install() -> Iterator[None]:
    yield from in_preferences("EXTENSIONS")
    bpy.ops.extensions.package_install_files(
        filepath=str(OUT / "texloom.zip"), repo="user_default", enable_on_install=True
    )
    yield from pause(2.0)
    screenshot("1_installed")
    notes["installed"] = NAME in bpy.context.preferences.addons
    yield from back_to_the_scene()


def first_look() -> Iterator[None]:
    _, area = viewport()
    yield from show_sidebar(area)
    screenshot("2_first_run")


def set_up() -> Iterator[None]:
    yield from in_preferences("ADDONS")
    bpy.context.window_manager.addon_search = "Texloom"
    bpy.ops.preferences.addon_expand(module=NAME)
    preferences = bpy.context.preferences.addons[NAME].preferences
    preferences.engine_python = os.environ["TEXLOOM_FIRST_USE_PYTHON"]
    bpy.ops.texloom.check_engine()
    state = sys.modules[f"{NAME}.setup_job"].state()
    yield from wait(lambda: not state.running, 120)
    yield from pause(1.0)
    screenshot("3_set_up")
    notes["engine"] = bool(state.checked and state.checked.ok)
    bpy.context.window_manager.addon_search = ""
    yield from back_to_the_scene()


def generate() -> Iterator[None]:
    _, area = viewport()
    yield from show_sidebar(area)
    # Without a graphics card the shaders of Material Preview take minutes; this shows the base color.
    area.spaces.active.shading.color_type = "TEXTURE"
    area.spaces.active.region_3d.view_distance = 5.5
    settings = bpy.context.scene.texloom
    settings.prompt, settings.size, settings.count = "weathered red brick wall with white mortar", "1024", 4
    settings.new_seed, settings.seed = False, 3
    yield from pause(1.0)
    screenshot("4_typed")
    in_viewport(lambda: bpy.ops.texloom.generate())
    yield from wait(lambda: len(newest().view.previews) >= 4 or settled(), 240)
    yield from pause(0.3)
    screenshot("5_running")
    yield from wait(settled, 240)
    yield from pause(3.0)
    screenshot("6_on_the_cube")
    notes["problem"], notes["variations"] = newest().problem, len(newest().pictures)
    notes["on_cube"] = cube().active_material.name


def pick() -> Iterator[None]:
    before = cube().active_material
    in_viewport(lambda: bpy.ops.texloom.apply("EXEC_DEFAULT", True, job=newest().id, index=2))
    yield from pause(2.5)
    screenshot("7_variation")
    notes["picked"] = newest().index
    notes["same_material"] = cube().active_material == before
    in_viewport(lambda: bpy.ops.ed.undo())
    notes["undone"] = cube().active_material["texloom_index"]
    in_viewport(lambda: bpy.ops.ed.redo())
    notes["redone"] = cube().active_material["texloom_index"]
    yield from pause(1.0)


def tune() -> Iterator[None]:
    recipe = cube().active_material.texloom
    bridge().slowest.clear()
    notes["pixels_before"] = average(cube().active_material)
    in_viewport(lambda: bpy.ops.ed.undo_push(message="Before"))
    for amount in (0.2, 0.4, 0.6, 0.8):  # as a mouse drags
        recipe.parameters["moss"].amount = amount
        yield from pause(0.1)
    # Blender itself does this when the mouse lets go of a slider.
    in_viewport(lambda: bpy.ops.ed.undo_push(message="Moss"))
    yield from drawn()
    yield from pause(1.0)
    screenshot("8_tuned")
    began = time.monotonic()
    recipe.parameters["moss"].amount = 0.81
    yield from drawn()
    notes["seconds_to_whole"] = time.monotonic() - began
    recipe.parameters["moss"].amount = 0.8
    yield from drawn()
    notes["tuning"] = dict(bridge().slowest)
    notes["tuning_problem"] = tuner().problem(cube().active_material)
    notes["pixels_after"] = average(cube().active_material)
    notes["size_after"] = list(base_color(cube().active_material).size)
    in_viewport(lambda: bpy.ops.ed.undo())
    yield from drawn()
    notes["undone_moss"] = cube().active_material.texloom.parameters["moss"].amount
    notes["pixels_undone"] = average(cube().active_material)
    in_viewport(lambda: bpy.ops.ed.redo())
    yield from drawn()
    notes["pixels_redone"] = average(cube().active_material)
    # Another kind of material is one step that comes with its pictures.
    in_viewport(lambda: bpy.ops.texloom.tune_family("EXEC_DEFAULT", True, family="cobblestone"))
    yield from drawn()
    notes["family"] = [cube().active_material.texloom.family]
    yield from pause(1.0)
    in_viewport(lambda: bpy.ops.ed.undo())
    yield from drawn()
    notes["family"].append(cube().active_material.texloom.family)
    notes["pixels_family_undone"] = average(cube().active_material)
    cube().active_material.texloom.parameters["wear"].locked = True


def drawn() -> Iterator[None]:
    """Until the images show what the sliders say."""
    yield from pause(0.1)
    yield from wait(lambda: not tuner().busy(cube().active_material), 60)


def base_color(material: Any) -> Any:
    return next(
        node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and "Base Color" in node.label
    )


def average(material: Any) -> list[float]:
    image = base_color(material)
    pixels = list(image.pixels)
    count = len(pixels) // image.channels
    return [sum(pixels[channel :: image.channels]) / count for channel in range(3)]


def keep() -> Iterator[None]:
    path = OUT / "first.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    in_viewport(
        lambda: bpy.ops.texloom.save_asset("EXEC_DEFAULT", True, material=cube().active_material.name, target="FILE")
    )
    bpy.ops.wm.save_mainfile()
    material = cube().active_material
    notes["asset"] = [material.asset_data is not None, sorted(tag.name for tag in material.asset_data.tags)]
    _, area = viewport()
    area.ui_type = "ASSETS"
    yield from pause(1.0)
    area.spaces.active.params.asset_library_reference = "LOCAL"
    yield from pause(2.0)
    screenshot("9_asset")
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.ui_type == "ASSETS")
    area.ui_type = "VIEW_3D"
    yield from pause(1.0)


def reload() -> Iterator[None]:
    bpy.ops.wm.open_mainfile(filepath=str(OUT / "first.blend"))
    yield from pause(2.0)
    material = cube().active_material
    notes["reloaded"] = [
        material.name,
        material.asset_data is not None,
        round(material.texloom.parameters["moss"].amount, 3),
    ]
    notes["packed"] = [bool(node.image.packed_file) for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
    notes["pixels_reloaded"] = average(material)
    notes["kept_lock"] = [item.name for item in bpy.context.scene.texloom_locks]
    _, area = viewport()
    yield from show_sidebar(area)
    area.spaces.active.shading.color_type = "TEXTURE"
    yield from pause(2.0)
    screenshot("10_reloaded")
    view = bpy.context.preferences.view
    try:
        view.language = "zh_HANS"
    except TypeError:
        return  # built without other languages
    yield from pause(2.0)
    screenshot("11_zh_HANS")
    view.language = "en_US"


def scenario() -> Iterator[None]:
    yield from pause(1.0)
    for step in (install, first_look, set_up, generate, pick, tune, keep, reload):
        notes["at"] = step.__name__
        yield from step()


run(scenario)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender in a window: a new user's way from the zip to an asset, with a picture of each step.

What a new user presses is pressed here with the mouse, what they type comes from the keyboard.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import hands
from driving import (
    NAME,
    OUT,
    bridge,
    in_viewport,
    notes,
    pause,
    pixels_changed,
    run,
    screenshot,
    settled,
    show_sidebar,
    viewport,
    wait,
)

PROMPT = "weathered red brick wall with white mortar"
_MOVES, _MOVE = 24, 6
"""How the mouse drags a slider: so many times so many pixels."""
_PATIENCE = 5
"""How often a picture of the rendered scene is taken again that still changes."""


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
    """Edit › Preferences › Get Extensions › Install from Disk…, and the zip in the file browser."""
    yield from hands.show_preferences("EXTENSIONS")
    (area,) = hands.areas("PREFERENCES")
    yield from hands.open_right_menu(area, "extension_search")
    screenshot("1_install_from_disk")
    yield from hands.choose("extensions.package_install_files", across=-40)
    yield from hands.choose_file(OUT / "texloom.zip")
    screenshot("1_zip_chosen")
    yield from hands.accept_file()
    yield from wait(lambda: NAME in bpy.context.preferences.addons, 60)
    yield from pause(2.0)
    screenshot("1_installed")
    notes["installed"] = NAME in bpy.context.preferences.addons
    yield from hands.close_window(area)


def three_clicks() -> Iterator[None]:
    """From the fresh install to the first texture with the card's own buttons."""
    _, area = viewport()
    show_base_color(area)
    hands.watch_parts()
    yield from show_sidebar(area)
    screenshot("2_first_run")
    notes["online_before"] = bpy.app.online_access
    yield from hands.click(area, "texloom.allow_online")
    notes["online_after"] = bpy.app.online_access
    yield from set_up(area)
    yield from pause(1.0)
    screenshot("4_ready")
    yield from hands.click(area, 'texloom.try_example(prompt="mossy')
    yield from wait(lambda: bool(bridge().entries) and settled(), 240)
    yield from pause(3.0)
    yield from portrait("5_first_texture")
    notes["first_texture"] = [newest().problem, cube().active_material.name]


def set_up(area: Any) -> Iterator[None]:
    """The engine's own environment from the package index, or the one that is there already when that is asked for."""
    state = sys.modules[f"{NAME}.setup_job"].state()
    if os.environ.get("TEXLOOM_TEST_SETUP") == "0":
        yield from in_preferences("ADDONS")
        bpy.context.window_manager.addon_search = "Texloom"
        bpy.ops.preferences.addon_expand(module=NAME)
        preferences = bpy.context.preferences.addons[NAME].preferences
        preferences.engine_python = os.environ["TEXLOOM_FIRST_USE_PYTHON"]
        bpy.ops.texloom.check_engine()
        yield from wait(lambda: not state.running, 120)
        yield from pause(1.0)
        screenshot("3_set_up")
        bpy.context.window_manager.addon_search = ""
        yield from back_to_the_scene()
        yield from show_sidebar(viewport()[1])
    else:
        bridge().slowest.clear()
        began = time.monotonic()
        yield from hands.click(area, "texloom.setup_engine")
        notes["longest_gap"], pictured = 0.0, False
        for _ in wait(lambda: not state.running, 900):
            if not pictured and state.fraction > 0.3:
                screenshot("3_set_up")
                pictured, notes["longest_gap"] = True, 0.0  # taking the picture takes time
            yield
        notes["set_up"] = {"seconds": time.monotonic() - began, "gap": notes["longest_gap"]} | bridge().slowest
    notes["engine"], notes["engine_error"] = bool(state.checked and state.checked.ok), state.error


def show_base_color(area: Any) -> None:
    """Without a graphics card the shaders of Material Preview take minutes; the workbench draws the base color."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.color_type = "TEXTURE"
    area.spaces.active.shading.type = "RENDERED"
    area.spaces.active.region_3d.view_distance = 5.5


def portrait(name: str) -> Iterator[None]:
    """The material as it renders, at its real size, which the workbench does not know; the scene stays as it was."""
    _, area = viewport()
    scene, shading = bpy.context.scene, area.spaces.active.shading
    lamp, background = bpy.data.lights["Light"], scene.world.node_tree.nodes["Background"].inputs["Strength"]
    kept = lamp.type, lamp.energy, background.default_value
    lamp.type, lamp.energy, background.default_value = "SUN", 3.0, 6.0
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples = 32
    scene.cycles.use_preview_denoising = False
    shading.type = "RENDERED"
    # Rendering is done by other threads; Blender stays responsive meanwhile, and tells every sample.
    yield from pause(4.0)
    screenshot(name)
    for _ in range(_PATIENCE):
        (OUT / f"{name}.png").replace(OUT / "before.png")
        yield from pause(2.0)
        screenshot(name)
        if not pixels_changed("before", name):
            break
    (OUT / "before.png").unlink(missing_ok=True)
    lamp.type, lamp.energy, background.default_value = kept
    show_base_color(area)
    yield from pause(1.0)


def generate() -> Iterator[None]:
    _, area = viewport()
    settings = bpy.context.scene.texloom
    settings.size, settings.count = "1024", 4
    settings.new_seed, settings.seed = False, 3
    yield from hands.find(area, "texloom.prompt")
    yield from hands.write(PROMPT)
    notes["typed"] = bpy.context.scene.texloom.prompt
    screenshot("6_typed")
    yield from hands.click(area, "texloom.generate(")
    yield from wait(lambda: len(newest().view.previews) >= 4 or settled(), 240)
    yield from pause(0.3)
    screenshot("7_running")
    yield from wait(settled, 240)
    yield from pause(3.0)
    yield from portrait("8_on_the_cube")
    notes["problem"], notes["variations"] = newest().problem, len(newest().pictures)
    notes["on_cube"] = cube().active_material.name


def keys() -> Iterator[None]:
    """Enter alone confirms the prompt, Ctrl+Enter generates, and so does Enter where the preferences say so."""
    _, area = viewport()
    settings, preferences = bpy.context.scene.texloom, bpy.context.preferences.addons[NAME].preferences
    settings.size, settings.count = "512", 1
    before = len(bridge().entries)
    jobs = lambda: len(bridge().entries) - before  # noqa: E731 - a name for what is asked several times
    yield from hands.find(area, "texloom.prompt")
    yield from hands.write("white marble")
    yield from pause(1.0)
    notes["keys"] = [jobs()]
    hands.over_viewport()
    yield from pause(0.3)
    yield from hands.press("ctrl+Return")
    yield from wait(lambda: jobs() > 0, 20)
    notes["keys"] += [jobs(), newest().view.request.prompt]
    yield from wait(settled, 240)
    preferences.enter = True
    yield from hands.find(area, "texloom.prompt")
    yield from hands.write("old oak planks")
    yield from wait(lambda: jobs() > 1, 20)
    yield from pause(0.5)
    notes["keys"] += [jobs(), newest().view.request.prompt]
    preferences.enter = False
    yield from wait(settled, 240)
    notes["keys"] += [entry.problem for entry in bridge().entries.values() if entry.problem]
    for job in list(bridge().entries)[before:]:
        bpy.ops.texloom.dismiss(job=job)  # the panel stays short


def pick() -> Iterator[None]:
    before = cube().active_material
    yield from hands.click(viewport()[1], f'texloom.apply(job="{newest().id}", index=2', across=0.3)
    yield from pause(2.5)
    yield from portrait("9_variation")
    notes["picked"] = newest().index
    notes["same_material"] = cube().active_material == before
    hands.over_viewport()
    yield from pause(0.3)
    for key, name in (("ctrl+z", "undone"), ("ctrl+shift+z", "redone")):
        shown = cube().active_material["texloom_index"]
        yield from hands.press(key)
        yield from wait(lambda shown=shown: cube().active_material["texloom_index"] != shown, 20)
        notes[name] = cube().active_material["texloom_index"]
    yield from pause(1.0)


def tune() -> Iterator[None]:
    _, area = viewport()
    recipe = cube().active_material.texloom
    bridge().slowest.clear()
    notes["pixels_before"] = average(cube().active_material)
    before = recipe.parameters["moss"].amount
    number = [item.name for item in recipe.parameters].index("moss")
    yield from hands.scroll(area, 6)  # past the results
    yield from hands.hold(area, f"texloom.parameters[{number}].amount", across=0.3)
    amounts, sides = [], []
    for _ in range(_MOVES):
        hands.slide(_MOVE)
        yield from pause(0.1)
        amounts.append(recipe.parameters["moss"].amount)
        sides.append(base_color(cube().active_material).size[0])
    screenshot("10_dragging")
    hands.let_go()
    yield from pause(0.3)
    moss = recipe.parameters["moss"].amount
    yield from drawn()
    notes["dragged"] = {"from": before, "to": moss, "amounts": amounts, "sides": sides}
    yield from pause(1.0)
    times: list[float] = []
    began = time.monotonic()
    seen = bpy.types.SpaceView3D.draw_handler_add(lambda: times.append(time.monotonic()), (), "WINDOW", "POST_PIXEL")
    recipe.parameters["moss"].amount = moss - 0.01
    yield from wait(lambda: not tuner().drawing(cube().active_material), 60)
    there = time.monotonic()
    yield from wait(lambda: bool(times) and times[-1] > there, 60)
    notes["seconds_to_whole"] = times[-1] - began
    yield from drawn()
    notes["seconds_to_kept"] = time.monotonic() - began
    bpy.types.SpaceView3D.draw_handler_remove(seen, "WINDOW")
    recipe.parameters["moss"].amount = moss
    yield from drawn()
    notes["tuning"] = dict(bridge().slowest)
    notes["tuning_problem"] = tuner().problem(cube().active_material)
    notes["pixels_after"] = average(cube().active_material)
    notes["size_after"] = list(base_color(cube().active_material).size)
    yield from portrait("10_tuned")
    hands.over_viewport()
    yield from pause(0.3)
    yield from hands.press("ctrl+z")
    yield from drawn()
    notes["undone_moss"] = cube().active_material.texloom.parameters["moss"].amount
    notes["pixels_undone"] = average(cube().active_material)
    yield from hands.press("ctrl+shift+z")
    yield from drawn()
    notes["redone_moss"] = cube().active_material.texloom.parameters["moss"].amount
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
    """Save, make an asset of the material in this file, another one of the result in the library, and look at it."""
    _, area = viewport()
    hands.over_viewport()
    yield from pause(0.3)
    yield from hands.press("ctrl+shift+s")
    yield from hands.choose_file(OUT / "first.blend")
    yield from hands.accept_file()
    yield from wait(lambda: Path(bpy.data.filepath) == OUT / "first.blend", 60)
    yield from hands.scroll(area, 6)  # past the results
    yield from hands.click(area, "texloom.save_asset(material=", across=0.86)
    yield from pause(0.5)
    yield from hands.press("t")  # This File, as the line below its letter says
    yield from pause(0.5)
    screenshot("11_dialog_this_file")
    yield from hands.press("Return")
    material = cube().active_material
    yield from wait(lambda: material.asset_data is not None, 60)
    notes["asset"] = [True, sorted(tag.name for tag in material.asset_data.tags)]
    hands.over_viewport()
    yield from pause(0.3)
    yield from hands.press("ctrl+s")
    yield from wait(lambda: not bpy.data.is_dirty, 60)
    yield from hands.only(area, "library")
    yield from hands.click(area, "texloom.library_select(", across=0.2)
    yield from pause(1.0)
    yield from hands.scroll(area, 24)
    yield from hands.click(area, "texloom.save_asset(", across=0.3)
    yield from pause(0.5)
    yield from hands.press("a")  # Asset Library
    yield from pause(0.5)
    screenshot("11_dialog_library")
    yield from hands.press("Return")
    library = OUT / "home" / "assets"
    yield from wait(lambda: bool(list(library.rglob("*.blend"))), 60)
    notes["asset"] += [[str(file.relative_to(library)) for file in library.rglob("*.blend")]]
    # The add-on looks at asset browsers a moment later; in Blender 4.3 one that was not drawn yet would end Blender.
    yield from pause(1.5)
    area.ui_type = "ASSETS"
    yield from pause(1.0)
    area.spaces.active.params.asset_library_reference = "LOCAL"
    yield from pause(2.0)
    screenshot("11_asset")
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.ui_type == "ASSETS")
    area.ui_type = "VIEW_3D"
    yield from pause(1.0)


def leave_dialogs() -> Iterator[None]:
    """Open everything that asks, press Escape, and find the file as it was."""
    folder = Path(newest().view.folder).name
    ask = {
        "save_asset": lambda: bpy.ops.texloom.save_asset("INVOKE_DEFAULT", material=cube().active_material.name),
        "delete_variation": lambda: bpy.ops.texloom.delete_variation("INVOKE_DEFAULT", job=newest().id, index=3),
        "export_set": lambda: bpy.ops.texloom.export_set("INVOKE_DEFAULT"),
        "library_tags": lambda: bpy.ops.texloom.library_tags("INVOKE_DEFAULT", folder=folder),
        "library_delete": lambda: bpy.ops.texloom.library_delete("INVOKE_DEFAULT", folder=folder),
        "search_history": lambda: bpy.ops.texloom.search_history("INVOKE_DEFAULT"),
        "clear_history": lambda: bpy.ops.texloom.clear_history("INVOKE_DEFAULT"),
        "use_style": lambda: bpy.ops.texloom.use_style("INVOKE_DEFAULT"),
        "tune_family": lambda: bpy.ops.texloom.tune_family("INVOKE_DEFAULT"),
    }
    notes["left"] = {}
    # The tooltip of the last button goes when the mouse leaves it.
    hands.over_viewport()
    yield from pause(1.5)
    for name, open_dialog in ask.items():
        before = everything()
        hands.over_viewport()
        yield from pause(0.3)
        screenshot(f"12_before_{name}")
        answer = in_viewport(open_dialog)
        yield from pause(0.8)
        if name in ("save_asset", "export_set"):
            screenshot(f"12_dialog_{name}")
        # The first ones may leave only a list of suggestions, and the text field that a dialog begins with.
        yield from hands.press("Escape", "Escape", "Escape")
        yield from pause(0.6)
        screenshot(f"12_left_{name}")
        still = pixels_changed(f"12_before_{name}", f"12_left_{name}")
        notes["left"][name] = [sorted(answer), everything() == before, still]


def everything() -> dict[str, Any]:
    """What the file holds: the names of all datablocks, the material's values, the panel's settings."""
    skipped = ("window_managers", "screens", "workspaces")
    names = {
        item.identifier: sorted(block.name_full for block in getattr(bpy.data, item.identifier))
        for item in bpy.data.bl_rna.properties
        if item.type == "COLLECTION" and item.identifier not in skipped
    }
    settings = bpy.context.scene.texloom
    values = {name: str(getattr(settings, name)) for name in settings.bl_rna.properties.keys()}
    material = cube().active_material
    parameters = {item.name: item.amount for item in material.texloom.parameters}
    return {"names": names, "values": values, "parameters": parameters, "on_cube": material.name}


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
    show_base_color(area)
    yield from pause(2.0)
    yield from portrait("13_reloaded")
    notes["languages"] = list(bpy.app.translations.locales)
    if "zh_HANS" in notes["languages"]:
        bpy.context.preferences.view.language = "zh_HANS"
        yield from pause(2.0)
        yield from portrait("14_zh_HANS")
        notes["chinese"] = bpy.app.translations.pgettext_iface("What you make appears here.")
        notes["pixels_chinese"] = pixels_changed("13_reloaded", "14_zh_HANS")
        bpy.context.preferences.view.language = "en_US"


def scenario() -> Iterator[None]:
    yield from pause(1.0)
    for step in (install, three_clicks, keys, generate, pick, tune, leave_dialogs, keep, reload):
        notes["at"] = step.__name__
        yield from step()


run(scenario)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender in a window: large models from the list to an edited image, with a picture of each step.

The models are tiny ones with random weights, so that the pictures are noise and the way is the real one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

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

MODELS = OUT / "models"
PAINTER = MODELS / "tiny-painter"
LORA = OUT / "loras" / "tiny-painter-0.safetensors"
PICTURE = OUT / "wall.png"
EDITED = "wall.png"


def module(name: str) -> Any:
    return sys.modules[f"{NAME}.{name}"]


def settings() -> Any:
    return bpy.context.scene.texloom


def of_images() -> Any:
    return bpy.context.scene.texloom_images


def newest() -> Any:
    return list(bridge().entries.values())[-1]


def area_of(kind: str) -> Any:
    window = bpy.context.window_manager.windows[0]
    return next(area for area in window.screen.areas if kind in (area.type, area.ui_type))


def in_area(kind: str, call: Callable[[], Any]) -> Any:
    window, area = bpy.context.window_manager.windows[0], area_of(kind)
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return call()


def pixels(image: Any) -> np.ndarray[Any, Any]:
    """[height, width, 3] of 255 steps, the first row on top."""
    flat = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    rows = flat.reshape(image.size[1], image.size[0], image.channels)
    return np.rint(rows[::-1, :, :3] * 255.0).astype(np.int16)


def finished(begin: Callable[[], Iterator[None]]) -> Iterator[None]:
    """Press what begins a job, and wait for its end."""
    count = len(bridge().entries)
    yield from begin()
    yield from wait(lambda: len(bridge().entries) > count, 20)
    yield from wait(settled, 300)
    yield from pause(1.5)
    problem = newest().problem
    notes["problems"] = [*notes.get("problems", []), *([problem] if problem else [])]


def prepare() -> Iterator[None]:
    """The folder of models as a user adds it, and nothing of this machine's own."""
    preferences = bpy.context.preferences.addons[NAME].preferences
    bpy.ops.texloom.add_model_folder(directory=str(MODELS))
    preferences.remember = False
    preferences.first_steps = "DONE"
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    hands.watch_parts()
    _, area = viewport()
    area.spaces.active.shading.color_type = "TEXTURE"
    area.spaces.active.region_3d.view_distance = 5.5
    yield from show_sidebar(area)
    screenshot("1_panel")


def choose_model() -> Iterator[None]:
    _, area = viewport()
    yield from hands.only(area, "models")
    found = module("shelf").watcher()
    yield from wait(lambda: found.shelf is not None, 30)
    yield from pause(1.0)
    screenshot("2_models")
    yield from hands.click(area, f'texloom.model_use(model="{PAINTER}")', across=0.06)
    notes["used"] = settings().model_id
    yield from hands.click(area, f'texloom.model_select(model="{PAINTER}")', across=0.4)
    yield from pause(1.0)
    screenshot("3_chosen")


def terms() -> Iterator[None]:
    """A download's dialog says the terms; Escape leaves it, and nothing was asked of the network."""
    _, area = viewport()
    bpy.context.preferences.system.use_online_access = True
    yield from hands.find(area, "texloom_models.search")
    yield from hands.write("FLUX.1 dev")
    yield from pause(0.7)
    shown = module("shelf").find(module("shelf").watcher().shelf.items, "FLUX.1 dev", here=False)
    key = shown[0].key
    yield from hands.click(area, f'texloom.model_select(model="{key}")', across=0.4)
    yield from pause(0.7)
    screenshot("4_terms_in_the_panel")
    yield from hands.click(area, f'texloom.model_download(model="{key}"')
    yield from pause(1.0)
    screenshot("5_download_dialog")
    yield from hands.press("Escape")
    yield from pause(0.7)
    notes["download"] = [key, module("model_job").state().running, module("model_job").state().error]
    yield from hands.find(area, "texloom_models.search")
    yield from hands.write("")
    bpy.context.window_manager.texloom_models.selected = ""
    bpy.context.preferences.system.use_online_access = False


def start_from_a_picture() -> Iterator[None]:
    _, area = viewport()
    yield from hands.only(area, "start")
    screenshot("6_start")
    yield from hands.click(area, "texloom.start", across=0.85)
    notes["start"] = [settings().start]
    yield from hands.find(area, "texloom.start_file", across=0.3)
    yield from hands.write(str(PICTURE))
    notes["start"].append(settings().start_file)
    yield from pause(0.5)
    screenshot("7_start_file")
    yield from hands.only(area, "loras")
    screenshot("8_loras")
    yield from hands.click(area, "texloom.lora_add", across=0.82)
    yield from pause(1.0)
    browser = area_of("FILE_BROWSER")
    browser.spaces.active.params.directory = str(LORA.parent).encode()
    yield from pause(1.0)
    browser.spaces.active.params.filename = LORA.name
    screenshot("9_lora_browser")
    in_area("FILE_BROWSER", lambda: bpy.ops.file.execute())
    yield from pause(1.5)
    _, area = viewport()
    notes["loras"] = [Path(item.file).name for item in settings().loras]
    screenshot("10_lora")


def generate() -> Iterator[None]:
    _, area = viewport()
    settings().size, settings().width, settings().height, settings().count = "CUSTOM", 256, 256, 2
    settings().new_seed, settings().seed, settings().steps = False, 5, 2
    yield from hands.find(area, "texloom.prompt")
    yield from hands.write("mossy brick wall")
    yield from hands.only(area, "results")
    before = bpy.data.objects["Cube"].active_material.name
    in_viewport(lambda: bpy.ops.ed.undo_push(message="Before"))
    yield from finished(lambda: hands.click(area, "texloom.generate("))
    screenshot("11_generated")
    request = newest().view.request
    notes["request"] = [request.model, Path(request.source).suffix, [lora.weight for lora in request.loras]]
    made = bpy.data.objects["Cube"].active_material.name
    in_viewport(lambda: bpy.ops.ed.undo())
    undone = bpy.data.objects["Cube"].active_material.name
    in_viewport(lambda: bpy.ops.ed.redo())
    notes["generated"] = [before, made, undone, bpy.data.objects["Cube"].active_material.name]
    yield from hands.only(area, "advanced")
    screenshot("12_advanced")
    yield from hands.only(area, "engine")
    screenshot("13_engine")


def edit() -> Iterator[None]:
    """Paint a mask with the mouse, draw what is masked anew, extend, repair the seams; each is one step back."""
    _, area = viewport()
    area.ui_type = "IMAGE_EDITOR"
    yield from pause(1.0)
    image = bpy.data.images.load(str(PICTURE))
    area.spaces.active.image = image
    yield from show_sidebar(area)
    in_area("IMAGE_EDITOR", lambda: bpy.ops.image.view_all(fit_view=True))
    yield from hands.only(area, "edit_image")
    screenshot("14_edit_image")
    yield from hands.click(area, "texloom.make_mask")
    yield from pause(1.5)
    mask = of_images().mask_image
    notes["mask"] = [mask.name, area.spaces.active.image == mask, area.spaces.active.ui_mode]
    yield from hands.stroke(area, [(0.35, 0.5), (0.5, 0.6), (0.6, 0.45)])
    yield from pause(1.0)
    painted = np.abs(pixels(mask) - pixels(image)).max(-1) > 3
    notes["painted"] = float(painted.mean())
    screenshot("15_mask_painted")
    in_area("IMAGE_EDITOR", lambda: bpy.ops.ed.undo_push(message="Before"))
    names = set(bpy.data.images.keys())
    yield from finished(lambda: hands.click(area, "texloom.inpaint"))
    made = next(iter(set(bpy.data.images.keys()) - names))
    changed = np.abs(pixels(bpy.data.images[made]) - pixels(bpy.data.images[EDITED])).max(-1) > 0
    notes["inpainted"] = [made, float(changed[painted].mean()), int(changed[~painted].sum())]
    area_of("IMAGE_EDITOR").spaces.active.image = bpy.data.images[made]
    yield from pause(1.0)
    screenshot("16_inpainted")
    notes["undone"] = {"inpaint": undone(names)}
    for operator, part, picture in (
        ("outpaint", "edit_image", "17_extended"),
        ("repair_seams", "from_image", "18_repaired"),
    ):
        area = area_of("IMAGE_EDITOR")
        area.spaces.active.image = bpy.data.images[EDITED]
        yield from hands.only(area, part)
        in_area("IMAGE_EDITOR", lambda: bpy.ops.ed.undo_push(message="Before"))
        names = set(bpy.data.images.keys())
        yield from finished(lambda operator=operator, area=area: hands.click(area, f"texloom.{operator}", across=0.75))
        made = next(iter(set(bpy.data.images.keys()) - names))
        area_of("IMAGE_EDITOR").spaces.active.image = bpy.data.images[made]
        in_area("IMAGE_EDITOR", lambda: bpy.ops.image.view_all(fit_view=True))
        yield from pause(1.0)
        screenshot(picture)
        notes[operator] = [made, list(bpy.data.images[made].size)]
        notes["undone"][operator] = undone(names)


def undone(names: set[str]) -> list[bool]:
    """Whether one step back takes what was made away and no more, and one forth brings it again."""
    after = set(bpy.data.images.keys())
    in_area("IMAGE_EDITOR", lambda: bpy.ops.ed.undo())
    back = set(bpy.data.images.keys()) == names
    in_area("IMAGE_EDITOR", lambda: bpy.ops.ed.redo())
    return [back, set(bpy.data.images.keys()) == after]


def leave_dialogs() -> Iterator[None]:
    """Open everything of the large models that asks, press Escape, and find the file clean."""
    area_of("IMAGE_EDITOR").ui_type = "VIEW_3D"
    yield from pause(1.0)
    bpy.context.preferences.system.use_online_access = True
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "large.blend"))
    yield from pause(0.5)
    ask = {
        "model_download": lambda: bpy.ops.texloom.model_download("INVOKE_DEFAULT", model="sdxl"),
        "lora_add": lambda: bpy.ops.texloom.lora_add("INVOKE_DEFAULT"),
        "add_model_folder": lambda: bpy.ops.texloom.add_model_folder("INVOKE_DEFAULT"),
        "add_map_model": lambda: bpy.ops.texloom.add_map_model("INVOKE_DEFAULT"),
    }
    notes["left"] = {}
    for name, open_dialog in ask.items():
        hands.over_viewport()
        yield from pause(1.2)
        screenshot(f"19_before_{name}")
        answer = in_viewport(open_dialog)
        yield from pause(1.2)
        screenshot(f"19_dialog_{name}")
        yield from hands.press("Escape", "Escape")
        yield from pause(1.0)
        hands.over_viewport()
        yield from pause(1.0)
        screenshot(f"19_left_{name}")
        still = pixels_changed(f"19_before_{name}", f"19_left_{name}")
        notes["left"][name] = [sorted(answer), bpy.data.is_dirty, still]
    bpy.context.preferences.system.use_online_access = False


def preferences() -> Iterator[None]:
    area_of("VIEW_3D").ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Texloom"
    bpy.ops.preferences.addon_expand(module=NAME)
    area_of("PREFERENCES").ui_type = "VIEW_3D"
    yield from show_preferences("20_preferences")


def show_preferences(name: str) -> Iterator[None]:
    _, area = viewport()
    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Texloom"
    yield from pause(2.0)
    screenshot(name)
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        for _ in range(12):
            bpy.ops.view2d.scroll_down()
    yield from pause(1.0)
    screenshot(f"{name}_below")
    bpy.context.window_manager.addon_search = ""
    area.ui_type = "VIEW_3D"
    yield from pause(1.0)
    yield from show_sidebar(viewport()[1])


def in_chinese() -> Iterator[None]:
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "IMAGE_EDITOR":
            area.ui_type = "VIEW_3D"
    yield from pause(1.0)
    view = bpy.context.preferences.view
    try:
        view.language = "zh_HANS"
    except TypeError:
        return  # built without other languages
    yield from pause(2.0)
    _, area = viewport()
    yield from show_sidebar(area)
    bpy.context.window_manager.texloom_models.selected = str(PAINTER)
    for part in ("models", "start", "loras", "advanced", "engine"):
        yield from hands.only(area, part)
        yield from pause(0.6)
        screenshot(f"21_zh_{part}")
    bpy.context.window_manager.texloom_models.selected = "flux-dev"
    yield from hands.only(area, "models")
    yield from pause(0.6)
    screenshot("21_zh_terms")
    yield from show_preferences("22_zh_preferences")
    _, area = viewport()
    area.ui_type = "IMAGE_EDITOR"
    yield from pause(1.0)
    area.spaces.active.image = bpy.data.images[EDITED]
    yield from show_sidebar(area)
    yield from hands.only(area, "edit_image")
    screenshot("23_zh_edit_image")
    view.language = "en_US"


def scenario() -> Iterator[None]:
    yield from pause(1.0)
    for step in (
        prepare,
        choose_model,
        terms,
        start_from_a_picture,
        generate,
        edit,
        leave_dialogs,
        preferences,
        in_chinese,
    ):
        notes["at"] = step.__name__
        yield from step()


run(scenario)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside Blender by picture_panel.py: a brick wall on the cube, its variations and parameters in the panel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from driving import NAME, bridge, in_viewport, notes, pause, run, screenshot, settled, show_sidebar, viewport, wait

PROMPT = "weathered red brick wall with white mortar"
WIDTH, HEIGHT = 905, 825
CYCLES_SECONDS = 25.0


def scenario() -> Iterator[None]:
    window, area = viewport()
    sys.modules[f"{NAME}.preferences"].set_first_steps("DONE")
    yield from show_sidebar(area)
    settings = bpy.context.scene.texloom
    settings.prompt, settings.size, settings.count = PROMPT, "1024", 4
    settings.new_seed, settings.seed = False, 3
    in_viewport(lambda: bpy.ops.texloom.generate())
    yield from wait(settled, 240)
    entry = list(bridge().entries.values())[-1]
    in_viewport(lambda: bpy.ops.texloom.apply(job=entry.id, index=2))
    yield from pause(1.0)
    cube = bpy.data.objects["Cube"]
    cube.active_material.texloom.parameters["moss"].amount = 0.55
    tuner = sys.modules[f"{NAME}.tune"].get()
    yield from pause(0.3)
    yield from wait(lambda: not tuner.busy(cube.active_material), 60)
    show_as_rendered(area)
    yield from pause(CYCLES_SECONDS)
    screenshot("panel")
    sidebar = next(region for region in area.regions if region.type == "UI")
    # From the sidebar's right edge to the left, from its top down, on the screen.
    notes["crop"] = f"{WIDTH}x{HEIGHT}+{max(0, sidebar.x + sidebar.width - WIDTH)}+{top_of(window, sidebar)}"


def top_of(window: object, region: object) -> int:
    """Rows of the screen above a region."""
    return int(window.height - (region.y + region.height))  # type: ignore[attr-defined]


def show_as_rendered(area: object) -> None:
    """By Cycles, as a graphics card's Material Preview would take minutes to draw in software."""
    scene = bpy.context.scene
    lamp, background = bpy.data.lights["Light"], scene.world.node_tree.nodes["Background"].inputs["Strength"]
    lamp.type, lamp.energy, background.default_value = "SUN", 3.0, 6.0
    scene.render.engine = "CYCLES"
    scene.cycles.preview_samples = 48
    scene.cycles.use_preview_denoising = False
    space = area.spaces.active  # type: ignore[attr-defined]
    space.overlay.show_extras = False  # the sun's ray
    space.region_3d.view_distance = 6.0
    space.shading.type = "RENDERED"


run(scenario)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run inside Blender: install the extension's zip, put a result on objects, render, save.  See demo.py."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from pathlib import Path

import bpy

REPOSITORY = "user_default"


def install(archive: Path) -> object:
    """Install the zip as a user does and return the add-on's module."""
    addon_utils = importlib.import_module("addon_utils")
    if not addon_utils.check("bl_pkg")[1]:
        # The bpy wheel starts without the extension system.
        addon_utils.enable("bl_pkg")
    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo=REPOSITORY, enable_on_install=True, overwrite=True
    )
    name = f"bl_ext.{REPOSITORY}.texloom"
    if name not in bpy.context.preferences.addons:
        raise SystemExit("The extension was installed but could not be enabled.")
    return importlib.import_module(f"{name}.api")


def build_stage() -> list[bpy.types.Object]:
    """A ball in front of a wall on a floor, lights and a camera; returns what gets the material."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=1, location=(0, 1.1, 1.3), rotation=(math.radians(90), 0, 0))
    wall = bpy.context.object
    wall.name, wall.scale = "Wall", (5.2, 2.6, 1)
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    bpy.ops.mesh.primitive_uv_sphere_add(segments=96, ring_count=64, radius=0.62, location=(0.95, -0.1, 0.62))
    ball = bpy.context.object
    ball.name = "Ball"
    bpy.ops.object.shade_smooth()
    bpy.ops.mesh.primitive_plane_add(size=14)
    floor = bpy.context.object
    floor.name = "Floor"
    grey = bpy.data.materials.new("Floor")
    if bpy.app.version < (5, 0, 0):
        grey.use_nodes = True
    shader = next(node for node in grey.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.23, 0.23, 0.24, 1)
    shader.inputs["Roughness"].default_value = 0.7
    floor.data.materials.append(grey)
    light("Sun", (-4.5, -3.2, 4.2), 620, 0.9, (1.0, 0.95, 0.88))
    light("Fill", (4.5, -4.0, 2.6), 150, 3.5, (0.85, 0.92, 1.0))
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.55, 0.62, 0.72, 1)
    background.inputs["Strength"].default_value = 0.35
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0.0, -4.9, 1.35), (math.radians(87.5), 0, 0)
    camera.data.lens = 42
    scene.collection.objects.link(camera)
    scene.camera = camera
    return [wall, ball]


def light(name: str, location: tuple[float, float, float], watts: float, size: float, color: tuple[float, ...]) -> None:
    """An area light that looks at the middle of the stage."""
    data = bpy.data.lights.new(name, "AREA")
    data.energy, data.size, data.color = watts, size, color
    lamp = bpy.data.objects.new(name, data)
    lamp.location = location
    bpy.context.scene.collection.objects.link(lamp)
    from mathutils import Vector

    direction = Vector((0.0, 0.6, 1.0)) - Vector(location)
    lamp.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()


def render(picture: Path, samples: int) -> None:
    """Render with Cycles, which looks the same on every machine."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.resolution_x, scene.render.resolution_y = 960, 600
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(picture)
    bpy.ops.render.render(write_still=True)


def main(argv: list[str]) -> None:
    """Do it all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--zip", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--blend", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=64)
    arguments = parser.parse_args(argv)
    api = install(arguments.zip)
    targets = build_stage()
    made = api.apply(arguments.result, target=targets)  # type: ignore[attr-defined]
    if set(made.assigned) != {obj.name for obj in targets}:
        raise SystemExit(f"The material is not on every object: {made.messages}")
    render(arguments.picture, arguments.samples)
    bpy.ops.wm.save_as_mainfile(filepath=str(arguments.blend), compress=True)


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1 :])

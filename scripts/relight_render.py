# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender for relight_maps.py: renders every folder of maps under two lights and compares with the truth."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

LIGHTS = ((0.6, 0.9), (3.6, 0.5))
"""Azimuth and elevation of the sun, radians."""


def image_node(tree: Any, path: Path, *, color: bool) -> Any:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(path))
    node.image.colorspace_settings.name = "sRGB" if color else "Non-Color"
    return node


def dress(material: Any, folder: Path) -> None:
    """Put the maps of a folder on the material, in place of what it had."""
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    for name, socket in (("base_color", "Base Color"), ("roughness", "Roughness"), ("metallic", "Metallic")):
        node = image_node(tree, folder / f"{name}.png", color=name == "base_color")
        tree.links.new(node.outputs["Color"], shader.inputs[socket])
    relief = tree.nodes.new("ShaderNodeNormalMap")
    node = image_node(tree, folder / "normal.png", color=False)
    tree.links.new(node.outputs["Color"], relief.inputs["Color"])
    tree.links.new(relief.outputs["Normal"], shader.inputs["Normal"])


def prepare(samples: int, size: int) -> tuple[Any, Any]:
    """A square seen from straight above; its material and the sun."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = samples, False, "CPU"
    # Each picture of a material has the same noise, so that the difference is that of the maps.
    scene.cycles.use_adaptive_sampling, scene.cycles.seed = False, 0
    scene.render.dither_intensity = 0.0
    scene.render.image_settings.file_format = "PNG"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.view_settings.view_transform = "Standard"
    world = bpy.data.worlds.new("World")
    scene.world = world
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.4
    bpy.ops.mesh.primitive_plane_add(size=1.0)
    material = bpy.data.materials.new("Material")
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    bpy.context.object.data.materials.append(material)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type, camera.data.ortho_scale, camera.location = "ORTHO", 1.0, (0.0, 0.0, 2.0)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy = 3.0
    for item in (camera, sun):
        scene.collection.objects.link(item)
    scene.camera = camera
    return material, sun


def picture(path: Path) -> Any:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(-1, 4)[:, :3]


def main() -> None:
    folder, samples = Path(sys.argv[sys.argv.index("--") + 1]), int(sys.argv[-1])
    places = sorted(path for path in folder.iterdir() if (path / "truth").is_dir())
    size = bpy.data.images.load(str(places[0] / "truth" / "base_color.png")).size[0]
    facts = {"blender": bpy.app.version_string, "samples": samples, "size": size, "lights": len(LIGHTS)}
    file = folder / "relit.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    # What was rendered before with the same settings is not rendered again.
    found = known.pop("materials", {})
    found = found if known == facts else {}
    for place in places:
        if place.name in found:
            continue
        material, sun = prepare(samples, size)
        shown: dict[str, list[Any]] = {}
        for way in ("truth", "estimator", "heuristic", "flat"):
            dress(material, place / way)
            for number, (azimuth, elevation) in enumerate(LIGHTS):
                sun.rotation_euler = (math.pi / 2 - elevation, 0.0, azimuth)
                shown.setdefault(way, []).append(picture(place / way / f"relit_{number}.png"))
        truth = np.stack(shown.pop("truth"))
        found[place.name] = {
            way: float(np.sqrt(np.square(np.stack(pictures) - truth).mean())) * 255.0 for way, pictures in shown.items()
        }
        file.write_text(json.dumps(facts | {"materials": found}, indent=1), encoding="utf-8")


main()

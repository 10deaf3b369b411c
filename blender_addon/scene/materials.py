# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps → a Principled material: linked, right colour spaces, real-world scale, tidy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import bpy

from .. import compat
from . import nodes
from .objects import Projection
from .result import ResultImages
from .transaction import all_or_nothing

Displacement = Literal["BUMP", "DISPLACEMENT", "BOTH", "NONE"]
"""What carries the relief: shading from the height map, true displacement (which needs a finely divided
mesh), displacement with bump for what the mesh is too coarse for, or the normal map alone.  A normal map
needs UVs: with box projection ``NONE`` is flat."""

BOX_BLEND: Final = 0.25
"""Share of the width over which box projection fades from one side to the next."""

AO_FACTOR: Final = 0.25

# Names by which nodes are found again; labels are what people read.
COORDINATES: Final = "Texloom Coordinates"
MAPPING: Final = "Texloom Mapping"
RELIEF: Final = "Texloom Relief"
TURN: Final = "Texloom Turned Normals"
DISPLACEMENT: Final = "Texloom Displacement"

LABELS: Final[Mapping[str, str]] = {
    "base_color": "Base Color",
    "image": "Image",
    "ambient_occlusion": "Ambient Occlusion",
    "metallic": "Metallic",
    "roughness": "Roughness",
    "normal": "Normal",
    "height": "Height",
}
"""Maps in the order in which they stand in the material, the Principled node's own order of inputs."""


def image_name(result: ResultImages, map_name: str) -> str:
    """Name of the datablock of one map."""
    return f"{result.name} - {LABELS.get(map_name, map_name)}"


def build_material(
    result: ResultImages,
    *,
    images: Mapping[str, bpy.types.Image],
    displacement: Displacement = "BUMP",
    projection: Projection | None = None,
    metres_per_unit: float = 1.0,
    name: str | None = None,
) -> bpy.types.Material:
    """A new material that shows ``images`` (map name → image) at their real size.

    Args:
        result: what the maps are of: sizes in metres, and where they come from.
        images: a base colour (``base_color`` or ``image``) and any others of :data:`LABELS`.
        displacement: what carries the relief, see :data:`Displacement`.
        projection: see :func:`objects.projection_for`; by default the UVs as they are.
        metres_per_unit: metres in one Blender unit, for the height.
        name: name of the material, by default the result's; Blender makes it unique.

    Raises:
        ValueError: ``displacement`` is none of the four, or there is no map to show.
    """
    if displacement not in ("BUMP", "DISPLACEMENT", "BOTH", "NONE"):
        raise ValueError(f"displacement: must be BUMP, DISPLACEMENT, BOTH or NONE, got {displacement!r}.")
    shown = {key: images[key] for key in LABELS if key in images}
    if not shown:
        raise ValueError(f"images: at least one of {', '.join(LABELS)} is needed.")
    with all_or_nothing():
        material = bpy.data.materials.new(name or result.name)
        _Builder(material, result, displacement, projection or Projection(), metres_per_unit).build(shown)
        _describe(material, result)
    return material


def set_projection(material: bpy.types.Material, projection: Projection) -> None:
    """Lay a material that :func:`build_material` made on its object in another way or size.

    Raises:
        KeyError: the material has no Texloom mapping (any more).
    """
    tree: Any = material.node_tree
    coordinates, mapping = tree.nodes[COORDINATES], tree.nodes[MAPPING]
    _set_mapping(mapping, projection)
    output = coordinates.outputs["UV" if projection.kind == "UV" else "Object"]
    tree.links.new(output, mapping.inputs["Vector"])
    for node in tuple(tree.nodes):  # turning normals may add one
        if node.bl_idname == "ShaderNodeTexImage" and any(link.from_node == mapping for link in node.inputs[0].links):
            _set_box(node, projection)
        elif node.bl_idname == "ShaderNodeNormalMap":
            _set_normal_strength(node, projection, displaced=DISPLACEMENT in tree.nodes)
            _turn_normals(tree, node, projection.turns)


def _set_mapping(mapping: nodes.Node, projection: Projection) -> None:
    mapping.inputs["Scale"].default_value = projection.scale
    mapping.inputs["Rotation"].default_value = (0.0, 0.0, projection.turns * math.pi / 2)


def _turn_normals(tree: Any, map_node: nodes.Node, turns: int) -> None:
    """Turn what a normal map says back by the quarter turns that its picture is turned by.

    The Mapping node moves the picture; the tangents that its vectors refer to stay those of the UV map.  The node
    ``TURN`` is made when it is first needed.
    """
    node = tree.nodes.get(TURN)
    if node is None:
        if not turns:
            return
        node = tree.nodes.new("ShaderNodeVectorRotate")
        node.name = TURN
        nodes.set_label(node, "Turned with the Picture")
        node.rotation_type = "Z_AXIS"
        # Half grey stands for zero.
        node.inputs["Center"].default_value = (0.5, 0.5, 0.5)
        tree.links.new(map_node.inputs["Color"].links[0].from_socket, node.inputs["Vector"])
        tree.links.new(node.outputs["Vector"], map_node.inputs["Color"])
    node.inputs["Angle"].default_value = -turns * math.pi / 2


def _set_box(texture: nodes.Node, projection: Projection) -> None:
    texture.projection = "FLAT" if projection.kind == "UV" else "BOX"
    texture.projection_blend = 0.0 if projection.kind == "UV" else BOX_BLEND


def _set_normal_strength(node: nodes.Node, projection: Projection, *, displaced: bool) -> None:
    strength, label = 1.0, ""
    # Where displacement carries the relief, the map must not add it a second time.
    if displaced and not compat.normals_follow_original(node):
        strength, label = 0.0, "Normal Map (relief is displaced)"
    if projection.kind == "BOX":
        # Without UVs there is no tangent for the map to refer to.
        strength, label = 0.0, "Normal Map (needs UVs)"
    node.inputs["Strength"].default_value = strength
    nodes.set_label(node, label)


class _Builder:
    """One material under construction."""

    def __init__(
        self,
        material: bpy.types.Material,
        result: ResultImages,
        displacement: Displacement,
        projection: Projection,
        metres_per_unit: float,
    ) -> None:
        self.material = material
        self.result = result
        self.displacement = displacement
        self.projection = projection
        self.range = result.height_range_m / metres_per_unit
        self.tree = compat.node_tree(material)
        self.tree.nodes.clear()
        self.textures: dict[str, nodes.Node] = {}

    def new(self, kind: str, name: str, label: str = "") -> nodes.Node:
        node = self.tree.nodes.new(kind)
        node.name = name
        nodes.set_label(node, label)
        return node

    def link(self, source: Any, target: Any) -> None:
        self.tree.links.new(source, target)

    def build(self, images: Mapping[str, bpy.types.Image]) -> None:
        coordinates = self.new("ShaderNodeTexCoord", COORDINATES)
        mapping = self.new("ShaderNodeMapping", MAPPING, "Real-world Size")
        _set_mapping(mapping, self.projection)
        self.link(coordinates.outputs["UV" if self.projection.kind == "UV" else "Object"], mapping.inputs["Vector"])

        for key, image in images.items():
            texture = self.new("ShaderNodeTexImage", f"Texloom {LABELS[key]}", LABELS[key])
            texture.image = image
            texture.extension = "REPEAT"
            _set_box(texture, self.projection)
            if key == "height":
                # Linear interpolation gives a bump of flat facets as soon as one pixel covers many.
                texture.interpolation = "Cubic"
            self.link(mapping.outputs["Vector"], texture.inputs["Vector"])
            self.textures[key] = texture

        shader = self.new("ShaderNodeBsdfPrincipled", "Principled BSDF")
        output = self.new("ShaderNodeOutputMaterial", "Material Output")
        output.is_active_output = True
        self.link(shader.outputs["BSDF"], output.inputs["Surface"])

        occlusion = self._colour(shader)
        for key in ("metallic", "roughness"):
            if key in self.textures:
                self.link(self.textures[key].outputs["Color"], shader.inputs[LABELS[key]])
        relief, mix = self._relief(shader, output)

        turned = [node for node in self.tree.nodes if node.name == TURN]
        framed = turned + relief + mix
        pictures = list(self.textures.values())
        place = [coordinates, mapping]
        nodes.arrange(
            [[coordinates], [mapping], pictures, turned, occlusion + relief, mix, [shader], [output]],
            groups=[place, pictures, framed],
        )
        nodes.frame(self.tree, "Placement", place)
        nodes.frame(self.tree, "Maps", pictures)
        if framed:
            nodes.frame(self.tree, "Relief", framed)
        self._activate()

    def _colour(self, shader: nodes.Node) -> list[nodes.Node]:
        """Link base colour; the node that shades it with ambient occlusion, where there is such a map."""
        base = self.textures.get("base_color") or self.textures.get("image")
        occlusion = self.textures.get("ambient_occlusion")
        if occlusion is None:
            if base is not None:
                self.link(base.outputs["Color"], shader.inputs["Base Color"])
            return []
        # Albedo should hold no shadows: the renderer adds them, also those of displaced relief.  Bump and
        # normal maps, though, cast none, and their crevices look washed out.  So a quarter of the map there,
        # nothing with displacement, and a labelled factor for whoever wants it otherwise.
        mix = self.new("ShaderNodeMix", "Texloom Occlusion", "Ambient Occlusion Amount")
        mix.data_type = "RGBA"
        mix.blend_type = "MULTIPLY"
        mix.inputs["Factor"].default_value = AO_FACTOR if self.displacement in ("BUMP", "NONE") else 0.0
        first, second, mixed = _socket(mix.inputs, "A_Color"), _socket(mix.inputs, "B_Color"), mix.outputs
        first.default_value = shader.inputs["Base Color"].default_value
        if base is not None:
            self.link(base.outputs["Color"], first)
        self.link(occlusion.outputs["Color"], second)
        self.link(_socket(mixed, "Result_Color"), shader.inputs["Base Color"])
        return [mix]

    def _relief(self, shader: nodes.Node, output: nodes.Node) -> tuple[list[nodes.Node], list[nodes.Node]]:
        """Normal, bump and displacement nodes, and the mix of the first two.

        Normal map and height show the same relief, so both at full strength would show it twice.  The bump
        is preferred for shading: 16 bits, metres, right under any mapping, also turned, mirrored or without
        UVs, where a tangent-space normal map is wrong.  The normal map stays one slider away.
        """
        height, normal = self.textures.get("height"), self.textures.get("normal")
        usable = height is not None and self.range > 0
        geometry = usable and self.displacement in ("DISPLACEMENT", "BOTH")
        bump = self._bump(height) if usable and self.displacement == "BUMP" else None
        map_node = self._normal_map(normal, geometry) if normal is not None else None
        column = [node for node in (map_node, bump) if node is not None]
        self.material.displacement_method = "BUMP" if self.displacement == "NONE" or not geometry else self.displacement
        if geometry:
            column.append(self._displacement(height, output))

        if map_node is not None and bump is not None:
            mix = self.new("ShaderNodeMix", RELIEF, "0 Normal Map, 1 Bump")
            mix.data_type = "VECTOR"
            mix.inputs["Factor"].default_value = 1.0
            self.link(map_node.outputs["Normal"], _socket(mix.inputs, "A_Vector"))
            self.link(bump.outputs["Normal"], _socket(mix.inputs, "B_Vector"))
            self.link(_socket(mix.outputs, "Result_Vector"), shader.inputs["Normal"])
            return column, [mix]
        for node in (map_node, bump):
            if node is not None:
                self.link(node.outputs["Normal"], shader.inputs["Normal"])
        return column, []

    def _normal_map(self, texture: nodes.Node, geometry: bool) -> nodes.Node:
        node = self.new("ShaderNodeNormalMap", "Texloom Normal Map")
        compat.set_opengl_normals(node)
        _set_normal_strength(node, self.projection, displaced=geometry)
        self.link(texture.outputs["Color"], node.inputs["Color"])
        _turn_normals(self.tree, node, self.projection.turns)
        return node

    def _bump(self, texture: nodes.Node) -> nodes.Node:
        node = self.new("ShaderNodeBump", "Texloom Bump")
        node.inputs["Strength"].default_value = 1.0
        # Distance is the world height of a step from black to white.
        node.inputs["Distance"].default_value = self.range
        self.link(texture.outputs["Color"], node.inputs["Height"])
        return node

    def _displacement(self, texture: nodes.Node, output: nodes.Node) -> nodes.Node:
        node = self.new("ShaderNodeDisplacement", DISPLACEMENT)
        # In world space the object's scale does not change the metres.
        node.space = "WORLD"
        node.inputs["Scale"].default_value = self.range
        # offset = (value − midlevel) · scale, and is to run from height_min to height_max.
        node.inputs["Midlevel"].default_value = -self.result.height_min_m / self.result.height_range_m
        self.link(texture.outputs["Color"], node.inputs["Height"])
        self.link(node.outputs["Displacement"], output.inputs["Displacement"])
        return node

    def _activate(self) -> None:
        # The active image node is what Solid mode, texture painting and baking use.
        for node in self.tree.nodes:
            node.select = False
        active = next(iter(self.textures.values()))
        active.select = True
        self.tree.nodes.active = active


def _socket(sockets: Any, identifier: str) -> Any:
    # The Mix node has a socket of the same name for every data type; only identifiers tell them apart.
    return next(socket for socket in sockets if socket.identifier == identifier)


def _describe(material: bpy.types.Material, result: ResultImages) -> None:
    """Note on the material where it comes from; whole numbers as text, since seeds pass Blender's 31 bits."""
    values: dict[str, str | float | int] = {
        "prompt": result.prompt,
        "request_id": result.request_id,
        "index": result.index,
        "seed": str(result.seed),
        "model": result.model,
        "licence": result.licence,
        "version": result.version,
        "manifest": str(result.manifest) if result.manifest is not None else "",
        "tile_width_m": result.tile_width_m,
        "tile_height_m": result.tile_height_m,
        "height_min_m": result.height_min_m,
        "height_max_m": result.height_max_m,
    }
    for key, value in values.items():
        material[f"texloom_{key}"] = value

# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps → a Principled material: linked, right colour spaces, real-world scale, tidy."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, Literal

import bpy

from .. import compat
from . import nodes
from .objects import Projection
from .result import ResultImages
from .transaction import Vanished, all_or_nothing, finish

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
SHADER: Final = "Principled BSDF"
OUTPUT: Final = "Material Output"

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
    with all_or_nothing():
        return finish(
            build_steps(
                result,
                images={key: image.name for key, image in images.items()},
                displacement=displacement,
                projection=projection,
                metres_per_unit=metres_per_unit,
                name=name,
            )
        )


def build_steps(
    result: ResultImages,
    *,
    images: Mapping[str, str],
    displacement: Displacement = "BUMP",
    projection: Projection | None = None,
    metres_per_unit: float = 1.0,
    name: str | None = None,
) -> Generator[None, None, bpy.types.Material]:
    """:func:`build_material` in steps of a few milliseconds; the last one returns the material.

    Between the steps anything may happen, undo too: only names are kept.  ``images`` are names of datablocks.

    Raises:
        ValueError: as :func:`build_material`.
        Vanished: what an earlier step made is gone; what is left of it must be discarded.
    """
    if displacement not in ("BUMP", "DISPLACEMENT", "BOTH", "NONE"):
        raise ValueError(f"displacement: must be BUMP, DISPLACEMENT, BOTH or NONE, got {displacement!r}.")
    shown = {key: images[key] for key in LABELS if key in images}
    if not shown:
        raise ValueError(f"images: at least one of {', '.join(LABELS)} is needed.")
    material = bpy.data.materials.new(name or result.name)
    builder = _Builder(material, result, displacement, projection or Projection(), metres_per_unit)
    yield from builder.build(shown)
    _describe(builder.material, result)
    return builder.material


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
    """One material under construction; it keeps names, as pointers would not outlive an undo between two steps."""

    def __init__(
        self,
        material: bpy.types.Material,
        result: ResultImages,
        displacement: Displacement,
        projection: Projection,
        metres_per_unit: float,
    ) -> None:
        self._name, self._uid = material.name, material.session_uid
        self._found: bpy.types.Material | None = material
        self.result = result
        self.displacement = displacement
        self.projection = projection
        self.range = result.height_range_m / metres_per_unit
        self.keys: list[str] = []
        compat.node_tree(material).nodes.clear()

    @property
    def material(self) -> bpy.types.Material:
        if self._found is None:
            # By its name, and so slow in a file of thousands: once a step.
            self._found = bpy.data.materials.get(self._name)
        if self._found is None or self._found.session_uid != self._uid:
            raise Vanished(self._name)
        return self._found

    def pause(self) -> None:
        """Let go of the material, before a step ends."""
        self._found = None

    @property
    def tree(self) -> Any:
        return self.material.node_tree

    def node(self, name: str) -> nodes.Node:
        found = self.tree.nodes.get(name)
        if found is None:
            raise Vanished(name)
        return found

    def texture(self, key: str) -> nodes.Node | None:
        return self.node(_texture_name(key)) if key in self.keys else None

    def new(self, kind: str, name: str, label: str = "") -> nodes.Node:
        node = self.tree.nodes.new(kind)
        node.name = name
        nodes.set_label(node, label)
        return node

    def link(self, source: Any, target: Any) -> None:
        self.tree.links.new(source, target)

    def build(self, images: Mapping[str, str]) -> Generator[None, None, None]:
        shader = self.new("ShaderNodeBsdfPrincipled", SHADER)
        output = self.new("ShaderNodeOutputMaterial", OUTPUT)
        output.is_active_output = True
        self.link(shader.outputs["BSDF"], output.inputs["Surface"])
        coordinates = self.new("ShaderNodeTexCoord", COORDINATES)
        mapping = self.new("ShaderNodeMapping", MAPPING, "Real-world Size")
        _set_mapping(mapping, self.projection)
        self.link(coordinates.outputs["UV" if self.projection.kind == "UV" else "Object"], mapping.inputs["Vector"])
        self.pause()
        yield
        for number, (key, image) in enumerate(images.items()):
            if number == 3:
                self.pause()
                yield
            self._picture(key, image)
        self.pause()
        yield
        shader = self.node(SHADER)
        occlusion = self._colour(shader)
        for key in ("metallic", "roughness"):
            if (texture := self.texture(key)) is not None:
                self.link(texture.outputs["Color"], shader.inputs[LABELS[key]])
        self.pause()
        yield
        relief, mix = self._relief(self.node(SHADER), self.node(OUTPUT))
        self.pause()
        yield
        turned = [TURN] if TURN in self.tree.nodes else []
        framed = turned + relief + mix
        pictures = [_texture_name(key) for key in self.keys]
        place = [COORDINATES, MAPPING]
        columns = [[COORDINATES], [MAPPING], pictures, turned, occlusion + relief, mix, [SHADER], [OUTPUT]]
        nodes.arrange(self._nodes(columns), groups=self._nodes([place, pictures, framed]))
        self.pause()
        yield
        nodes.frame(self.tree, "Placement", *self._nodes([place]))
        nodes.frame(self.tree, "Maps", *self._nodes([pictures]))
        if framed:
            nodes.frame(self.tree, "Relief", *self._nodes([framed]))
        self.pause()
        yield
        self._activate()

    def _nodes(self, groups: Sequence[Sequence[str]]) -> list[list[nodes.Node]]:
        return [[self.node(name) for name in group] for group in groups]

    def _picture(self, key: str, image: str) -> None:
        found = bpy.data.images.get(image)
        if found is None:
            raise Vanished(image)
        texture = self.new("ShaderNodeTexImage", _texture_name(key), LABELS[key])
        texture.image = found
        texture.extension = "REPEAT"
        _set_box(texture, self.projection)
        if key == "height":
            # Linear interpolation gives a bump of flat facets as soon as one pixel covers many.
            texture.interpolation = "Cubic"
        self.link(self.node(MAPPING).outputs["Vector"], texture.inputs["Vector"])
        self.keys.append(key)

    def _colour(self, shader: nodes.Node) -> list[str]:
        """Link base colour; the node that shades it with ambient occlusion, where there is such a map."""
        base = self.texture("base_color") or self.texture("image")
        occlusion = self.texture("ambient_occlusion")
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
        return [mix.name]

    def _relief(self, shader: nodes.Node, output: nodes.Node) -> tuple[list[str], list[str]]:
        """Normal, bump and displacement nodes, and the mix of the first two.

        Normal map and height show the same relief, so both at full strength would show it twice.  The bump
        is preferred for shading: 16 bits, metres, right under any mapping, also turned, mirrored or without
        UVs, where a tangent-space normal map is wrong.  The normal map stays one slider away.
        """
        height, normal = self.texture("height"), self.texture("normal")
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
            return [node.name for node in column], [mix.name]
        for node in (map_node, bump):
            if node is not None:
                self.link(node.outputs["Normal"], shader.inputs["Normal"])
        return [node.name for node in column], []

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
        active = self.node(_texture_name(self.keys[0]))
        active.select = True
        self.tree.nodes.active = active


def _texture_name(key: str) -> str:
    return f"Texloom {LABELS[key]}"


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

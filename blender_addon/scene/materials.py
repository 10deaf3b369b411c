# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps → a Principled material: linked, right color spaces, real-world scale, sliders, tidy."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import bpy

from .. import compat
from . import groups, nodes
from .facts import DISPLACEMENTS, Displacement, Facts, describe
from .objects import Projection
from .result import ResultImages
from .transaction import Vanished, all_or_nothing, finish

BOX_BLEND: Final = 0.25
"""Share of the width over which box projection fades from one side to the next."""

# Names by which nodes are found again; labels are what people read.
COORDINATES: Final = "Texloom Coordinates"
TILE: Final = "Texloom Tile Size"
MAPPING: Final = "Texloom Mapping"
ADJUST: Final = "Texloom Adjust"
SHADER: Final = "Principled BSDF"
OUTPUT: Final = "Material Output"
BELOW: Final = ("Texloom Relief Scale Left", "Texloom Relief Scale Right")

GROUP_WIDTH: Final = 260.0

LABELS: Final[Mapping[str, str]] = {
    "base_color": "Base Color",
    "image": "Image",
    "ambient_occlusion": "Ambient Occlusion",
    "metallic": "Metallic",
    "roughness": "Roughness",
    "normal": "Normal",
    "height": "Height",
}
"""Maps in the order in which they stand in the material, that of the group's inputs."""

INPUTS: Final[Mapping[str, str]] = {**LABELS, "image": "Base Color", "normal": "Normal Map"}
"""The input of the group that shows each map."""


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
    if displacement not in DISPLACEMENTS:
        raise ValueError(f"displacement: must be BUMP, DISPLACEMENT, BOTH or NONE, got {displacement!r}.")
    shown = {key: images[key] for key in LABELS if key in images}
    if not shown:
        raise ValueError(f"images: at least one of {', '.join(LABELS)} is needed.")
    facts = Facts.for_result(
        result,
        shown,
        displacement=displacement,
        projection=projection or Projection(),
        metres_per_unit=metres_per_unit,
    )
    tile = yield from groups.ensure("tile")
    adjust = yield from groups.ensure(groups.adjust_kind(displacement in ("DISPLACEMENT", "BOTH")))
    builder = _Builder(bpy.data.materials.new(name or result.name), facts, projection or Projection())
    yield from builder.build(shown, {TILE: tile, ADJUST: adjust})
    describe(builder.material, result, facts)
    return builder.material


def set_projection(material: bpy.types.Material, projection: Projection) -> None:
    """Lay a material that :func:`build_material` made on its object in another way or size.

    Raises:
        KeyError: the material has no Texloom mapping or sliders (any more).
    """
    tree: Any = compat.node_tree(material)
    coordinates, tile, mapping, adjust = (tree.nodes[name] for name in (COORDINATES, TILE, MAPPING, ADJUST))
    facts = Facts.of(material).with_projection(projection)
    _set_mapping(mapping, projection)
    tree.links.new(coordinates.outputs["Object" if facts.box else "UV"], tile.inputs["Vector"])
    for node in tree.nodes:
        if node.bl_idname == "ShaderNodeTexImage" and any(link.from_node == mapping for link in node.inputs[0].links):
            _set_box(node, facts.box)
    values = facts.defaults()
    for name in ("Normal Map Strength", "Normal Map Turn"):
        adjust.inputs[name].default_value = values[name]
    facts.note(material)


def picture_name(key: str) -> str:
    """Name of the node that shows a map."""
    return f"Texloom {LABELS[key]}"


def add_picture(tree: Any, key: str, image: bpy.types.Image, *, box: bool) -> nodes.Node:
    """A node that shows the map ``key``, not linked yet."""
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.name = picture_name(key)
    nodes.set_label(texture, LABELS[key])
    texture.image = image
    texture.extension = "REPEAT"
    _set_box(texture, box)
    if key == "height":
        # Linear interpolation gives a bump of flat facets as soon as one pixel covers many.
        texture.interpolation = "Cubic"
    return texture


def link_relief(material: bpy.types.Material, adjust: nodes.Node, before: Facts | None, facts: Facts) -> None:
    """Link the group's normal and displacement where a material of ``facts`` wants them.

    ``before`` are the facts that its links come from; what somebody else linked or took away since stays so.
    """
    tree: Any = material.node_tree
    output = tree.get_output_node("ALL")
    shader = tree.nodes.get(SHADER)
    ends = {
        "Normal": shader.inputs.get("Normal") if shader is not None else None,
        "Displacement": output.inputs["Displacement"] if output is not None else None,
    }
    for name, target in ends.items():
        had = before is not None and _wants(before, name)
        if target is None or had == _wants(facts, name):
            continue
        source = adjust.outputs[name]
        if not had and not target.is_linked:
            tree.links.new(source, target)
        elif had:
            for link in [item for item in target.links if item.from_socket == source]:
                tree.links.remove(link)


def _wants(facts: Facts, output: str) -> bool:
    return facts.wants_normal if output == "Normal" else facts.wants_displacement


def _set_mapping(mapping: nodes.Node, projection: Projection) -> None:
    mapping.inputs["Scale"].default_value = projection.scale
    mapping.inputs["Rotation"].default_value = (0.0, 0.0, projection.turns * math.pi / 2)


def _set_box(texture: nodes.Node, box: bool) -> None:
    texture.projection = "BOX" if box else "FLAT"
    texture.projection_blend = BOX_BLEND if box else 0.0


class _Builder:
    """One material under construction; it keeps names, as pointers would not outlive an undo between two steps."""

    def __init__(self, material: bpy.types.Material, facts: Facts, projection: Projection) -> None:
        self._name, self._uid = material.name, material.session_uid
        self._found: bpy.types.Material | None = material
        self.facts = facts
        self.projection = projection
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

    def new(self, kind: str, name: str, label: str = "") -> nodes.Node:
        node = self.tree.nodes.new(kind)
        node.name = name
        nodes.set_label(node, label)
        return node

    def link(self, source: Any, target: Any) -> None:
        self.tree.links.new(source, target)

    def build(self, images: Mapping[str, str], shared: Mapping[str, str]) -> Generator[None, None, None]:
        """Steps; ``images`` are names by map, ``shared`` the names of the groups by node."""
        shader = self.new("ShaderNodeBsdfPrincipled", SHADER)
        output = self.new("ShaderNodeOutputMaterial", OUTPUT)
        output.is_active_output = True
        self.link(shader.outputs["BSDF"], output.inputs["Surface"])
        coordinates = self.new("ShaderNodeTexCoord", COORDINATES)
        mapping = self.new("ShaderNodeMapping", MAPPING, "Real-world Size")
        _set_mapping(mapping, self.projection)
        tile = self._group(TILE, shared[TILE])
        self.link(coordinates.outputs["Object" if self.facts.box else "UV"], tile.inputs["Vector"])
        self.link(tile.outputs["Vector"], mapping.inputs["Vector"])
        self.pause()
        yield
        adjust = self._group(ADJUST, shared[ADJUST])
        for name in ("Base Color", "Roughness", "Metallic"):
            self.link(adjust.outputs[name], self.node(SHADER).inputs[name])
        link_relief(self.material, adjust, None, self.facts)
        method = self.facts.displacement
        if method == "NONE" or not self.facts.wants_displacement:
            method = "BUMP"
        self.material.displacement_method = method
        self.pause()
        yield
        for number, (key, image) in enumerate(images.items()):
            if number == 3:
                self.pause()
                yield
            self._picture(key, image)
        self.pause()
        yield
        pictures = [picture_name(key) for key in self.keys]
        place = [COORDINATES, TILE, MAPPING]
        columns = [[COORDINATES], [TILE], [MAPPING], pictures, [ADJUST], [SHADER], [OUTPUT]]
        nodes.arrange(self._nodes(columns), groups=self._nodes([place, pictures]))
        self.pause()
        yield
        nodes.frame(self.tree, "Placement", *self._nodes([place]))
        nodes.frame(self.tree, "Maps", *self._nodes([pictures]))
        self._scale_below(pictures)
        self.pause()
        yield
        self._activate()

    def _nodes(self, names: Sequence[Sequence[str]]) -> list[list[nodes.Node]]:
        return [[self.node(name) for name in group] for group in names]

    def _group(self, name: str, shared: str) -> nodes.Node:
        tree = bpy.data.node_groups.get(shared)
        if not groups.kind_of(tree):
            raise Vanished(shared)
        node = self.new("ShaderNodeGroup", name)
        node.node_tree = tree
        nodes.set_label(node, name)
        node.width = max(node.width, GROUP_WIDTH)
        values = self.facts.defaults()
        for socket in node.inputs:
            if socket.name in values:
                socket.default_value = values[socket.name]
        return node

    def _picture(self, key: str, image: str) -> None:
        found = bpy.data.images.get(image)
        if found is None:
            raise Vanished(image)
        texture = add_picture(self.tree, key, found, box=self.facts.box)
        self.link(self.node(MAPPING).outputs["Vector"], texture.inputs["Vector"])
        target = self.node(ADJUST).inputs[INPUTS[key]]
        if not target.is_linked:
            self.link(texture.outputs["Color"], target)
        self.keys.append(key)

    def _scale_below(self, pictures: Sequence[str]) -> None:
        """Lead the tile's scale below the pictures to the relief, not behind them."""
        boxes = [nodes.rectangle(self.node(name)) for name in pictures]
        bottom = min(box[1] for box in boxes) - 2 * nodes.FRAME_MARGIN
        source = self.node(TILE).outputs["Relief Scale"]
        for name, x in zip(BELOW, (boxes[0][0], max(box[2] for box in boxes)), strict=True):
            reroute = self.tree.nodes.new("NodeReroute")
            reroute.name = name
            reroute.location = (x, bottom)
            self.link(source, reroute.inputs[0])
            source = reroute.outputs[0]
        self.link(source, self.node(ADJUST).inputs["Relief Scale"])

    def _activate(self) -> None:
        # The active image node is what Solid mode, texture painting and baking use.
        for node in self.tree.nodes:
            node.select = False
        active = self.node(picture_name(self.keys[0]))
        active.select = True
        self.tree.nodes.active = active

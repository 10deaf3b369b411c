# SPDX-License-Identifier: GPL-3.0-or-later
"""The node groups that materials share: sliders between the maps and the shader, and the width of a tile.

All values of one material are inputs of its group *nodes*, so a file of hundreds of materials has these groups once.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import bpy

from .. import compat
from . import nodes
from .transaction import Vanished

Kind = Literal["adjust", "displaced", "tile"]
"""Sliders of a material; the same where true displacement carries the relief; the width of a tile."""

NAMES: Final = {"adjust": "Texloom Adjust", "displaced": "Texloom Adjust (Displaced)", "tile": "Texloom Tile Size"}

# Kept by materials in files: another structure needs another number.
_VERSION: Final = 1
_KIND: Final = "texloom_group"
_SHAPE: Final = "texloom_shape"


@dataclass(frozen=True)
class Input:
    """An input of a group: ``kind`` is Blender's socket type after ``NodeSocket``, ``span`` its range."""

    name: str
    kind: Literal["Float", "Color", "Vector"]
    default: Any
    description: str
    span: tuple[float, float] = (0.0, 1.0)
    subtype: str = "FACTOR"
    hide_value: bool = False


_WHITE: Final = (1.0, 1.0, 1.0, 1.0)
_LONG: Final = (0.0, 1e6)

MAPS: Final = (
    Input("Base Color", "Color", (0.8, 0.8, 0.8, 1.0), "Color of the surface without light and shade"),
    Input("Ambient Occlusion", "Color", _WHITE, "How much light reaches crevices", hide_value=True),
    Input("Metallic", "Float", 0.0, "0 for everything but bare metal, which is 1"),
    Input("Roughness", "Float", 0.5, "0 is a mirror, 1 is chalk"),
    Input("Normal Map", "Color", (0.5, 0.5, 1.0, 1.0), "Tangent-space normals, green up", hide_value=True),
    Input("Height", "Float", 0.5, "0 is the lowest point, 1 the highest", hide_value=True),
    Input(
        "Relief Scale", "Float", 1.0, "How many times larger than real a tile is; the relief grows with it",
        _LONG, "NONE", hide_value=True,
    ),
)  # fmt: skip

SLIDERS: Final[tuple[tuple[str, tuple[Input, ...]], ...]] = (
    (
        "Color",
        (
            Input("Tint", "Color", _WHITE, "Color by which the base color is multiplied; white changes nothing"),
            Input("Tint Amount", "Float", 1.0, "How much of the tint is applied"),
            Input(
                "Hue Shift", "Float", 0.0, "Turns all colors around the color wheel", (-math.pi, math.pi), "ANGLE"
            ),
            Input("Saturation", "Float", 1.0, "0 is gray, 1 leaves the colors as they are", (0.0, 2.0)),
            Input("Brightness", "Float", 1.0, "0 is black, 1 leaves the colors as they are", (0.0, 2.0)),
            Input("Ambient Occlusion Amount", "Float", 0.0, "How much crevices are darkened by the occlusion map"),
        ),
    ),
    (
        "Roughness",
        (
            Input("Roughness Minimum", "Float", 0.0, "Roughness where the map is black"),
            Input("Roughness Maximum", "Float", 1.0, "Roughness where the map is white"),
        ),
    ),
    (
        "Relief",
        (
            Input("Relief Strength", "Float", 1.0, "Scales bump, normal map and displacement; 1 is real", (0.0, 5.0)),
            Input("Normal Map / Bump", "Float", 0.0, "What shades the relief: 0 the normal map, 1 the height map"),
        ),
    ),
)  # fmt: skip
"""What a designer turns, by section."""

MEASURES: Final = (
    Input("Relief Height", "Float", 0.0, "From the lowest to the highest point", _LONG, "DISTANCE"),
    Input("Midlevel", "Float", 0.5, "Value of the height map that stays on the surface", (-1e6, 1e6), "NONE"),
    Input("Normal Map Strength", "Float", 1.0, "0 where displacement shows the relief, and without UVs"),
    Input(
        "Normal Map Turn", "Float", 0.0, "Turns the normals as the picture is turned",
        (-2 * math.pi, 2 * math.pi), "ANGLE",
    ),
)  # fmt: skip
"""What follows from the result and the object."""

TILE: Final = (
    Input("Vector", "Vector", (0.0, 0.0, 0.0), "Texture coordinates", hide_value=True),
    Input("Tile Width", "Float", 1.0, "Width of one tile on the object", (0.001, 1e4), "DISTANCE"),
    Input("Own Width", "Float", 1.0, "Width that one tile of these maps has in reality", (0.001, 1e4), "DISTANCE"),
)

_OUTPUTS: Final = (
    ("Base Color", "Color"), ("Roughness", "Float"), ("Metallic", "Float"), ("Normal", "Vector"),
    ("Displacement", "Vector"),
)  # fmt: skip


def kind_of(tree: Any) -> str:
    """Which of the groups a node tree is; empty for any other."""
    stored = str(tree.get(_KIND, "")) if tree is not None else ""
    return stored.partition(" ")[0]


def adjust_kind(displaced: bool) -> Kind:
    """The group of sliders for a material whose relief is displaced, or not.

    Only a Normal Map node that can leave displaced relief alone makes a difference.
    """
    return "displaced" if displaced and compat.has_normal_base() else "adjust"


def find(kind: Kind) -> Any:
    """The group in this file, None where there is none yet, or only ones that somebody has rebuilt."""
    mark = _mark(kind)
    for tree in bpy.data.node_groups:
        stored: Any = tree
        if stored.get(_KIND) == mark and tree.library is None and stored.get(_SHAPE) == _shape(tree):
            return tree
    return None


def ensure(kind: Kind) -> Generator[None, None, str]:
    """The name of the group in this file; it is made where there is none, in steps of a few milliseconds.

    Raises:
        Vanished: between two steps it was taken away.
    """
    found = find(kind)
    if found is not None:
        return str(found.name)
    every: Any = bpy.data.node_groups
    tree = every.new(NAMES[kind], "ShaderNodeTree")
    name, uid = tree.name, tree.session_uid
    for step in _tile_parts() if kind == "tile" else _adjust_parts(kind):
        again = bpy.data.node_groups.get(name)
        if again is None or again.session_uid != uid:
            raise Vanished(name)
        step(again)
        again = tree = None
        yield
    made: Any = bpy.data.node_groups.get(name)
    if made is None or made.session_uid != uid:
        raise Vanished(name)
    # Last, so that nobody takes a half-made one for whole.
    made[_KIND], made[_SHAPE] = _mark(kind), _shape(made)
    return name


def sweep() -> None:
    """Remove groups of ours that nothing uses, as a material that could not be finished leaves them."""
    unused = [tree for tree in bpy.data.node_groups if not tree.users and tree.name.split(".")[0] in NAMES.values()]
    if unused:
        bpy.data.batch_remove(unused)


def _mark(kind: Kind) -> str:
    return f"{kind} {_VERSION}"


def _shape(tree: Any) -> str:
    """A number that changes when somebody adds, removes or links anything in a group."""
    sockets = [(item.name, item.socket_type, item.in_out) for item in tree.interface.items_tree if _is_socket(item)]
    members = sorted((node.bl_idname, node.mute) for node in tree.nodes if node.bl_idname != "NodeFrame")
    links = sorted(
        (item.from_node.name, item.from_socket.identifier, item.to_node.name, item.to_socket.identifier)
        for item in tree.links
    )
    return f"{zlib.crc32(repr((sockets, members, links)).encode()):08x}"


def _is_socket(item: Any) -> bool:
    return bool(item.item_type == "SOCKET")


_Part = Callable[[Any], None]


def _tile_parts() -> Sequence[_Part]:
    return (_tile_group,)


def _adjust_parts(kind: Kind) -> Sequence[_Part]:
    def sockets(panel: str, inputs: Sequence[Input], closed: bool = False) -> _Part:
        return lambda tree: _add_inputs(tree, inputs, panel, closed)

    parts: list[_Part] = [_add_outputs, sockets("", MAPS)]
    parts += [sockets(section, inputs) for section, inputs in SLIDERS]
    parts.append(sockets("Measures", MEASURES, True))
    parts += [_color_nodes, _roughness_nodes, lambda tree: _relief_nodes(tree, kind)]
    return [*parts, *(partial(_arrange_band, label=label) for label in _BANDS), _frame_bands]


def _add_outputs(tree: Any) -> None:
    for name, kind in _OUTPUTS:
        tree.interface.new_socket(name, in_out="OUTPUT", socket_type=f"NodeSocket{kind}")


def _add_inputs(tree: Any, inputs: Sequence[Input], panel: str = "", closed: bool = False) -> None:
    parent = tree.interface.new_panel(panel, default_closed=closed) if panel else None
    for item in inputs:
        socket = tree.interface.new_socket(
            item.name,
            description=item.description,
            in_out="INPUT",
            socket_type=f"NodeSocket{item.kind}",
            parent=parent,
        )
        # Each change has the tree updated: only what differs is set.
        if item.kind == "Float":
            if item.subtype != "NONE":
                socket.subtype = item.subtype
            socket.min_value, socket.max_value = item.span
        socket.default_value = item.default
        if item.hide_value:
            socket.hide_value = True


class _Inside:
    """Nodes inside a group; everything has a name, by which :func:`_arrange` finds it."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def given(self, name: str, *used: str) -> Any:
        """A Group Input node that shows only the sockets which are used here."""
        node = self.add("NodeGroupInput", name)
        for socket in node.outputs:
            socket.hide = socket.name not in used
        return node.outputs

    def result(self) -> Any:
        """The inputs of the Group Output node."""
        node = self.tree.nodes.get("Result") or self.add("NodeGroupOutput", "Result")
        return node.inputs

    def add(self, kind: str, name: str, label: str = "", **settings: Any) -> Any:
        node = self.tree.nodes.new(kind)
        node.name = name
        for key, value in settings.items():
            setattr(node, key, value)
        nodes.set_label(node, label)
        return node

    def math(self, name: str, operation: str, *values: Any) -> Any:
        """The output of a Math node; ``values`` are sockets or numbers."""
        node = self.add("ShaderNodeMath", name, name, operation=operation)
        for socket, value in zip(node.inputs, values, strict=False):
            if isinstance(value, float):
                socket.default_value = value
            else:
                self.link(value, socket)
        return node.outputs[0]

    def mix(self, name: str, kind: Literal["Color", "Float", "Vector"], factor: Any, first: Any, second: Any) -> Any:
        """The output of a Mix node."""
        data = {"Color": "RGBA", "Float": "FLOAT", "Vector": "VECTOR"}[kind]
        node = self.add("ShaderNodeMix", name, name, data_type=data)
        if kind == "Color":
            node.blend_type = "MULTIPLY"
            # Brightness may have passed 1, and a surface cannot reflect more than all light.
            node.clamp_result = True
        self.link(factor, node.inputs["Factor"])
        self.link(first, nodes.socket(node.inputs, f"A_{kind}"))
        self.link(second, nodes.socket(node.inputs, f"B_{kind}"))
        return nodes.socket(node.outputs, f"Result_{kind}")

    def link(self, source: Any, target: Any) -> None:
        self.tree.links.new(source, target)


def _tile_group(tree: Any) -> None:
    tree.interface.new_socket("Vector", in_out="OUTPUT", socket_type="NodeSocketVector")
    tree.interface.new_socket("Relief Scale", in_out="OUTPUT", socket_type="NodeSocketFloat")
    _add_inputs(tree, TILE)
    inside = _Inside(tree)
    given = inside.given("Given", *(item.name for item in TILE))
    result = inside.result()
    # A tile twice as wide needs coordinates that run half as fast, and its relief is twice as high.
    density = inside.math("Tiles per Own Width", "DIVIDE", given["Own Width"], given["Tile Width"])
    larger = inside.math("Relief Grows with It", "DIVIDE", given["Tile Width"], given["Own Width"])
    scaled = inside.add("ShaderNodeVectorMath", "Scaled", operation="SCALE")
    inside.link(given["Vector"], scaled.inputs[0])
    inside.link(density, scaled.inputs["Scale"])
    inside.link(scaled.outputs[0], result["Vector"])
    inside.link(larger, result["Relief Scale"])
    columns = [["Given"], ["Tiles per Own Width"], ["Scaled", "Relief Grows with It"], ["Result"]]
    nodes.arrange([[tree.nodes[name] for name in column] for column in columns])


def _color_nodes(tree: Any) -> None:
    inside = _Inside(tree)
    given = inside.given("Given Color", "Base Color", "Hue Shift", "Saturation", "Brightness")
    # The Hue input of Blender's node is in turns, and a half leaves it as it is.
    hue = inside.math("Hue in Turns", "MULTIPLY_ADD", given["Hue Shift"], 1 / (2 * math.pi), 0.5)
    node = inside.add("ShaderNodeHueSaturation", "Hue and Saturation")
    inside.link(given["Base Color"], node.inputs["Color"])
    for source, target in ((hue, "Hue"), (given["Saturation"], "Saturation"), (given["Brightness"], "Value")):
        inside.link(source, node.inputs[target])
    given = inside.given("Given Tint", "Tint", "Tint Amount")
    tinted = inside.mix("Tinted", "Color", given["Tint Amount"], node.outputs[0], given["Tint"])
    given = inside.given("Given Occlusion", "Ambient Occlusion", "Ambient Occlusion Amount")
    shaded = inside.mix("Occlusion", "Color", given["Ambient Occlusion Amount"], tinted, given["Ambient Occlusion"])
    inside.link(shaded, inside.result()["Base Color"])


def _roughness_nodes(tree: Any) -> None:
    inside = _Inside(tree)
    limits = ("Roughness Minimum", "Roughness Maximum")
    given = inside.given("Given Roughness", "Roughness", "Metallic", *limits)
    mixed = inside.mix("Between the Limits", "Float", given["Roughness"], given[limits[0]], given[limits[1]])
    inside.link(mixed, inside.result()["Roughness"])
    inside.link(given["Metallic"], inside.result()["Metallic"])


def _relief_nodes(tree: Any, kind: Kind) -> None:
    inside = _Inside(tree)
    given = inside.given("Given Normal", "Normal Map", "Normal Map Turn", "Normal Map Strength", "Relief Strength")
    strength = inside.math("Strength", "MULTIPLY", given["Relief Strength"], given["Normal Map Strength"])
    # The Mapping node turns the picture; the tangents that its vectors refer to stay those of the UV map.
    turned = inside.add("ShaderNodeVectorRotate", "Turned", "Turned with the Picture", rotation_type="Z_AXIS")
    turned.inputs["Center"].default_value = (0.5, 0.5, 0.5)  # half gray stands for zero
    inside.link(given["Normal Map"], turned.inputs["Vector"])
    inside.link(given["Normal Map Turn"], turned.inputs["Angle"])
    normal = inside.add("ShaderNodeNormalMap", "Normal Map")
    compat.set_opengl_normals(normal)
    if kind == "displaced":
        compat.normals_follow_original(normal)
    inside.link(turned.outputs[0], normal.inputs["Color"])
    inside.link(strength, normal.inputs["Strength"])
    given = inside.given("Given Depth", "Relief Height", "Relief Scale", "Relief Strength")
    high = inside.math("Height of a Tile This Large", "MULTIPLY", given["Relief Height"], given["Relief Scale"])
    depth = inside.math("Depth", "MULTIPLY", high, given["Relief Strength"])
    given = inside.given("Given Height", "Height", "Midlevel", "Normal Map / Bump")
    bump = inside.add("ShaderNodeBump", "Bump")
    bump.inputs["Strength"].default_value = 1.0
    # Distance is the world height of a step from black to white.
    inside.link(depth, bump.inputs["Distance"])
    inside.link(given["Height"], bump.inputs["Height"])
    share = given["Normal Map / Bump"]
    mixed = inside.mix("0 Normal Map, 1 Bump", "Vector", share, normal.outputs[0], bump.outputs[0])
    inside.link(mixed, inside.result()["Normal"])
    # In world space the object's scale does not change the metres.
    moved = inside.add("ShaderNodeDisplacement", "Displacement", space="WORLD")
    inside.link(given["Height"], moved.inputs["Height"])
    inside.link(given["Midlevel"], moved.inputs["Midlevel"])
    inside.link(depth, moved.inputs["Scale"])
    inside.link(moved.outputs[0], inside.result()["Displacement"])


_BANDS: Final[dict[str, list[list[str]]]] = {
    "Color": [
        ["Given Color"],
        ["Hue in Turns"],
        ["Hue and Saturation", "Given Tint"],
        ["Tinted", "Given Occlusion"],
        ["Occlusion"],
    ],
    "Roughness": [["Given Roughness"], ["Between the Limits"]],
    "Relief": [
        ["Given Normal", "Given Depth"],
        ["Turned", "Strength", "Height of a Tile This Large"],
        ["Depth", "Given Height"],
        ["Normal Map", "Bump"],
        ["0 Normal Map, 1 Bump", "Displacement"],
    ],
}
"""Columns of each frame; the frames stand below each other, in the order of the outputs."""


def _columns(tree: Any, label: str) -> list[list[nodes.Node]]:
    return [[tree.nodes[name] for name in column] for column in _BANDS[label]]


def _band(tree: Any, label: str) -> list[nodes.Node]:
    return [node for column in _columns(tree, label) for node in column]


def _arrange_band(tree: Any, label: str) -> None:
    before = list(_BANDS)[: list(_BANDS).index(label)]
    nodes.arrange_below(_columns(tree, label), _band(tree, before[-1]) if before else [])


def _frame_bands(tree: Any) -> None:
    result = tree.nodes["Result"]
    _, bottom, right, top = nodes.bounds([node for label in _BANDS for node in _band(tree, label)])
    middle = (bottom + top + nodes.node_size(result)[1]) / 2
    result.location = (right + nodes.COLUMN_GAP, round(middle))
    for label in _BANDS:
        nodes.frame(tree, label, _band(tree, label))
    for node in tree.nodes:
        node.select = False

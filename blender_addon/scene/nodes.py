# SPDX-License-Identifier: GPL-3.0-or-later
"""Node trees that a person can read: columns from left to right, frames, nothing on top of anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import bpy

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top in the node editor's units."""

Node = Any
"""A ``bpy.types.Node``: its sockets and most of its properties exist only at run time, unknown to type stubs."""

COLUMN_GAP: Final = 80.0
ROW_GAP: Final = 40.0
FRAME_MARGIN: Final = 30.0
FRAME_LABEL: Final = 30.0

_HEADER: Final = 34.0
_ROW: Final = 22.0

# Rows beside the sockets: menus, switches, pickers.  A node's true size is known only once it has been drawn,
# which never happens in background mode, so it is estimated, rather too large than too small.
_EXTRA_ROWS: Final = {
    "ShaderNodeTexImage": 9,  # picker, interpolation, projection, blend, extension, source, colour space, alpha
    "ShaderNodeTexCoord": 2,  # object picker, From Instancer
    "ShaderNodeMapping": 1,
    "ShaderNodeNormalMap": 4,  # space, UV map, and in newer versions convention and base
    "ShaderNodeBump": 1,
    "ShaderNodeDisplacement": 1,
    "ShaderNodeMix": 4,  # type, blending, two switches
    "ShaderNodeBsdfPrincipled": 3,
    "ShaderNodeOutputMaterial": 1,
    "ShaderNodeGroup": 1,
    "ShaderNodeMath": 2,
    "ShaderNodeVectorMath": 1,
    "ShaderNodeVectorRotate": 2,
}


def node_size(node: Node) -> tuple[float, float]:
    """Width and height of an open node in the editor's units; an estimate from above."""
    if node.dimensions[1] > 0 and not node.hide:
        preferences: Any = bpy.context.preferences
        scale = preferences.system.ui_scale or 1.0
        return node.dimensions[0] / scale, node.dimensions[1] / scale
    if node.bl_idname == "NodeReroute":
        return 16.0, 16.0  # a dot; its width says nothing
    rows = sum(1 for socket in node.outputs if socket.enabled and not socket.hide)
    for socket in node.inputs:
        if not socket.enabled or socket.hide:
            continue
        # A vector that can be edited shows three numbers below its name.
        editable = socket.type == "VECTOR" and not socket.is_linked and not socket.hide_value
        rows += 4 if editable else 1
    rows += _EXTRA_ROWS.get(node.bl_idname, 0)
    if node.bl_idname == "ShaderNodeGroup" and node.node_tree is not None:
        # Each panel has a title; closed ones count as open, which leaves room to open them.
        rows += sum(1 for item in node.node_tree.interface.items_tree if item.item_type == "PANEL")
    return node.width, _HEADER + _ROW * rows


def socket(sockets: Any, identifier: str) -> Any:
    """A socket by its identifier: the Mix node has one of the same name for every data type.

    Raises:
        StopIteration: there is none.
    """
    return next(item for item in sockets if item.identifier == identifier)


def set_label(node: Node, label: str) -> None:
    """Give a node a title, and the width to show it whole."""
    node.label = label
    # About seven units a letter, and the fold arrow with its margin.
    node.width = max(node.width, 7 * len(label) + 44)


def rectangle(node: Node) -> Rectangle:
    """Where a node lies.  For a frame: around its nodes, with margin and label."""
    if node.bl_idname == "NodeFrame":
        inside = [rectangle(item) for item in node.id_data.nodes if item.parent == node]
        return (
            min(box[0] for box in inside) - FRAME_MARGIN,
            min(box[1] for box in inside) - FRAME_MARGIN,
            max(box[2] for box in inside) + FRAME_MARGIN,
            max(box[3] for box in inside) + FRAME_MARGIN + FRAME_LABEL,
        )
    width, height = node_size(node)
    x, y = node.location
    return x, y - height, x + width, y


def frame(tree: Any, label: str, members: Sequence[Node]) -> Node:
    """Put ``members`` in a frame with a label.  It stays at the origin, so their positions stay as they are."""
    node = tree.nodes.new("NodeFrame")
    node.label = node.name = label
    node.location = (0.0, 0.0)
    for member in members:
        x, y = member.location
        member.parent = node
        # Setting the parent moves the node by the (still undefined) place of the frame.
        member.location = (x, y)
    return node


def arrange(columns: Sequence[Sequence[Node]], groups: Sequence[Sequence[Node]] = ()) -> None:
    """Place ``columns`` from left to right and each column's nodes from top to bottom.

    The tallest column is stacked first; then every node goes as near to the height of what it is linked with
    as its neighbours allow.  The order inside a column is kept.  ``groups`` are nodes that get a frame later:
    they keep room for it around them.
    """
    columns = [list(column) for column in columns if column]
    if not columns:
        return
    group_of = {node.name: number for number, group in enumerate(groups) for node in group}
    heights = [sum(node_size(node)[1] + ROW_GAP for node in column) for column in columns]
    main = heights.index(max(heights))

    x = 0.0
    for column in columns:
        for node in column:
            node.location = (x, 0.0)
        x += max(node_size(node)[0] for node in column) + COLUMN_GAP

    _stack(columns[main], [0.0] * len(columns[main]), group_of)
    placed = {node.name for node in columns[main]}
    for number in [*range(main + 1, len(columns)), *range(main - 1, -1, -1)]:
        column = columns[number]
        _stack(column, [_wanted(node, placed) for node in column], group_of)
        placed |= {node.name for node in column}


def bounds(members: Sequence[Node]) -> Rectangle:
    """The rectangle around some nodes."""
    boxes = [rectangle(node) for node in members]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def arrange_below(columns: Sequence[Sequence[Node]], above: Sequence[Node]) -> None:
    """Place columns as :func:`arrange` does, and all of them below other nodes, with room for frames around both."""
    arrange(columns)
    members = [node for column in columns for node in column]
    top = bounds(above)[1] - 2 * FRAME_MARGIN - FRAME_LABEL - ROW_GAP if above else 0.0
    shift = round(top - bounds(members)[3])
    for node in members:
        node.location = (node.location[0], node.location[1] + shift)


def _wanted(node: Node, placed: set[str]) -> float:
    # The mean middle of the nodes at the other end of its links.
    tree = node.id_data
    middles = []
    for link in tree.links:
        for mine, other in ((link.to_node, link.from_node), (link.from_node, link.to_node)):
            if mine == node and other.name in placed:
                box = rectangle(other)
                middles.append((box[1] + box[3]) / 2)
    return sum(middles) / len(middles) if middles else 0.0


def _stack(column: Sequence[Node], wanted: Sequence[float], group_of: dict[str, int]) -> None:
    # Downwards, each at the height that it wants or below its upper neighbour; then the whole column up by
    # the mean of what they were pushed down, so that the error is shared.
    tops: list[float] = []
    floor = float("inf")
    previous: int | None = None
    pushed = 0.0
    for node, middle in zip(column, wanted, strict=True):
        height = node_size(node)[1]
        group = group_of.get(node.name)
        if tops:
            floor -= ROW_GAP if group == previous else 2 * FRAME_MARGIN + FRAME_LABEL + ROW_GAP
        top = min(middle + height / 2, floor)
        pushed += middle + height / 2 - top
        tops.append(top)
        floor = top - height
        previous = group
    shift = pushed / len(column) if column else 0.0
    for node, top in zip(column, tops, strict=True):
        node.location = (node.location[0], round(top + shift))

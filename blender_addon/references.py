# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's settings on references: how new ones look, and what is selected as one thing to change.

The properties from ``height`` on stand for the references that are selected, or else for the row of the list: they
read the first of them and write to all.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .scene import planes, references
from .scene.planes import Look

KINDS = (
    ("PLANE", "Plane", "A mesh with the picture, in viewports and in renders", "MESH_PLANE", 0),
    ("EMPTY", "Image empty", "Blender's own image reference, in viewports only", "IMAGE_REFERENCE", 1),
)
VIEWS = (
    ("ALL", "Every view", "In all viewports"),
    ("ORTHO", "Orthographic", "In orthographic views only"),
    ("AXIS", "Facing view", "Only in the view that faces it: the front picture in the front view"),
)

TURNAROUND_VIEWS = (
    ("AUTO", "Automatic", "By the words in its name, or else by its place in the order"),
    ("FRONT", "Front", "Seen from the front (-Y)"),
    ("BACK", "Back", "Seen from the back (Y)"),
    ("LEFT", "Left", "Seen from the left (-X)"),
    ("RIGHT", "Right", "Seen from the right (X)"),
    ("TOP", "Top", "Seen from above"),
    ("THREE_QUARTER", "Three-Quarter", "Seen from between front and right"),
    ("BOTTOM", "Bottom", "Seen from below"),
)

# More selected objects than this take long to look through on every move of the mouse; references are few.
_MANY = 100

OPACITY = "How opaque it is, the alpha of the object's color, which can be animated"
IN_FRONT = "Viewports draw it over everything else"
BOTH_SIDES = "Seen from behind as well, mirrored"
IN_RENDERS = "Renders show it as viewports do"
SHOWN_IN = "The viewports that show it"


def targets(context: Any) -> list[bpy.types.Object]:
    """The references to change: those selected, the active one first, or else the one in the list's row."""
    layer = context.view_layer
    selected: Any = list(islice(layer.objects.selected, _MANY + 1))
    if len(selected) > _MANY:
        collection = listed(context.scene)
        selected = [obj for obj in collection.all_objects if obj.select_get()] if collection is not None else []
    found = [obj for obj in selected if references.is_reference(obj)]
    if found:
        active = layer.objects.active
        return sorted(found, key=lambda obj: obj != active)
    obj = in_row(context)
    return [obj] if obj is not None else []


def in_row(context: Any) -> bpy.types.Object | None:
    """The reference that was clicked in the list; None when it is gone."""
    found = listed(context.scene)
    obj = found.objects.get(context.scene.texloom_references.row_name) if found is not None else None
    return obj if references.is_reference(obj) else None


def listed(scene: Any) -> Any:
    """The collection whose references the list shows; None when there is none."""
    wanted = scene.texloom_references.collection
    first = planes.first_collection(scene)
    if first is None or (not wanted and planes.is_shown(first, scene)):
        return first
    every = planes.collections(scene)
    chosen = next((item for item in every if item.name == wanted), None)
    return chosen or next((item for item in every if planes.is_shown(item, scene)), first)


def select(context: Any, obj: bpy.types.Object, *, extend: bool = False) -> bool:
    """Make an object active and selected, where Blender allows that now; whether it did."""
    layer = context.view_layer
    if context.mode != "OBJECT" or not planes.in_layer(obj):
        return False
    if not extend:
        for other in list(layer.objects.selected):
            other.select_set(False)
    if obj.hide_select or not obj.visible_get():
        return False
    obj.select_set(True)
    layer.objects.active = obj
    return True


def _get_row(self: Any) -> int:
    scene = self.id_data
    found = listed(scene)
    if found is None:
        return -1
    context: Any = bpy.context
    obj: Any = context.view_layer.objects.active if context.scene == scene else None
    selected = obj is not None and obj.select_get() and references.is_reference(obj)
    return int(found.objects.find(obj.name if selected else self.row_name))


def _set_row(self: Any, value: int) -> None:
    found = listed(self.id_data)
    if found is not None and 0 <= value < len(found.objects):
        obj = found.objects[value]
        self.row_name = obj.name
        select(bpy.context, obj)


def _reading(read: Callable[[Any], Any], default: Any) -> Callable[[Any], Any]:
    def get(self: Any) -> Any:
        found = targets(bpy.context)
        return read(found[0]) if found else default

    return get


def _writing(write: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def put(self: Any, value: Any) -> None:
        for obj in targets(bpy.context):
            write(obj, value)

    return put


# Named functions, as a lambda in an annotation would not find this module's names.


def _get_height(obj: Any) -> float:
    return references.size(obj)[1]


def _set_height(obj: Any, value: float) -> None:
    if references.size(obj)[1] > 0:
        references.set_height(obj, value)


def _get_in_front(obj: Any) -> bool:
    return bool(obj.show_in_front)


def _get_in_renders(obj: Any) -> bool:
    return not obj.hide_render


def _set_in_renders(obj: Any, value: bool) -> None:
    obj.hide_render = not value


def _get_views(obj: Any) -> int:
    return [item[0] for item in VIEWS].index(planes.get_views(obj))


def _set_views(obj: Any, value: int) -> None:
    if planes.kind(obj) == "EMPTY":
        name: Any = VIEWS[value][0]
        planes.set_views(obj, name)


class TexloomView(bpy.types.PropertyGroup):
    """One picture of a turnaround set, as the operator's panel shows it; ``was`` is its view before an edit."""

    view: EnumProperty(
        name="View", description="The side that this picture shows", items=TURNAROUND_VIEWS, default="AUTO"
    )  # type: ignore[valid-type]
    was: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]


class TexloomReferences(bpy.types.PropertyGroup):
    """How new references look, and the selected ones as one thing."""

    new_kind: EnumProperty(name="Kind", description="What shows the picture", items=KINDS, default="PLANE")  # type: ignore[valid-type]
    new_opacity: FloatProperty(name="Opacity", description=OPACITY, min=0.0, max=1.0, default=1.0, subtype="FACTOR")  # type: ignore[valid-type]
    new_in_front: BoolProperty(name="In front", description=IN_FRONT)  # type: ignore[valid-type]
    new_both_sides: BoolProperty(name="Both sides", description=BOTH_SIDES, default=True)  # type: ignore[valid-type]
    new_in_renders: BoolProperty(name="In renders", description=IN_RENDERS, default=True)  # type: ignore[valid-type]
    new_views: EnumProperty(name="Shown in", description=SHOWN_IN, items=VIEWS, default="ALL")  # type: ignore[valid-type]
    new_locked: BoolProperty(
        name="Locked", description="It can be neither selected nor moved until it is unlocked in the list"
    )  # type: ignore[valid-type]

    image: StringProperty(name="Image", description="Image of this file to show")  # type: ignore[valid-type]
    collection: StringProperty(name="Collection", description="The collection that the list shows")  # type: ignore[valid-type]
    row_name: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    row: IntProperty(options={"HIDDEN"}, get=_get_row, set=_set_row)  # type: ignore[valid-type]

    height: FloatProperty(
        name="Height", description="Real height; the width follows", min=0.0001, soft_max=100.0, precision=3,
        subtype="DISTANCE", unit="LENGTH", options=set(),
        get=_reading(_get_height, 0.0), set=_writing(_set_height),
    )  # type: ignore[valid-type]  # fmt: skip
    opacity: FloatProperty(
        name="Opacity", description=OPACITY, min=0.0, max=1.0, subtype="FACTOR", options=set(),
        get=_reading(planes.get_opacity, 1.0), set=_writing(planes.set_opacity),
    )  # type: ignore[valid-type]  # fmt: skip
    in_front: BoolProperty(
        name="In front", description=IN_FRONT, options=set(),
        get=_reading(_get_in_front, False), set=_writing(planes.set_in_front),
    )  # type: ignore[valid-type]  # fmt: skip
    both_sides: BoolProperty(
        name="Both sides", description=BOTH_SIDES, options=set(),
        get=_reading(planes.get_both_sides, True), set=_writing(planes.set_both_sides),
    )  # type: ignore[valid-type]  # fmt: skip
    in_renders: BoolProperty(
        name="In renders", description=IN_RENDERS, options=set(),
        get=_reading(_get_in_renders, True), set=_writing(_set_in_renders),
    )  # type: ignore[valid-type]  # fmt: skip
    views: EnumProperty(
        name="Shown in", description=SHOWN_IN, items=VIEWS, options=set(),
        get=_reading(_get_views, 0),
        set=_writing(_set_views),
    )  # type: ignore[valid-type]  # fmt: skip

    def new_look(self) -> Look:
        """How a new result's reference looks."""
        return Look(
            kind=self.new_kind,
            opacity=self.new_opacity,
            in_front=self.new_in_front,
            both_sides=self.new_both_sides,
            in_renders=self.new_in_renders,
            views=self.new_views,
            locked=self.new_locked,
        )


def register() -> None:
    """Give every scene the settings, and every object a slider for the list."""
    for item in (TexloomView, TexloomReferences):
        bpy.utils.register_class(item)
    scene_type: Any = bpy.types.Scene
    scene_type.texloom_references = PointerProperty(type=TexloomReferences)  # type: ignore[func-returns-value]
    object_type: Any = bpy.types.Object
    # Not to be animated itself: what lies below, the object's color, is.
    object_type.texloom_opacity = FloatProperty(  # type: ignore[func-returns-value]
        name="Opacity", description=OPACITY, min=0.0, max=1.0, subtype="FACTOR", options=set(),
        get=planes.get_opacity, set=planes.set_opacity,
    )  # fmt: skip


def unregister() -> None:
    """Take them back."""
    object_type: Any = bpy.types.Object
    del object_type.texloom_opacity
    scene_type: Any = bpy.types.Scene
    del scene_type.texloom_references
    for item in (TexloomReferences, TexloomView):
        bpy.utils.unregister_class(item)

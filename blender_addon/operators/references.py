# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that add references: from images, as a turnaround set, as a camera background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    StringProperty,
)
from mathutils import Matrix

from .. import preferences, properties
from .. import references as settings
from ..core.texloom.errors import RequestError, TexloomError
from ..scene import backgrounds, build, images, materials, planes, references, turnaround
from ..scene.objects import metres_per_unit
from ..scene.result import ResultImages
from ..scene.transaction import all_or_nothing
from ..translations import iface
from . import reference_controls
from .common import failed

_HIDDEN = {"HIDDEN", "SKIP_SAVE"}
_HEIGHT_M = 1.8


class _Pictures:
    """Where pictures come from: an image of the file, a result on disk, or files, for which a browser opens."""

    image: StringProperty(name="Image", description="Image of this file to show", options=_HIDDEN)  # type: ignore[valid-type]
    folder: StringProperty(subtype="DIR_PATH", options=_HIDDEN)  # type: ignore[valid-type]
    index: IntProperty(min=0, options=_HIDDEN)  # type: ignore[valid-type]
    filepath: StringProperty(subtype="FILE_PATH", options=_HIDDEN)  # type: ignore[valid-type]
    directory: StringProperty(subtype="DIR_PATH", options=_HIDDEN)  # type: ignore[valid-type]
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options=_HIDDEN)  # type: ignore[valid-type]
    filter_image: BoolProperty(default=True, options=_HIDDEN)  # type: ignore[valid-type]
    filter_folder: BoolProperty(default=True, options=_HIDDEN)  # type: ignore[valid-type]

    def given(self) -> bool:
        """Whether it is known what to show."""
        return bool(self.image or self.folder or self.filepath or any(item.name for item in self.files))

    def invoke(self, context: Any, event: Any) -> set[Any]:
        if self.given():
            operator: Any = self
            return set(operator.execute(context))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def pictures(self) -> list[bpy.types.Image]:
        """The images, loaded where they are not yet.

        Raises:
            TexloomError: none is chosen, one is gone or no picture.
        """
        if self.image:
            image = bpy.data.images.get(self.image)
            if image is None:
                raise RequestError(iface("There is no image {name} in this file.").format(name=self.image))
            return [image]
        if self.folder:
            result = ResultImages.from_manifest(Path(bpy.path.abspath(self.folder)), self.index)
            key = build.plane_map(result)
            store: Any = preferences.get().store
            name = materials.image_name(result, key)
            return [images.load_map(result.maps[key], name, result.color_spaces[key], store=store)]
        names = [item.name for item in self.files if item.name]
        paths = [Path(self.directory) / name for name in names] if names else [Path(self.filepath)]
        if not names and not self.filepath:
            raise RequestError(iface("There is no image to show."), advice=iface("Choose at least one."))
        return references.open_pictures(paths)


class _Looks:
    """How references look."""

    height: FloatProperty(
        name="Height", description="Real height; the width follows", min=0.0001, soft_max=100.0, default=1.8,
        subtype="DISTANCE", unit="LENGTH",
    )  # type: ignore[valid-type]  # fmt: skip
    kind: EnumProperty(name="Kind", description="What shows the picture", items=settings.KINDS)  # type: ignore[valid-type]
    opacity: FloatProperty(
        name="Opacity", description=settings.OPACITY, min=0.0, max=1.0, default=1.0, subtype="FACTOR"
    )  # type: ignore[valid-type]
    in_front: BoolProperty(name="In front", description=settings.IN_FRONT)  # type: ignore[valid-type]
    both_sides: BoolProperty(name="Both sides", description=settings.BOTH_SIDES, default=True)  # type: ignore[valid-type]
    in_renders: BoolProperty(name="In renders", description=settings.IN_RENDERS, default=True)  # type: ignore[valid-type]
    views: EnumProperty(name="Shown in", description=settings.SHOWN_IN, items=settings.VIEWS)  # type: ignore[valid-type]
    locked: BoolProperty(
        name="Locked", description="It can be neither selected nor moved until it is unlocked in the list"
    )  # type: ignore[valid-type]

    def look(self, **changes: Any) -> planes.Look:
        """The properties as one thing."""
        names = ("kind", "opacity", "in_front", "both_sides", "in_renders", "views", "locked")
        return planes.Look(**{name: getattr(self, name) for name in names} | changes)

    def height_m(self, scene: Any) -> float:
        """Metres; the property holds Blender units."""
        operator: Any = self
        if not operator.properties.is_property_set("height"):
            self.height = _HEIGHT_M / metres_per_unit(scene)
        return float(self.height) * metres_per_unit(scene)

    def draw_look(self, layout: Any) -> None:
        """The options that count for the kind."""
        layout.prop(self, "kind")
        layout.prop(self, "opacity")
        column = layout.column(heading="Show")
        column.prop(self, "in_front")
        column.prop(self, "both_sides")
        if self.kind == "PLANE":
            column.prop(self, "in_renders")
        else:
            layout.prop(self, "views")
        layout.prop(self, "locked")


class TEXLOOM_OT_reference_from_images(_Pictures, _Looks, bpy.types.Operator):
    """Show images on upright planes at the 3D cursor, to model after"""

    bl_idname = "texloom.reference_from_images"
    bl_label = "References from Images"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    facing: EnumProperty(
        name="Facing", description="Where the fronts of the references look", items=properties.FACINGS, default="VIEW"
    )  # type: ignore[valid-type]
    gap: FloatProperty(
        name="Gap",
        description="Distance between several, as a share of their height",
        min=0.0,
        soft_max=2.0,
        default=0.1,
    )  # type: ignore[valid-type]
    location: FloatVectorProperty(
        name="Location", description="Middle of their ground; the 3D cursor unless given", subtype="XYZ", unit="LENGTH",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]  # fmt: skip
    view: FloatVectorProperty(size=16, options=_HIDDEN)  # type: ignore[valid-type]

    def draw(self, context: Any) -> None:
        layout = _split(self.layout)
        layout.prop(self, "height")
        layout.prop(self, "facing")
        layout.prop(self, "location")
        layout.prop(self, "gap")
        self.draw_look(layout)

    def execute(self, context: Any) -> set[Any]:
        scene = context.scene
        if not self.properties.is_property_set("location"):
            self.location = scene.cursor.location
        if not self.properties.is_property_set("view"):
            # Kept, so that adjusting the operation after the view was turned leaves them where they are.
            self.view = [value for row in _rows(_view(context)) for value in row]
            self.facing = "-Y" if self.facing == "VIEW" and _view(context) is None else self.facing
        try:
            with all_or_nothing():
                made = references.from_images(
                    self.pictures(),
                    height_m=self.height_m(scene),
                    facing=self.facing,
                    view_matrix=Matrix([self.view[row : row + 4] for row in range(0, 16, 4)]),
                    location=self.location,
                    gap=self.gap,
                    look=self.look(),
                    scene=scene,
                    metres_per_unit=metres_per_unit(scene),
                )
        except TexloomError as error:
            return failed(self, error)
        _show(context, made)
        return {"FINISHED"}


class TEXLOOM_OT_turnaround(_Pictures, _Looks, bpy.types.Operator):
    """Stand several views of one thing around the origin, each on its axis, as a set to model in the middle of"""

    bl_idname = "texloom.turnaround"
    bl_label = "Turnaround Set"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    from_selection: BoolProperty(
        name="From selection", description="Take the pictures of the selected references, and the set their place",
        options=_HIDDEN,
    )  # type: ignore[valid-type]  # fmt: skip
    parts: IntProperty(
        name="Split into",
        description="How many views one picture holds side by side, in equal parts, from left to right",
        min=1,
        max=turnaround.MOST,
        default=1,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    by_words: BoolProperty(
        name="By names", description="Tell the views by words in the names, as front, side or 背面; else by order",
        default=True,
    )  # type: ignore[valid-type]  # fmt: skip
    margin: FloatProperty(
        name="Distance", description="From the box around the thing to the pictures, as a share of their height",
        min=0.0, soft_max=2.0, default=0.25,
    )  # type: ignore[valid-type]  # fmt: skip
    location: FloatVectorProperty(
        name="Location", description="Middle of the ground", subtype="XYZ", unit="LENGTH", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    sides: CollectionProperty(type=settings.TexloomView, options=_HIDDEN)  # type: ignore[valid-type]
    told: StringProperty(options=_HIDDEN)  # type: ignore[valid-type]
    # As modelled: seen through from behind, and in the viewports' own way, if it can be.
    kind: EnumProperty(name="Kind", description="What shows the picture", items=settings.KINDS, default="EMPTY")  # type: ignore[valid-type]
    both_sides: BoolProperty(name="Both sides", description=settings.BOTH_SIDES)  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        return self.execute(context) if self.from_selection else super().invoke(context, event)

    def draw(self, context: Any) -> None:
        layout = _split(self.layout)
        layout.prop(self, "height")
        layout.prop(self, "parts")
        layout.prop(self, "by_words")
        for item in self.sides:
            layout.prop(item, "view", text=item.name, translate=False)
        layout.prop(self, "margin")
        layout.prop(self, "location")
        self.draw_look(layout)

    def execute(self, context: Any) -> set[Any]:
        scene = context.scene
        try:
            with all_or_nothing():
                old = self._selected(context) if self.from_selection else []
                shown = [image for _, image in old] if self.from_selection else self.pictures()
                look = self.look()
                if self.parts > 1 and look.kind == "EMPTY":
                    look = self.look(kind="PLANE")
                    self.report({"INFO"}, iface("Planes were made, as image empties cannot show a part of a picture."))
                group = turnaround.add_turnaround(
                    shown,
                    self._views(shown),
                    parts=self.parts,
                    height_m=self.height_m(scene),
                    margin=self.margin,
                    location=self.location,
                    look=look,
                    scene=scene,
                    metres_per_unit=metres_per_unit(scene),
                )
                references.remove([obj for obj, _ in old])
        except TexloomError as error:
            return failed(self, error)
        _show(context, [child for child in group.children if references.is_reference(child)])
        return {"FINISHED"}

    def _selected(self, context: Any) -> list[tuple[bpy.types.Object, bpy.types.Image]]:
        """The selected references and their pictures; those that show none stay what they are.

        Raises:
            RequestError: one shows a part of its picture; the set would show the whole.
        """
        found = []
        for obj in settings.targets(context):
            image = planes.picture(obj)
            if image is None:
                text = iface("{name} shows no picture and stays as it is.").format(name=obj.name)
                self.report({"WARNING"}, text)
                continue
            if planes.part_shown(obj) != (0.0, 1.0):
                raise RequestError(
                    iface("{name} shows a part of its picture only.").format(name=obj.name),
                    advice=iface("Make the set of the picture itself, split into as many views as it holds."),
                )
            found.append((obj, image))
        return found

    def _views(self, shown: list[bpy.types.Image]) -> list[str]:
        """A view for each picture, as chosen in the operator's panel or told by its name; noted there."""
        names = [references.title(image) for image in shown]
        if self.parts > 1:
            found = turnaround.views_of_sheet(self.parts, names[0] if self.by_words else "")
            names = [f"{names[0]} {number + 1}" for number in range(self.parts)]
        elif self.by_words:
            found = turnaround.views_by_words(names)
        else:
            found = turnaround.views_by_order(len(names))
        told = " ".join(found)
        # What is chosen counts until the pictures, or what tells their views, become others.
        if len(self.sides) == len(found) and self.told in ("", told):
            found = _chosen(found, [(item.view, item.was) for item in self.sides])
        self.told = told
        self.sides.clear()
        for name, view in zip(names, found, strict=True):
            item = self.sides.add()
            item.name, item.view, item.was = name, view, view
        return found


class TEXLOOM_OT_camera_background(_Pictures, bpy.types.Operator):
    """Show an image behind, or before, what the camera sees; without a camera, from here"""

    bl_idname = "texloom.camera_background"
    bl_label = "Camera Background"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    camera: StringProperty(
        name="Camera", description="By default the active object, or else the scene's camera", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    new_camera: BoolProperty(
        name="New camera", description="Add a camera that stands where the view is", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    opacity: FloatProperty(
        name="Opacity", description="How opaque the image is", min=0.0, max=1.0, default=0.5, subtype="FACTOR"
    )  # type: ignore[valid-type]
    depth: EnumProperty(
        name="Depth",
        description="Whether the image lies behind the scene or before it",
        items=(
            ("BACK", "Back", "Behind everything in the scene"),
            ("FRONT", "In front", "Before everything in the scene"),
        ),
    )  # type: ignore[valid-type]
    fit: EnumProperty(
        name="Fit",
        description="How the image fills the camera's frame",
        items=(
            ("FIT", "Whole picture", "As large as it can be without being cut"),
            ("CROP", "Fill the frame", "As large as needed to fill the frame; what is beyond is cut"),
            ("STRETCH", "Stretch", "As wide and high as the frame"),
        ),
    )  # type: ignore[valid-type]
    hide_others: BoolProperty(
        name="Hide others", description="Switch the camera's other background images off; none is removed", default=True
    )  # type: ignore[valid-type]
    match_render: BoolProperty(
        name="Render in its aspect", description="Change the height of renders so that the picture fills the frame"
    )  # type: ignore[valid-type]

    def draw(self, context: Any) -> None:
        layout = _split(self.layout)
        layout.prop(self, "opacity")
        layout.row().prop(self, "depth", expand=True)
        layout.prop(self, "fit")
        layout.prop(self, "hide_others")
        layout.prop(self, "match_render")
        layout.prop_search(self, "camera", context.scene, "objects", icon="CAMERA_DATA")
        layout.prop(self, "new_camera")

    def execute(self, context: Any) -> set[Any]:
        scene = context.scene
        try:
            with all_or_nothing():
                camera = backgrounds.camera_background(
                    self.pictures()[0],
                    None if self.new_camera else self._camera(context),
                    opacity=self.opacity,
                    depth=self.depth,
                    fit=self.fit,
                    hide_others=self.hide_others,
                    match_render=self.match_render,
                    view_matrix=_view(context),
                    scene=scene,
                    metres_per_unit=metres_per_unit(scene),
                )
        except TexloomError as error:
            return failed(self, error)
        self.report({"INFO"}, iface("The image is in the background of {name}.").format(name=camera.name))
        return {"FINISHED"}

    def _camera(self, context: Any) -> bpy.types.Object | None:
        if self.camera:
            named = context.scene.objects.get(self.camera)
            if named is None:
                raise RequestError(iface("There is no object {name} in this scene.").format(name=self.camera))
            return named
        active = context.view_layer.objects.active
        if active is not None and active.type == "CAMERA" and active.select_get():
            return active
        return context.scene.camera


def _chosen(told: list[str], chosen: list[tuple[str, str]]) -> list[str]:
    """The views as chosen; who chooses one that another picture has swaps with it, and AUTO takes what is left."""
    given = {view for view, _ in chosen if view != "AUTO"}
    views: list[str] = []
    for number, (view, _) in enumerate(chosen):
        if view == "AUTO":
            view = told[number]
            if view in given or view in views:
                view = next(item for item in turnaround.VIEWS if item not in given and item not in views)
        views.append(view)
    for number, (_, was) in enumerate(chosen):
        for other in range(len(views)):
            if was and other != number and views[other] == views[number] != was:
                views[other] = was
    return views


def _split(layout: Any) -> Any:
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def _rows(matrix: Matrix | None) -> Any:
    return matrix if matrix is not None else Matrix.Identity(4)


def _view(context: Any) -> Matrix | None:
    region = getattr(context.space_data, "region_3d", None) if context.space_data else None
    return region.view_matrix.copy() if region is not None else None


def _show(context: Any, made: list[bpy.types.Object]) -> None:
    """Select what was made, as Blender does with new objects; what is locked is shown by the list."""
    if made:
        context.scene.texloom_references.row_name = made[0].name
    for number, obj in enumerate(made):
        settings.select(context, obj, extend=number > 0)


CLASSES = (
    TEXLOOM_OT_reference_from_images,
    TEXLOOM_OT_turnaround,
    TEXLOOM_OT_camera_background,
    *reference_controls.CLASSES,
)

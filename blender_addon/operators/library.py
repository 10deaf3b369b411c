# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the library of results."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from .. import api, bridge, library_view, properties, restore, target
from ..core.texloom import library_entry
from ..core.texloom.errors import StorageError, TexloomError
from ..core.texloom.storage import read_manifest
from ..scene import assets, kept
from ..scene.asset_facts import AUTHOR
from ..scene.result import ResultImages
from ..translations import iface
from .common import failed, refused, show_folder


class _OnResult:
    """An operator on one result; an empty ``folder`` is the one chosen in the panel."""

    folder: StringProperty(
        name="Folder",
        description="Name of the result's folder in the library; empty for the one chosen in the panel",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]


class _OnVariation(_OnResult):
    """An operator on one variation of a result."""

    index: IntProperty(name="Variation", description="Which variation, from 0", min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]


class TEXLOOM_OT_library_select(_OnVariation, bpy.types.Operator):
    """Show this result"""

    bl_idname = "texloom.library_select"
    bl_label = "Choose Result"
    # A search would not say which one; the library has a search of its own.
    bl_options = {"INTERNAL"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def description(cls, context: Any, values: Any) -> str:
        index = library_view.watcher().index
        card = index.get(values.folder) if index is not None else None
        if card is None:
            return iface("Show this result")
        return "\n".join(part for part in (card.title, card.error, ", ".join(card.notes.tags)) if part)

    def execute(self, context: Any) -> set[Any]:
        state = library_view.of(context)
        state.selected, state.variation = self.folder, self.index
        library_view.redraw()
        return {"FINISHED"}


class TEXLOOM_OT_library_close(bpy.types.Operator):
    """Show no result any more"""

    bl_idname = "texloom.library_close"
    bl_label = "Close Result"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not library_view.of(context).selected:
            cls.poll_message_set(iface("Choose a result in the library first."))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        library_view.of(context).selected = ""
        return {"FINISHED"}


class TEXLOOM_OT_library_page(bpy.types.Operator):
    """Turn the page"""

    bl_idname = "texloom.library_page"
    bl_label = "Turn Page"
    # Which page comes next depends on how many pictures the panel has room for.
    bl_options = {"INTERNAL"}  # noqa: RUF012

    first: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        library_view.of(context).first = self.first
        return {"FINISHED"}


class TEXLOOM_OT_library_show_all(bpy.types.Operator):
    """Take the search and all filters away"""

    bl_idname = "texloom.library_show_all"
    bl_label = "Show All Results"

    def execute(self, context: Any) -> set[Any]:
        state = library_view.of(context)
        for name in ("search", "favourites", "kind"):
            state.property_unset(name)
        state.first = 0
        return {"FINISHED"}


class TEXLOOM_OT_library_refresh(bpy.types.Operator):
    """Look at every result on disk again"""

    bl_idname = "texloom.library_refresh"
    bl_label = "Refresh Library"

    def execute(self, context: Any) -> set[Any]:
        if not bpy.app.background:
            library_view.watcher().look_again()
            return {"FINISHED"}
        try:
            library_view.scanned()
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_library_favourite(_OnResult, bpy.types.Operator):
    """Mark this result as a favourite, or take the mark away; it is kept beside the result's files"""

    bl_idname = "texloom.library_favourite"
    bl_label = "Favourite"

    favourite: BoolProperty(name="Favourite", description="Mark it, or take the mark away", default=True)  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            library_entry.change_notes(card.folder, favourite=self.favourite)
        except TexloomError as error:
            return failed(self, error)
        library_view.watcher().touched(card.folder)
        return {"FINISHED"}


class TEXLOOM_OT_library_tags(_OnResult, bpy.types.Operator):
    """Give this result tags of your own to find it by"""

    bl_idname = "texloom.library_tags"
    bl_label = "Edit Tags"

    tags: StringProperty(name="Tags", description="Separated by commas", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        try:
            self.tags = ", ".join(library_view.card_of(context, self.folder).notes.tags)
        except TexloomError as error:
            return failed(self, error)
        return set(context.window_manager.invoke_props_dialog(self, width=360))

    def draw(self, context: Any) -> None:
        layout: Any = self.layout
        layout.prop(self, "tags")

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            library_entry.change_notes(card.folder, tags=self.tags.split(","))
        except TexloomError as error:
            return failed(self, error)
        except ValueError as error:
            return refused(self, str(error))
        library_view.watcher().touched(card.folder)
        return {"FINISHED"}


class TEXLOOM_OT_library_settings(_OnVariation, bpy.types.Operator):
    """Put everything that made this result into the panel: prompt, seed, size, model and the rest"""

    bl_idname = "texloom.library_settings"
    bl_label = "Use Settings"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            request = read_manifest(card.folder)["request"]
        except TexloomError as error:
            return failed(self, error)
        for sentence in restore.restore(properties.of(context), request, self.index, folder=card.folder):
            self.report({"WARNING"}, sentence)
        return {"FINISHED"}


class TEXLOOM_OT_library_apply(_OnVariation, bpy.types.Operator):
    """Put this result into the scene as the panel's output says: on the selection, as images, as a plane"""

    bl_idname = "texloom.library_apply"
    bl_label = "Apply"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            placement = properties.of(context).placement(context)
            built = target.apply(ResultImages.from_manifest(card.folder, self.index), placement)
        except TexloomError as error:
            return failed(self, error)
        for message in built.messages:
            self.report({"WARNING"}, message)
        return {"FINISHED"}


class TEXLOOM_OT_library_open(_OnResult, bpy.types.Operator):
    """Show the files of this result in the file manager"""

    bl_idname = "texloom.library_open"
    bl_label = "Open Folder"

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
        except TexloomError as error:
            return failed(self, error)
        gone = iface("{folder} is no longer in the library.").format(folder=card.folder)
        return show_folder(self, card.folder, gone)


class TEXLOOM_OT_library_delete(_OnResult, bpy.types.Operator):
    """Delete the files of this result for good"""

    bl_idname = "texloom.library_delete"
    bl_label = "Delete"

    everything: BoolProperty(
        name="Other files too",
        description="Also delete files in its folder that Texloom did not make",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        try:
            self._card = library_view.card_of(context, self.folder)
            self._others = library_entry.foreign_files(self._card.folder)
        except TexloomError as error:
            return failed(self, error)
        return set(context.window_manager.invoke_props_dialog(self, width=420, confirm_text=iface("Delete")))

    def draw(self, context: Any) -> None:
        layout: Any = self.layout
        column = layout.column()
        column.label(text=self._card.title, icon="TRASH", translate=False)
        column.label(text="It is deleted from the disk and cannot be brought back.")
        if count := len(assets.images_from(self._card.folder)):
            column.label(text=iface("{count} images of this file are packed into it first.").format(count=count))
        if self._others:
            names = ", ".join(self._others[:4])
            column.label(text=iface("Also there: {names}").format(names=names), translate=False)
            column.prop(self, "everything")

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            library = bridge.get().library()
            library_entry.check_deletable(library, card.folder, everything=self.everything)
            # Images that are read from there would be gone from the scene as well.
            packed = assets.pack_images_from(card.folder)
            kept.keep(card.folder.rglob("*"))
            library_entry.delete_result(library, card.folder, everything=self.everything)
        except TexloomError as error:
            return failed(self, error)
        if packed:
            names = ", ".join(packed)
            self.report({"INFO"}, iface("Packed into this file first: {names}.").format(names=names))
        library_view.watcher().touched(card.folder)
        return {"FINISHED"}


_TARGETS = (
    ("FILE", "This File", "Mark the material in this .blend file", "BLENDER", 0),
    (
        "LIBRARY",
        "Asset Library",
        "A .blend file of its own in an asset library; this file stays as it is",
        "ASSET_MANAGER",
        1,
    ),
)


class TEXLOOM_OT_save_asset(_OnVariation, bpy.types.Operator):
    """Make a material asset with preview, tags, description and catalogue"""

    bl_idname = "texloom.save_asset"
    bl_label = "Save as Asset"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    material: StringProperty(
        name="Material",
        description="Name of a material in this file, instead of a result in the library",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    target: EnumProperty(name="Save To", description="Where the asset goes", items=_TARGETS, default="LIBRARY")  # type: ignore[valid-type]
    library: StringProperty(
        name="Library", description="Asset library of the preferences, or Texloom's own", default=assets.FOLDER
    )  # type: ignore[valid-type]
    show: BoolProperty(
        name="Show in the Asset Browser", description="Add Texloom's own asset library to the preferences"
    )  # type: ignore[valid-type]
    author: StringProperty(name="Author", description="Who made it", default=AUTHOR)  # type: ignore[valid-type]
    tags: StringProperty(name="Tags", description="Further tags, separated by commas", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    replace: BoolProperty(
        name="Replace", description="Overwrite the asset when the library has it already", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        return set(context.window_manager.invoke_props_dialog(self, width=360, confirm_text=iface("Save")))

    def draw(self, context: Any) -> None:
        layout: Any = self.layout
        layout.row().prop(self, "target", expand=True)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        if self.target == "LIBRARY":
            paths = context.preferences.filepaths
            if self.library == assets.FOLDER and self.library not in paths.asset_libraries:
                # Texloom's own, made by saving: a search would show it in red, as a mistake.
                column.prop(self, "library", icon="ASSET_MANAGER")
            else:
                column.prop_search(self, "library", paths, "asset_libraries", icon="ASSET_MANAGER")
            if self.library in ("", assets.FOLDER) and not assets.is_registered(assets.own_library()):
                column.prop(self, "show")
            column.prop(self, "replace")
        elif not bpy.data.filepath:
            column.label(text="Save the file first to have a catalogue.", icon="INFO")
        column.prop(self, "author")
        column.prop(self, "tags")

    def execute(self, context: Any) -> set[Any]:
        try:
            saved = api.save_asset(
                self._source(context),
                self.index,
                library=None if self.target == "FILE" else self.library,
                tags=self.tags.split(","),
                author=self.author,
                replace=self.replace,
            )
            if self.show and self.target == "LIBRARY" and self.library in ("", assets.FOLDER):
                assets.register_library(assets.own_library())
        except TexloomError as error:
            return failed(self, error)
        if not bpy.app.background:
            # Inside of an operator Blender does not heed it.
            bpy.app.timers.register(_refresh_asset_browsers, first_interval=0.1)
        for message in saved.messages:
            self.report({"WARNING"}, message)
        self.report({"INFO"}, iface("Saved as an asset: {name}").format(name=saved.name))
        return {"FINISHED"}

    def _source(self, context: Any) -> Any:
        if not self.material:
            return library_view.card_of(context, self.folder).folder
        material = bpy.data.materials.get(self.material)
        if material is None:
            raise StorageError(iface("There is no material {name} in this file.").format(name=self.material))
        return material


def _refresh_asset_browsers() -> None:
    """Have open asset browsers read their libraries again."""
    manager: Any = bpy.context.window_manager
    refresh: Any = bpy.ops.asset.library_refresh
    for window in manager.windows:
        for area in window.screen.areas:
            if area.type != "FILE_BROWSER" or area.ui_type != "ASSETS":
                continue
            # One that was never drawn reads them then; refreshing it before makes Blender 4.3 crash.
            if area.spaces.active.params is not None:
                override: Any = bpy.context.temp_override(window=window, area=area)
                with override:
                    if refresh.poll():
                        refresh()


class TEXLOOM_OT_add_asset_library(bpy.types.Operator):
    """Show Texloom's own asset library in the Asset Browser, through the preferences"""

    bl_idname = "texloom.add_asset_library"
    bl_label = "Add Asset Library"

    def execute(self, context: Any) -> set[Any]:
        try:
            if not assets.register_library(assets.own_library()):
                self.report({"INFO"}, iface("It is there already."))
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


CLASSES: tuple[Any, ...] = (
    TEXLOOM_OT_library_select,
    TEXLOOM_OT_library_close,
    TEXLOOM_OT_library_page,
    TEXLOOM_OT_library_show_all,
    TEXLOOM_OT_library_refresh,
    TEXLOOM_OT_library_favourite,
    TEXLOOM_OT_library_tags,
    TEXLOOM_OT_library_settings,
    TEXLOOM_OT_library_apply,
    TEXLOOM_OT_library_open,
    TEXLOOM_OT_library_delete,
    TEXLOOM_OT_save_asset,
    TEXLOOM_OT_add_asset_library,
)

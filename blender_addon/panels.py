# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel, one layout in the sidebars of the 3D viewport, the image editor and the shader editor."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

from . import bridge, preferences, properties, setup_job
from .core.texloom.backends.base import BackendState
from .core.texloom.errors import ErrorCode, StorageError
from .core.texloom.jobs import JobState, JobView
from .core.texloom.storage import read_manifest
from .translations import iface

_THUMBNAIL = 6.0
_previews: Any = None
_thumbnails: dict[str, list[str]] = {}


class _Main:
    """Prompt, output, Generate."""

    bl_label = "Texloom"

    def draw(self, context: Any) -> None:
        layout: Any = self.layout  # type: ignore[attr-defined]  # of bpy.types.Panel, see _classes
        settings = properties.of(context)
        if not _engine_known():
            preferences.draw_engine(layout.box(), preferences.get_registered())
        column = layout.column()
        column.prop(settings, "prompt", text="", placeholder="weathered red brick wall")
        column.prop(settings, "output", text="")
        if settings.output == "PLANE":
            row = column.row(align=True)
            row.prop(settings, "plane_height")
            row.prop(settings, "plane_facing", text="")
        elif settings.output == "MATERIAL":
            _say_targets(column, context)
        seed = column.row(align=True)
        value = seed.row(align=True)
        value.active = not settings.new_seed
        value.prop(settings, "seed")
        seed.operator("texloom.roll_seed", text="", icon="FILE_REFRESH")
        seed.prop(settings, "new_seed", text="", icon="MOD_NOISE")
        row = column.row(align=True)
        row.prop(settings, "size", text="")
        row.prop(settings, "count")
        if settings.size == "CUSTOM":
            row = column.row(align=True)
            row.prop(settings, "width")
            row.prop(settings, "height")
        go = layout.column()
        go.scale_y = 1.5
        go.operator("texloom.generate", icon="SHADERFX")
        if bridge.get().status.state is BackendState.STARTING:
            layout.label(text="Starting the engine…", icon="SORTTIME")


class _Jobs:
    """Running jobs and results."""

    bl_label = "Results"

    def draw(self, context: Any) -> None:
        layout: Any = self.layout  # type: ignore[attr-defined]  # of bpy.types.Panel, see _classes
        entries = list(bridge.get().entries.values())
        width = max(24, int(context.region.width / 7.5 / context.preferences.system.ui_scale))
        if not entries:
            layout.label(text="What you make appears here.")
        for entry in reversed(entries):
            box = layout.box()
            if entry.running:
                draw_running(box, entry)
            else:
                draw_ended(box, entry, width)
        row = layout.row()
        row.operator("texloom.open_folder", text="Open Library", icon="FILE_FOLDER")


class _Options:
    """What is seldom changed."""

    bl_label = "Options"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout: Any = self.layout  # type: ignore[attr-defined]  # of bpy.types.Panel, see _classes
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = properties.of(context)
        layout.prop(settings, "model")
        if settings.model == "FOLDER":
            layout.prop(settings, "model_folder")
            layout.prop(settings, "negative_prompt")
            layout.prop(settings, "steps")
            layout.prop(settings, "guidance_scale")
        if settings.output != "PLANE":
            layout.prop(settings, "tiling")
            layout.prop(settings, "own_width")
            if settings.own_width:
                layout.prop(settings, "real_world_width")
        if settings.output == "MATERIAL":
            layout.column().prop(settings, "maps")
        options = preferences.get_registered()
        if options is not None:
            layout.prop(options, "store")
            if settings.output == "MATERIAL":
                layout.prop(options, "displacement")
                layout.prop(options, "slot")


def draw_running(layout: bpy.types.UILayout, entry: bridge.Entry) -> None:
    """A job that goes on: bar, step, time left, preview, Cancel."""
    view = entry.view
    row = layout.row()
    row.label(text=view.request.prompt, icon="TIME", translate=False)
    row.operator("texloom.cancel", text="", icon="X").job = entry.id
    layout.progress(factor=view.loading or 0.0 if view.state is JobState.LOADING else view.fraction, text=_stage(view))
    if view.preview is not None and (icon := _icon(view.preview.path, f"{entry.id}-{view.preview.step}")):
        layout.template_icon(icon_value=icon, scale=_THUMBNAIL)


def draw_ended(layout: Any, entry: bridge.Entry, width: int) -> None:
    """A job that has ended: its variations to pick from, what was said about it."""
    view = entry.view
    row = layout.row()
    icon = {JobState.COMPLETED: "CHECKMARK", JobState.CANCELLED: "CANCEL"}.get(view.state, "ERROR")
    row.label(text=view.request.prompt, icon="ERROR" if entry.problem else icon, translate=False)
    row.operator("texloom.reuse", text="", icon="LOOP_BACK").job = entry.id
    if view.state is JobState.COMPLETED:
        row.operator("texloom.open_folder", text="", icon="FILE_FOLDER").job = entry.id
    row.operator("texloom.dismiss", text="", icon="X").job = entry.id
    if view.state is JobState.CANCELLED:
        row = layout.row()
        row.label(text="Cancelled.")
        row.operator("texloom.retry", icon="FILE_REFRESH").job = entry.id
    if entry.problem:
        _paragraph(layout, entry.problem, width, "BLANK1")
        _paragraph(layout, entry.advice, width, "INFO")
        _draw_remedies(layout, entry)
    if view.state is JobState.COMPLETED:
        _variations(layout, entry)
    for notice in entry.notices:
        _paragraph(layout, notice, width, "INFO")


def _draw_remedies(layout: Any, entry: bridge.Entry) -> None:
    """The buttons that mend what went wrong."""
    code = entry.view.error.code if entry.view.error is not None else None
    row = layout.row(align=True)
    if code in (ErrorCode.ENGINE_MISSING, ErrorCode.ENGINE_BROKEN):
        row.operator("texloom.setup_engine", icon="IMPORT")
    if code is ErrorCode.OUT_OF_MEMORY:
        action = row.operator("texloom.retry", text="Retry at Half Size", icon="FULLSCREEN_EXIT")
        action.job, action.smaller = entry.id, True
    elif code is not ErrorCode.INVALID_REQUEST and entry.view.state is JobState.FAILED:
        row.operator("texloom.retry", icon="FILE_REFRESH").job = entry.id
    if code in (ErrorCode.ENGINE_BROKEN, ErrorCode.WORKER_DIED, ErrorCode.INTERNAL):
        row.operator("texloom.open_log", icon="TEXT")


def _variations(layout: bpy.types.UILayout, entry: bridge.Entry) -> None:
    files = _thumbnail_files(entry.view)
    if len(files) == 1:
        if icon := _icon(files[0], files[0]):
            layout.template_icon(icon_value=icon, scale=_THUMBNAIL)
        if entry.built is None:
            layout.operator("texloom.apply", text="Use").job = entry.id
        return
    grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
    for index, path in enumerate(files):
        cell = grid.column(align=True)
        if icon := _icon(path, path):
            cell.template_icon(icon_value=icon, scale=_THUMBNAIL * 0.8)
        used = entry.built is not None and entry.index == index
        action = cell.operator("texloom.apply", text="In use" if used else "Use", depress=used)
        action.job, action.index = entry.id, index


def _say_targets(layout: Any, context: Any) -> None:
    count = len(context.selected_objects)
    if not count:
        layout.label(text="Nothing selected: the material waits in the file", icon="INFO")
    elif count > 1:
        layout.label(text=iface("On {count} selected objects").format(count=count), icon="OBJECT_DATA")
    else:
        name = context.selected_objects[0].name
        layout.label(text=iface("On {name}").format(name=name), icon="OBJECT_DATA", translate=False)


def _stage(view: JobView) -> str:
    if view.state is JobState.SUBMITTED:
        return iface("Starting the engine")
    if view.state is JobState.QUEUED:
        if not view.position:
            return iface("Waiting")
        return iface("Waiting, {count} before it").format(count=view.position)
    parts = [iface(view.stage or "Working")]
    if view.steps > 1:
        parts.append(iface("step {step} of {steps}").format(step=view.step, steps=view.steps))
    if view.seconds_left is not None and view.seconds_left >= 1:
        parts.append(iface("{seconds} s left").format(seconds=round(view.seconds_left)))
    return ", ".join(parts)


def _paragraph(layout: Any, text: str, width: int, icon: str) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(textwrap.wrap(text, width)[:12]):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def _thumbnail_files(view: JobView) -> list[str]:
    # Read once a job: panels are drawn on every move of the mouse.
    if view.id not in _thumbnails:
        try:
            results = read_manifest(Path(view.folder))["results"]
        except StorageError:
            results = []
        files = []
        for item in results:
            maps = item["maps"]
            name = next((key for key in ("base_color", "image") if key in maps), next(iter(maps)))
            files.append(str(Path(view.folder) / maps[name]["file"]))
        _thumbnails[view.id] = files
    return _thumbnails[view.id]


def _icon(path: str, name: str) -> int:
    if _previews is None or not Path(path).is_file():
        return 0
    if name not in _previews:
        # Only noted here; Blender reads the file when the icon is drawn.
        _previews.load(name, path, "IMAGE")
    return int(_previews[name].icon_id)


def _engine_known() -> bool:
    options = preferences.get()
    if setup_job.state().running:
        return False
    try:
        python = setup_job.engine_python(options.engine_python)
    except StorageError:
        return True  # Generate tells what is wrong with the settings
    return bridge.get().has_own_backend or (python is not None and python.is_file())


class _InShaderEditor:
    """Node editors of other kinds have no use for it."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(context.space_data.tree_type == "ShaderNodeTree")


# Name in the class names, Blender's space type, what else a panel there needs.
_PLACES: tuple[tuple[str, str, tuple[type, ...]], ...] = (
    ("", "VIEW_3D", ()),
    ("image_", "IMAGE_EDITOR", ()),
    ("shader_", "NODE_EDITOR", (_InShaderEditor,)),
)


def _classes() -> tuple[Any, ...]:
    """One panel class for each part in each place, parents first."""
    found = []
    for prefix, space, needs in _PLACES:
        parent = f"TEXLOOM_PT_{prefix}main"
        for part, base in (("main", _Main), ("jobs", _Jobs), ("options", _Options)):
            name = f"TEXLOOM_PT_{prefix}{part}"
            facts = {"bl_space_type": space, "bl_region_type": "UI", "bl_category": "Texloom", "__doc__": base.__doc__}
            if name != parent:
                facts["bl_parent_id"] = parent
            found.append(type(name, (*needs, base, bpy.types.Panel), facts))
    return tuple(found)


CLASSES = _classes()


def register() -> None:
    """Make them known to Blender."""
    global _previews
    _previews = bpy.utils.previews.new()
    for item in CLASSES:
        bpy.utils.register_class(item)


def unregister() -> None:
    """Take them back."""
    global _previews
    for item in reversed(CLASSES):
        bpy.utils.unregister_class(item)
    bpy.utils.previews.remove(_previews)
    _previews = None
    _thumbnails.clear()

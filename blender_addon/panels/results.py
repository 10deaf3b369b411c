# SPDX-License-Identifier: GPL-3.0-or-later
"""Running jobs and results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..core.texloom.errors import ErrorCode, StorageError
from ..core.texloom.jobs import JobState, JobView
from ..core.texloom.storage import read_manifest
from ..translations import iface
from .common import THUMBNAIL, Part, icon, paragraph, text_width

_thumbnails: dict[str, list[str]] = {}


class Results(Part):
    """Running jobs and results."""

    key = "results"
    bl_label = "Results"

    def draw(self, context: Any) -> None:
        layout = self.layout
        entries = list(bridge.get().entries.values())
        width = text_width(context)
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


def draw_running(layout: bpy.types.UILayout, entry: bridge.Entry) -> None:
    """A job that goes on: bar, step, time left, preview, Cancel."""
    view = entry.view
    row = layout.row()
    row.label(text=view.request.prompt, icon="TIME", translate=False)
    row.operator("texloom.cancel", text="", icon="X").job = entry.id
    layout.progress(factor=view.loading or 0.0 if view.state is JobState.LOADING else view.fraction, text=_stage(view))
    if view.preview is not None and (picture := icon(view.preview.path, f"{entry.id}-{view.preview.step}")):
        layout.template_icon(icon_value=picture, scale=THUMBNAIL)


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
        paragraph(layout, entry.problem, width, "BLANK1")
        paragraph(layout, entry.advice, width, "INFO")
        _draw_remedies(layout, entry)
    if view.state is JobState.COMPLETED:
        _variations(layout, entry)
    for notice in entry.notices:
        paragraph(layout, notice, width, "INFO")


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
        if picture := icon(files[0], files[0]):
            layout.template_icon(icon_value=picture, scale=THUMBNAIL)
        if entry.built is None:
            layout.operator("texloom.apply", text="Use").job = entry.id
        return
    grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
    for index, path in enumerate(files):
        cell = grid.column(align=True)
        if picture := icon(path, path):
            cell.template_icon(icon_value=picture, scale=THUMBNAIL * 0.8)
        used = entry.built is not None and entry.index == index
        action = cell.operator("texloom.apply", text="In use" if used else "Use", depress=used)
        action.job, action.index = entry.id, index


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


def _thumbnail_files(view: JobView) -> list[str]:
    # Read once a job: panels are drawn on every move of the mouse.
    if view.id not in _thumbnails:
        try:
            results = read_manifest(Path(view.folder))["results"]
        except StorageError:
            results = []
        files = []
        for item in results:
            if isinstance(item.get("thumbnail"), str):
                files.append(str(Path(view.folder) / Path(item["thumbnail"]).name))
                continue
            maps = item["maps"]  # of a version that made no thumbnails
            name = next((key for key in ("base_color", "image") if key in maps), next(iter(maps)))
            files.append(str(Path(view.folder) / maps[name]["file"]))
        _thumbnails[view.id] = files
    return _thumbnails[view.id]


def forget_pictures() -> None:
    """Forget which files the results have."""
    _thumbnails.clear()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The models: to choose, to download, to delete."""

from __future__ import annotations

from typing import Any, Final

import bpy

from .. import model_job, models_view, preferences, properties, shelf
from ..core.texloom.errors import ErrorCode
from ..shelf import Item, Shelf
from ..translations import iface
from . import map_models
from .common import Part, paragraph, text_width
from .model_facts import draw_facts, draw_terms, gigabytes, short_note

_ROWS: Final = 8
_SECONDS: Final = 60


class Models(Part):
    """The models."""

    key = "models"
    bl_label = "Models"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        view = models_view.of(context)
        settings = properties.of(context)
        found = shelf.watcher().see(settings.own_model)
        width = text_width(context)
        draw_job(layout, width)
        row = layout.row(align=True)
        row.prop(view, "search", text="", icon="VIEWZOOM")
        row.prop(view, "here", text="", icon="DISK_DRIVE")
        row.operator("texloom.models_refresh", text="", icon="FILE_REFRESH")
        if shelf.watcher().error:
            paragraph(layout, shelf.watcher().error, width, "ERROR")
        if found is None:
            if not shelf.watcher().error:
                layout.label(text="Looking for models…", icon="SORTTIME")
            return
        _draw_list(layout, view, settings, found)
        item = found.find(view.selected) if view.selected else None
        if item is not None:
            draw_model(layout.box(), item, settings, found, width)
        options = preferences.get_registered()
        if options is not None:
            map_models.draw(layout.box(), options)


def draw_job(layout: Any, width: int) -> None:
    """How far a download is, or what came of the last one; nothing when there was none."""
    state = model_job.state()
    if state.running:
        box = layout.box()
        box.label(text=state.name, icon="IMPORT", translate=False)
        progress = state.progress
        row = box.row(align=True)
        row.progress(factor=progress.fraction if progress is not None else 0.0, text=job_text(state))
        if progress is not None:
            row.operator("texloom.model_pause", text="", icon="PLAY" if state.paused else "PAUSE")
        row.operator("texloom.model_cancel", text="", icon="X")
        return
    if not state.error:
        return
    box = layout.box()
    row = box.row()
    row.label(text=state.name, icon="ERROR", translate=False)
    row.operator("texloom.model_dismiss", text="", icon="X", emboss=False)
    paragraph(box, state.error, width, "BLANK1")
    if state.advice:
        paragraph(box, state.advice, width, "INFO")
    if state.code is ErrorCode.OFFLINE and not bpy.app.online_access:
        box.operator("texloom.allow_online", icon="INTERNET")
    elif state.code in (ErrorCode.DOWNLOAD, ErrorCode.OFFLINE):
        again = box.operator("texloom.model_download", text="Try Again", icon="FILE_REFRESH")
        again.model = state.key
        if state.configuration:
            again.configuration = True


def job_text(state: model_job.ModelState) -> str:
    """What is done now, in the language of the interface."""
    progress = state.progress
    if progress is None:
        return iface(state.stage)
    said = [iface("{done} of {total}").format(done=gigabytes(progress.done), total=gigabytes(progress.total))]
    left = progress.seconds_left
    if state.paused:
        said.append(iface("paused"))
    elif progress.comparing is not None:
        said.append(iface("comparing {percent} %").format(percent=round(progress.comparing * 100)))
    elif progress.waiting:
        said.append(iface("waiting for the connection"))
    elif left is not None and left >= _SECONDS:
        said.append(iface("{minutes} min left").format(minutes=round(left / _SECONDS)))
    elif left is not None and left >= 1:
        said.append(iface("{seconds} s left").format(seconds=round(left)))
    return ", ".join(said)


def _draw_list(layout: Any, view: Any, settings: Any, found: Shelf) -> None:
    items = shelf.find(found.items, view.search, here=view.here)
    column = layout.column(align=True)
    if not view.search and not view.here:
        for key, name in shelf.BUILT_IN.items():
            _draw_built_in(column, key, name, settings)
    first = min(view.first, max(0, len(items) - 1)) // _ROWS * _ROWS
    for item in items[first : first + _ROWS]:
        _draw_row(column, item, view, settings)
    if not items:
        layout.label(text="Nothing matches.", icon="INFO")
    if len(items) > _ROWS:
        row = layout.row(align=True)
        for to, icon in ((first - _ROWS, "TRIA_LEFT"), (first + _ROWS, "TRIA_RIGHT")):
            button = row.row(align=True)
            button.enabled = 0 <= to < len(items)
            button.operator("texloom.models_page", text="", icon=icon).first = max(0, to)
        text = iface("{first}–{last} of {count}")
        last = min(first + _ROWS, len(items))
        row.label(text=text.format(first=first + 1, last=last, count=len(items)), translate=False)


def _draw_built_in(column: Any, key: str, name: str, settings: Any) -> None:
    row = column.row(align=True)
    row.operator("texloom.model_use", text="", icon=_mark(settings.model == key), emboss=False).model = key
    row.operator("texloom.model_use", text=iface(name), translate=False).model = key
    size = row.row()
    size.ui_units_x = 3.4
    size.label(text="built in")


def _draw_row(column: Any, item: Item, view: Any, settings: Any) -> None:
    row = column.row(align=True)
    used = settings.model_id == item.key
    row.operator("texloom.model_use", text="", icon=_mark(used), emboss=False).model = item.key
    name = row.operator("texloom.model_select", text=item.name, depress=view.selected == item.key, translate=False)
    name.model = item.key
    size = row.row()
    size.ui_units_x = 3.4
    size.active = item.here
    size.label(text=short_note(item), translate=False)


def _mark(used: bool) -> str:
    return "RADIOBUT_ON" if used else "RADIOBUT_OFF"


def draw_model(layout: Any, item: Item, settings: Any, found: Shelf | None, width: int) -> None:
    """All about one model, and what can be done with it."""
    draw_facts(layout, item, found, width)
    if not item.here:
        draw_terms(layout, item, width)
    row = layout.row(align=True)
    if settings.model_id == item.key:
        row.label(text="In use", icon="CHECKMARK")
    else:
        row.operator("texloom.model_use", text="Use", icon="CHECKMARK").model = item.key
    if item.hub:
        page: Any = row.operator("wm.url_open", text="", icon="URL")
        page.url = f"https://huggingface.co/{item.hub}"
    if item.path is not None:
        folder = item.path if item.path.suffix not in (".safetensors", ".gguf") else item.path.parent
        row.operator("wm.path_open", text="", icon="FILE_FOLDER").filepath = str(folder)
    if item.own or item.unfinished:
        row.operator("texloom.model_delete", text="", icon="TRASH").model = item.key
    if item.previews:
        layout.operator("texloom.model_download", text="Sharper Previews (10 MB)…", icon="IMPORT").model = item.previews
    draw_download(layout, item)


def draw_download(layout: Any, item: Item) -> None:
    """The button that downloads a model that is not here, or the one that allows that; also of its base model."""
    wanted = item
    if item.here and item.row is not None and item.row.base:
        found = shelf.watcher().shelf
        base = found.find(item.row.base) if found is not None else None
        if base is None or base.here:
            return
        said = iface("It also needs {name}.").format(name=base.name)
        layout.label(text=said, icon="INFO", translate=False)
        wanted = base
    elif item.here or not item.hub:
        return
    if not bpy.app.online_access:
        layout.label(text="A download needs online access.", icon="INTERNET_OFFLINE")
        layout.operator("texloom.allow_online", icon="INTERNET")
        return
    go = layout.row()
    go.scale_y = 1.3
    text = "Go On with the Download…" if wanted.unfinished else "Download…"
    go.operator("texloom.model_download", text=text, icon="IMPORT").model = wanted.key


PARTS: tuple[type[Part], ...] = (Models,)

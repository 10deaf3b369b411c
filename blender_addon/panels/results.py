# SPDX-License-Identifier: GPL-3.0-or-later
"""Running jobs in their order, and results with their variations."""

from __future__ import annotations

from typing import Any

from .. import bridge
from ..core.texloom.errors import ErrorCode
from ..core.texloom.jobs import JobState, JobView
from ..translations import iface, message
from . import job_pictures, remedies
from .common import Part, paragraph, text_width

_COLUMN = 84.0
"""The least width of a picture in a grid, in pixels of an interface that is not scaled."""


class Results(Part):
    """What is being made, and what was made."""

    key = "results"
    bl_label = "Results"

    def draw(self, context: Any) -> None:
        layout = self.layout
        queue = bridge.get().queue()
        ended = [entry for entry in bridge.get().entries.values() if not entry.running]
        if not queue and not ended:
            layout.label(text="What you make appears here.")
        for place, entry in enumerate(queue):
            draw_running(layout.box(), entry, context, last=place == len(queue) - 1)
        if len(queue) > 1:
            layout.operator("texloom.cancel_all", icon="X")
        width = text_width(context)
        # Those with a pinned variation stay on top.
        ended.reverse()
        for entry in sorted(ended, key=lambda entry: not entry.pinned):
            draw_ended(layout.box(), entry, context, width)
        layout.operator("texloom.open_folder", icon="FILE_FOLDER")


def grid_size(context: Any, count: int) -> tuple[int, float]:
    """Columns of a grid of ``count`` pictures in the sidebar, and the scale of each for ``template_icon``."""
    width = context.region.width / context.preferences.system.ui_scale - 70.0
    columns = max(1, min(count, int(width / _COLUMN)))
    # An icon of scale 1 is 20 pixels wide; one picture alone need not fill the sidebar.
    return columns, min(width / columns / 20.0, 9.0)


def draw_running(layout: Any, entry: bridge.Entry, context: Any, *, last: bool) -> None:
    """A job that goes on: bar, step, time left, its model in memory, previews; one that waits: its place, buttons."""
    view = entry.view
    row = layout.row()
    row.label(text=view.request.prompt, icon="TIME" if entry.waiting else "SHADERFX", translate=False)
    buttons = row.row(align=True)
    if entry.waiting:
        for offset, symbol, enabled in ((-1, "TRIA_UP", view.position > 0), (1, "TRIA_DOWN", not last)):
            button = buttons.row(align=True)
            button.enabled = enabled
            action = button.operator("texloom.move_job", text="", icon=symbol)
            action.job, action.offset = entry.id, offset
    buttons.operator("texloom.cancel", text="", icon="X").job = entry.id
    if entry.waiting:
        layout.label(text=stage(view), translate=False)
        return
    layout.progress(factor=progress(view), text=stage(view))
    if entry.plan:
        paragraph(layout, entry.plan, text_width(context), "MEMORY")
    shown = [(item, job_pictures.preview(entry, item)) for item in view.previews]
    if not any(picture for _, picture in shown):
        return
    columns, scale = grid_size(context, len(shown))
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=True)
    for _, picture in shown:
        if picture:
            grid.template_icon(icon_value=picture, scale=scale)


def draw_ended(layout: Any, entry: bridge.Entry, context: Any, width: int) -> None:
    """A job that has ended: its variations to pick from, how its model was kept, what was said about it."""
    view = entry.view
    row = layout.row()
    symbol = {JobState.COMPLETED: "CHECKMARK", JobState.CANCELLED: "CANCEL"}.get(view.state, "ERROR")
    row.label(text=view.request.prompt, icon="ERROR" if entry.problem else symbol, translate=False)
    buttons = row.row(align=True)
    buttons.operator("texloom.reuse", text="", icon="LOOP_BACK").job = entry.id
    if view.state is JobState.COMPLETED:
        buttons.operator("texloom.open_folder", text="", icon="FILE_FOLDER").job = entry.id
    buttons.operator("texloom.dismiss", text="", icon="X").job = entry.id
    if view.state is JobState.CANCELLED:
        row = layout.row()
        row.label(text="Cancelled.")
        row.operator("texloom.retry", icon="FILE_REFRESH").job = entry.id
    if entry.problem:
        paragraph(layout, entry.problem, width, "BLANK1")
        paragraph(layout, entry.advice, width, "INFO")
        _draw_remedies(layout, entry)
    if view.state is JobState.COMPLETED:
        _draw_variations(layout, entry, context)
        if entry.plan:
            paragraph(layout, entry.plan, width, "MEMORY")
    for notice in entry.notices:
        paragraph(layout, notice, width, "INFO")


def _draw_remedies(layout: Any, entry: bridge.Entry) -> None:
    """The buttons that mend what went wrong."""
    error, request = entry.view.error, entry.view.request

    def again(row: Any) -> None:
        # Half the size of what is upscaled is no upscaling.
        if error is not None and error.code == ErrorCode.OUT_OF_MEMORY and request.operation != "upscale":
            action = row.operator("texloom.retry", text="Retry at Half Size", icon="FULLSCREEN_EXIT")
            action.job, action.smaller = entry.id, True
        else:
            row.operator("texloom.retry", icon="FILE_REFRESH").job = entry.id

    failed = entry.view.state is JobState.FAILED
    remedies.draw(layout, error, again=again if failed else None)


def _draw_variations(layout: Any, entry: bridge.Entry, context: Any) -> None:
    pictures = entry.pictures
    if not pictures:
        layout.label(text="Its files are gone.", icon="ERROR")
        return
    columns, scale = grid_size(context, len(pictures))
    if len(pictures) == 1:
        number, path = pictures[0]
        if picture := job_pictures.variation(entry, number, path):
            layout.template_icon(icon_value=picture, scale=scale)
        _draw_choice(layout, entry, number, entry.used == number)
        return
    # Asked once a draw: each answer looks through what the scene holds.
    current, used = entry.index, entry.used
    numbers = [number for number, _ in pictures]
    row = layout.row(align=True)
    for back, symbol in ((True, "TRIA_LEFT"), (False, "TRIA_RIGHT")):
        if not back:
            middle = row.row()
            middle.alignment = "CENTER"
            place = numbers.index(current) + 1 if current in numbers else 0
            said = iface("{place} of {count}").format(place=place, count=len(numbers))
            middle.label(text=said, translate=False)
        action = row.operator("texloom.step_variation", text="", icon=symbol)
        action.job, action.back = entry.id, back
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=False)
    for number, path in pictures:
        cell = grid.column(align=True)
        if picture := job_pictures.variation(entry, number, path):
            cell.template_icon(icon_value=picture, scale=scale)
        _draw_choice(cell, entry, number, used == number)


def _draw_choice(layout: Any, entry: bridge.Entry, number: int, used: bool) -> None:
    """Use, pin and delete one variation; ``used`` says whether the scene shows it."""
    row = layout.row(align=True)
    action = row.operator(
        "texloom.apply", text="In use" if used else "Use", depress=used, icon="CHECKMARK" if used else "NONE"
    )
    action.job, action.index = entry.id, number
    pinned = number in entry.pinned
    action = row.operator("texloom.pin", text="", icon="PINNED" if pinned else "UNPINNED", depress=pinned)
    action.job, action.index = entry.id, number
    action = row.operator("texloom.delete_variation", text="", icon="TRASH")
    action.job, action.index = entry.id, number


def progress(view: JobView) -> float:
    """How far a job is, 0 to 1."""
    return view.loading or 0.0 if view.state is JobState.LOADING else view.fraction


def stage(view: JobView) -> str:
    """What a job does now, in the user's language."""
    if view.state is JobState.SUBMITTED:
        return iface(view.stage or "Starting the engine")
    if view.state is JobState.QUEUED:
        if not view.position:
            return iface("Waiting")
        return iface("Waiting, {count} before it").format(count=view.position)
    # What the engine does is one of a few words, or a sentence with values in it.
    parts = [message(iface(view.stage or "Working"))]
    if view.steps > 1:
        parts.append(iface("step {step} of {steps}").format(step=view.step, steps=view.steps))
    if view.seconds_left is not None and view.seconds_left >= 1:
        parts.append(iface("{seconds} s left").format(seconds=round(view.seconds_left)))
    return ", ".join(parts)

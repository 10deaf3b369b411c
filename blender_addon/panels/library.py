# SPDX-License-Identifier: GPL-3.0-or-later
"""All results on disk: search, pictures in pages, the chosen one with everything that can be done with it.

Blender draws a picture larger than an icon as a label only, which cannot be clicked; an operator's own picture stays
16 pixels small whatever its scale.  So a picture stands directly on its caption, which is the button.
"""

from __future__ import annotations

import os
from datetime import datetime
from functools import cache
from typing import Any, Final

import bpy

from .. import library_view
from ..core.texloom.library_index import Card
from ..translations import iface
from . import remedies
from .common import Part, paragraph, text_width, wrapped

# In pixels at a resolution scale of 1: what panel, scroll bar and tabs take, the smallest tile, one unit of a layout.
_MARGIN: Final = 50
_TILE: Final = 76
_UNIT: Final = 20
_MOST_COLUMNS: Final = 8
_LARGE: Final = 9.0
_KIND_ICONS: Final = {"material": "MATERIAL", "texture": "IMAGE_DATA", "reference": "IMAGE_REFERENCE"}


class Library(Part):
    """All results on disk."""

    key = "library"
    bl_label = "Library"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        state = library_view.of(context)
        watcher = library_view.watcher()
        index = watcher.see()
        _draw_filters(layout, state)
        if watcher.error:
            paragraph(layout, watcher.error, text_width(context), "ERROR")
            remedies.draw(layout, watcher.problem, again=_draw_again)
        elif watcher.busy and (index is None or not index.cards or watcher.looked[1] - watcher.looked[0] > 200):
            looked, total = watcher.looked
            layout.progress(factor=looked / total if total else 0.0, text=iface("Reading the library…"))
        found = watcher.found(state)
        if found:
            _draw_pages(layout, context, state, found)
        elif index is not None and not watcher.busy and not watcher.error:
            _draw_nothing(layout, filtered=bool(index.cards))
        card = index.get(state.selected) if index is not None and state.selected else None
        if card is not None:
            _draw_card(layout.box(), context, state, card)


def _draw_again(row: Any) -> None:
    row.operator("texloom.library_refresh", text="Retry", icon="FILE_REFRESH")


def _draw_filters(layout: Any, state: Any) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.prop(state, "search", text="", icon="VIEWZOOM", placeholder="brick, oak, 2026-01 …")
    row.prop(state, "favourites", text="", icon="SOLO_ON" if state.favourites else "SOLO_OFF")
    row.operator("texloom.library_refresh", text="", icon="FILE_REFRESH")
    row = column.row(align=True)
    row.prop(state, "kind", text="")
    row.prop(state, "sort", text="")


def _draw_nothing(layout: Any, *, filtered: bool) -> None:
    if filtered:
        row = layout.row()
        row.label(text="Nothing matches.", icon="INFO")
        row.operator("texloom.library_show_all", text="Show All")
    else:
        layout.label(text="What you make appears here.")


def _draw_pages(layout: Any, context: Any, state: Any, found: list[Card]) -> None:
    width = _content_width(context)
    columns = max(1, min(_MOST_COLUMNS, width // _TILE))
    size = columns * state.rows
    first = min(state.first, max(0, len(found) - 1)) // size * size
    page = found[first : first + size]
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=False)
    scale = max(2.0, (width / columns - 6) / _UNIT)
    for card in page:
        _draw_tile(grid.column(align=True), state, card, scale)
    for _ in range(columns - len(page)):
        grid.column().label(text="")  # a short page has pictures of the same size
    row = layout.row(align=True)
    back = row.row(align=True)
    back.enabled = first > 0
    back.operator("texloom.library_page", text="", icon="TRIA_LEFT").first = max(0, first - size)
    forth = row.row(align=True)
    forth.enabled = first + size < len(found)
    forth.operator("texloom.library_page", text="", icon="TRIA_RIGHT").first = first + size
    text = iface("{first}–{last} of {count}")
    row.label(text=text.format(first=first + 1, last=first + len(page), count=len(found)), translate=False)
    rows = row.row()
    rows.ui_units_x = 2.8
    rows.prop(state, "rows", text="")


def _draw_tile(layout: Any, state: Any, card: Card, scale: float) -> None:
    layout.template_icon(icon_value=_picture(card, 0), scale=scale)
    icon = "ERROR" if card.broken else "SOLO_ON" if card.notes.favourite else "NONE"
    button = layout.operator(
        "texloom.library_select", text=card.title, icon=icon, depress=state.selected == card.name, translate=False
    )
    button.folder, button.index = card.name, 0


def _draw_card(layout: Any, context: Any, state: Any, card: Card) -> None:
    row = layout.row(align=True)
    row.label(text=card.title, icon=_KIND_ICONS.get(card.kind, "ERROR"), translate=False)
    star = row.operator(
        "texloom.library_favourite", text="", icon="SOLO_ON" if card.notes.favourite else "SOLO_OFF", emboss=False
    )
    star.folder, star.favourite = card.name, not card.notes.favourite
    row.operator("texloom.library_close", text="", icon="X", emboss=False)
    width = text_width(context)
    if card.notes_error:
        paragraph(layout, card.notes_error, width, "INFO")
    if card.broken:
        # The folder is known; of the path its files' names are enough.
        paragraph(layout, card.error.replace(f"{card.folder}{os.sep}", ""), width, "ERROR")
        row = layout.row()
        row.operator("texloom.library_open", icon="FILE_FOLDER").folder = card.name
        row.operator("texloom.library_delete", icon="TRASH").folder = card.name
        return
    index = state.variation if card.shot(state.variation) is not None else card.shots[0].index
    layout.template_icon(icon_value=_picture(card, index), scale=min(_LARGE, (_content_width(context) - 20) / _UNIT))
    if len(card.shots) > 1:
        _draw_variations(layout, context, card, index)
    if len(card.prompt) > width // 2:
        column = layout.column(align=True)
        column.scale_y = 0.85
        for line in wrapped(card.prompt, width - 4)[:8]:
            column.label(text=line, translate=False)
    _draw_facts(layout, card, index)
    column = layout.column(align=True)
    column.scale_y = 1.3
    apply = column.operator("texloom.library_apply", icon="CHECKMARK")
    apply.folder, apply.index = card.name, index
    use = column.operator("texloom.library_settings", icon="LOOP_BACK")
    use.folder, use.index = card.name, index
    more = column.operator("texloom.library_variations", icon="MOD_ARRAY")
    more.folder, more.index = card.name, index
    larger = column.operator("texloom.library_upscale", text="Upscale", icon="FULLSCREEN_ENTER")
    larger.folder, larger.index = card.name, index
    row = layout.row(align=True)
    save = row.operator("texloom.save_asset", icon="ASSET_MANAGER")
    save.folder, save.index = card.name, index
    row.operator("texloom.library_tags", text="", icon="BOOKMARKS").folder = card.name
    row.operator("texloom.library_open", text="", icon="FILE_FOLDER").folder = card.name
    row.operator("texloom.library_delete", text="", icon="TRASH").folder = card.name


def _draw_variations(layout: Any, context: Any, card: Card, index: int) -> None:
    width = _content_width(context) - 20
    columns = max(2, min(len(card.shots), 4, width // 52))
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=False)
    scale = min(4.0, (width / columns - 6) / _UNIT)
    for shot in card.shots:
        cell = grid.column(align=True)
        cell.template_icon(icon_value=_picture(card, shot.index), scale=scale)
        pick = cell.operator(
            "texloom.library_select", text=str(shot.index + 1), depress=shot.index == index, translate=False
        )
        pick.folder, pick.index = card.name, shot.index


def _date(when: float) -> str:
    try:
        return datetime.fromtimestamp(when).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):  # a time that this system cannot tell
        return ""


def _draw_facts(layout: Any, card: Card, index: int) -> None:
    shot = card.shot(index)
    assert shot is not None
    facts = [
        (iface("Material"), iface(shot.title)),
        (iface("Date"), _date(card.time)),
        (iface("Size"), f"{card.width} × {card.height}"),
        (iface("Tile"), f"{shot.tile_width_m:.3g} m" if card.kind != "reference" and shot.tile_width_m else ""),
        (iface("Seed"), str(shot.seed)),
        (iface("Model"), card.model_name or card.model),
        (iface("Tags"), ", ".join(card.notes.tags)),
    ]
    column = layout.column(align=True)
    column.scale_y = 0.85
    for name, value in facts:
        if value:
            split = column.split(factor=0.32)
            title = split.row()
            title.active = False
            title.label(text=name, translate=False)
            split.label(text=value, translate=False)


def _picture(card: Card, index: int) -> int:
    return library_view.picture(card.picture(index)) or _builtin("ERROR" if card.broken else "FILE_IMAGE")


@cache
def _builtin(name: str) -> int:
    """The number of one of Blender's own icons."""
    layout: Any = bpy.types.UILayout
    icons = layout.bl_rna.functions["prop"].parameters["icon"].enum_items
    return int(icons[name].value)


def _content_width(context: Any) -> int:
    """Width of the panel's content in pixels at a resolution scale of 1."""
    return max(_TILE, int(context.region.width / context.preferences.system.ui_scale) - _MARGIN)


PARTS: tuple[type[Part], ...] = (Library,)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words became, as sliders, colors and menus beside the words that set them."""

from __future__ import annotations

from typing import Any

from .. import parameters, tune
from ..translations import iface
from . import remedies
from .common import Part, paragraph, text_width

_WORDS = 0.68
"""Share of the width that a slider gets; the words that set it have the rest."""


class Parameters(Part):
    """What the words became."""

    key = "parameters"
    bl_label = "Parameters"

    @classmethod
    def shown(cls, context: Any) -> bool:
        return parameters.of(tune.material_of(context)) is not None

    def draw(self, context: Any) -> None:
        layout = self.layout
        material = tune.material_of(context)
        recipe = parameters.of(material)
        if recipe is None:
            return
        row = layout.row(align=True)
        row.operator("texloom.tune_family", text=parameters.title(recipe), icon="MATERIAL", translate=False)
        _draw_words(row, recipe.family_words)
        row.prop(recipe, "family_locked", text="", icon=_lock(recipe.family_locked), emboss=False)
        own = [item for item in recipe.parameters if not item.attribute]
        lying = [item for item in recipe.parameters if item.attribute]
        for group, heading in ((own, ""), (lying, "Condition")):
            if heading and group:
                layout.label(text=heading)
            column = layout.column(align=True)
            for item in group:
                _draw_parameter(column, item)
        if problem := tune.get().problem(material):
            paragraph(layout, problem, text_width(context), "ERROR")
            remedies.draw(layout, tune.get().error(material), again=_draw_again)
        elif tune.get().drawing(material):
            layout.label(text="Drawing…", icon="SORTTIME")
        row = layout.row(align=True)
        row.operator("texloom.tune_seed", text="Other Irregularities", icon="FILE_REFRESH")
        row.operator("texloom.tune_reset", text="", icon="LOOP_BACK")
        row.operator("texloom.tune_keep", text="", icon="FILE_TICK")
        row.operator("texloom.save_asset", text="", icon="ASSET_MANAGER").material = material.name


def draw_locks(layout: Any, context: Any) -> None:
    """The values that the next result keeps, each with a button to let it go."""
    kept = context.scene.texloom_locks
    if not len(kept):
        return
    flow = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
    for item in kept:
        row = flow.row(align=True)
        action = row.operator("texloom.unlock", text=iface(item.label), icon="LOCKED", translate=False)
        action.name = item.name


def _draw_again(row: Any) -> None:
    row.operator("texloom.redraw", text="Retry", icon="FILE_REFRESH")


def _draw_parameter(layout: Any, item: Any) -> None:
    split = layout.split(factor=_WORDS, align=True)
    label = iface(item.label)
    if item.kind in ("color", "choice"):
        # With a label of its own, else the color would stand on a line below it.
        named = split.row(align=True)
        named.label(text=label, translate=False)
        named.prop(item, item.kind, text="")
    elif item.unit == "m":
        split.prop(item, "length", text=label, translate=False)
    else:
        split.prop(item, "amount", text=label, translate=False, slider=True)
    row = split.row(align=True)
    if item.source == "style image":
        _draw_said(row, iface("Style image"))
    else:
        _draw_words(row, item.words if item.source == "prompt" else "")
    row.prop(item, "locked", text="", icon=_lock(item.locked), emboss=False)


def _draw_words(layout: Any, words: str) -> None:
    _draw_said(layout, f"“{words}”" if words else "")


def _draw_said(layout: Any, text: str) -> None:
    row = layout.row(align=True)
    row.active = False
    row.label(text=text, translate=False)


def _lock(locked: bool) -> str:
    return "LOCKED" if locked else "UNLOCKED"


PARTS: tuple[type[Part], ...] = (Parameters,)

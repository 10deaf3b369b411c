# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a model, as lines of the panel and of the dialog before a download."""

from __future__ import annotations

from typing import Any, Final

from .. import model_jobs
from ..core.texloom.catalog_rows import CatalogRow, Terms
from ..shelf import Item, Shelf
from ..translations import iface
from .common import paragraph, wrapped

COMMERCIAL: Final = {
    "yes": "commercial use allowed",
    "limited": "commercial use with conditions",
    "no": "non-commercial only",
    "unknown": "commercial use unclear",
}
LANGUAGES: Final = {"en": "in English", "zh": "in Chinese", "ja": "in Japanese"}
ABILITIES: Final = {
    "image_to_image": "from a picture",
    "inpaint": "fill in parts",
    "edit": "change by words",
    "control": "after depth, normals or lines",
    "lora": "LoRA",
    "ip_adapter": "in the style of a picture",
}
_GATED: Final = "sign-in needed"
_CONFIGURATION: Final = "only the small files that a single-file checkpoint lacks"
_TITLE: Final = 0.3


def gigabytes(count: float) -> str:
    """A size as people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def short_note(item: Item) -> str:
    """What to know of a model at a glance, for the list: its size or that it is here, and what restricts it."""
    if item.here:
        return iface("here")
    if item.row is None:
        return ""
    return _size_of(item.row)


def short_terms(row: Terms) -> str:
    """Licence, and whether it allows commercial use, in a line."""
    words = [iface(COMMERCIAL[row.commercial])] + ([iface(_GATED)] if row.gated == "yes" else [])
    return f"{row.licence} ({', '.join(words)})"


def _size_of(row: CatalogRow) -> str:
    return gigabytes(row.download_bytes) if row.download_bytes else iface("size not known")


def facts(item: Item, shelf: Shelf | None, *, configuration: bool = False) -> list[tuple[str, str]]:
    """Names and values in the language of the interface; ``configuration`` for a download of that alone."""
    row = item.row
    where = str(item.path) if item.path is not None else ""
    place = (iface("Lies in"), where) if where else (iface("Goes to"), str(shelf.folder) if shelf is not None else "")
    if row is None:
        return [(iface("Hub"), item.hub), *_facts_of_hub(item, configuration=configuration), place]
    can = [iface("from words")] if row.text_to_image else []
    can += [iface(text) for name, text in ABILITIES.items() if name in row.abilities]
    size = iface("about {size}").format(size=_size_of(row)) if row.download_bytes else _size_of(row)
    if configuration:
        size = iface(_CONFIGURATION)
    elif item.unfinished:
        size += iface(", {size} are here").format(size=gigabytes(item.unfinished))
    memory = iface("{whole}; with main memory for that, a graphics card can do with {least}, more slowly").format(
        whole=gigabytes(row.memory_bytes("bfloat16")), least=gigabytes(row.least_bytes)
    )
    if not row.size:  # it draws nothing by itself
        memory = iface("about {size} beside the model").format(size=_size_of(row)) if row.download_bytes else ""
    return [
        (iface("Licence"), short_terms(row)),
        (iface("Download"), "" if item.here else size),
        (iface("Memory"), memory),
        (iface("Prompts"), ", ".join(iface(LANGUAGES.get(name, name)) for name in row.languages)),
        (iface("Draws"), ", ".join(can)),
        place,
    ]


def _facts_of_hub(item: Item, *, configuration: bool) -> list[tuple[str, str]]:
    """What the hub has said of a model that has no row; nothing where it was not asked."""
    told = model_jobs.answer(item, configuration_only=configuration)
    if told is None:
        return []
    licence = told.licence or iface("not known")
    size = gigabytes(told.bytes)
    if told.missing_bytes < told.bytes:
        size += iface(", {size} are here").format(size=gigabytes(told.bytes - told.missing_bytes))
    return [
        (iface("Licence"), f"{licence} ({iface(_GATED)})" if told.gated else licence),
        (iface("Download"), "" if item.here else size),
        (iface("Memory"), iface("{size} for its weights").format(size=gigabytes(told.weights)) if told.weights else ""),
    ]


def draw_facts(layout: Any, item: Item, shelf: Shelf | None, width: int, *, configuration: bool = False) -> None:
    """Name, a sentence, and the facts; ``width`` in letters, ``configuration`` as of :func:`facts`."""
    layout.label(text=item.name, icon="PACKAGE", translate=False)
    if item.row is not None and item.row.note:
        paragraph(layout, item.row.note, width, "BLANK1")
    column = layout.column(align=True)
    column.scale_y = 0.85
    room = max(12, int(width * (1.0 - _TITLE)))
    for name, value in facts(item, shelf, configuration=configuration):
        # Blender itself shortens a path, in its middle; no other value may lose words.
        lines = wrapped(value, room) if " " in value else [value] if value else []
        for number, line in enumerate(lines):
            split = column.split(factor=_TITLE)
            title = split.row()
            title.active = False
            title.label(text=name if number == 0 else "", translate=False)
            split.label(text=line, translate=False)
    if item.problem:
        paragraph(layout, item.problem, width, "ERROR")
    word = fit(item, shelf)
    if word:
        paragraph(layout, word, width, "INFO")


def draw_terms(layout: Any, item: Item, width: int, *, configuration: bool = False) -> bool:
    """What to know before a download; whether there is anything."""
    said = model_jobs.terms(item, configuration_only=configuration)
    for text in said:
        paragraph(layout, text, width, "ERROR")
    return bool(said)


def fit(item: Item, shelf: Shelf | None) -> str:
    """A word where the machine has less memory than the model wants; it can be chosen all the same."""
    if item.row is None or shelf is None or shelf.memory is None:
        return ""
    if item.row.weight_bytes("bfloat16") > shelf.memory:
        text = iface("Too large for this machine's main memory of {size}, unless a graphics card has more.")
        return text.format(size=gigabytes(shelf.memory))
    if item.row.memory_bytes("bfloat16") > shelf.memory:
        text = iface("Larger than this machine's main memory of {size}: slow at best, unless a graphics card has more.")
        return text.format(size=gigabytes(shelf.memory))
    return ""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Further names of materials, beyond the families' own nouns, and what a name says of the color.

``related.csv`` has usual phrases, ``names.csv`` many more: species, makes, places, things made of the material.
A row names its material by some of that material's usual nouns (``anchors``), so it finds the family whatever
that is called, and rows for materials that no family draws do no harm.  ``implied.csv`` has words that say a
color as part of a name: nobody who writes "walnut table" means a pale one.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..engine.color_names import BASIC
from ..engine.phrases import stem, words
from ..engine.procedural.color import Lab, hex_to_lab
from ..engine.procedural.family import Family
from ..engine.procedural.parameters import Choice, Number

USUAL = Path(__file__).with_name("related.csv")
MANY = Path(__file__).with_name("names.csv")
_IMPLIED = Path(__file__).with_name("implied.csv")


@cache
def stems(phrase: str) -> tuple[str, ...]:
    """Stems of the words of a phrase."""
    return tuple(stem(word) for word, _, _ in words(phrase))


def contains(phrase: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Whether ``part`` stands in ``phrase``, word for word."""
    return any(phrase[at : at + len(part)] == part for at in range(len(phrase) - len(part) + 1))


def _statements(family: Family) -> set[str]:
    """Stems of single words that would say something about a parameter of the family."""
    said = {stem(word) for word in BASIC}
    for item in family.all_parameters():
        phrases: list[str] = []
        if isinstance(item, Number):
            phrases = list(item.words)
        elif isinstance(item, Choice):
            phrases = [phrase for options in item.options.values() for phrase in options]
        said.update(stem(phrase) for phrase in phrases if " " not in phrase)
    return said


def phrases(families: Mapping[str, Family], path: Path) -> dict[str, tuple[str, ...]]:
    """For each family its phrases in the file ``path``: ``USUAL`` or ``MANY``.

    Left out are nouns of any family, and phrases with a word that says something about a parameter.
    """
    owners = {stems(noun): name for name, family in families.items() for noun in (*family.nouns, *family.rare_nouns)}
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        anchors = [stems(anchor) for anchor in row["anchors"].split("|")]
        name = next((owners[anchor] for anchor in anchors if anchor in owners), None)
        if name is None:
            continue
        said = _statements(families[name])
        for phrase in row["phrases"].split("|"):
            parts = stems(phrase)
            if parts in owners:
                continue
            if not said.intersection(parts):
                found.setdefault(name, []).append(phrase)
    return {name: tuple(dict.fromkeys(items)) for name, items in found.items()}


@cache
def _implied() -> dict[str, tuple[tuple[tuple[str, ...], Lab], ...]]:
    """For each family the word stems that say a color, the longest first."""
    found: dict[str, list[tuple[tuple[str, ...], Lab]]] = {}
    with _IMPLIED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in row["families"].split("|"):
                color = hex_to_lab(row["color"])
                found.setdefault(name, []).extend((stems(word), color) for word in row["words"].split("|"))
    return {name: tuple(sorted(items, key=lambda item: -len(item[0]))) for name, items in found.items()}


def implied_color(family: Family, noun: str) -> Lab | None:
    """The color that a name of the material says by itself, as "walnut table" does; None where it says none."""
    parts = stems(noun)
    if family.parameter("color") is None:
        return None
    return next((color for word, color in _implied().get(family.name, ()) if contains(parts, word)), None)

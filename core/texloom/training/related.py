# SPDX-License-Identifier: GPL-3.0-or-later
"""Further phrases for materials, beyond the families' own nouns: ``related.csv``.

A row names its material by some of that material's usual nouns (``anchors``), so it finds the family whatever
that is called, and rows for materials that no family draws do no harm.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from ..engine.phrases import stem, words
from ..engine.procedural.family import Family
from ..engine.procedural.parameters import Choice, Number
from .colors import BASIC

_FILE = Path(__file__).with_name("related.csv")


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


def phrases(families: Mapping[str, Family]) -> dict[str, tuple[str, ...]]:
    """For each family its related phrases.

    Left out are nouns of any family, and phrases with a word that says something about a parameter.
    """
    owners = {stems(noun): name for name, family in families.items() for noun in (*family.nouns, *family.rare_nouns)}
    found: dict[str, list[str]] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions of two materials at once, for the corpus: what :mod:`..engine.two_materials` reads, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..engine.procedural.blending import COVER, MATTER, MODES, PRINT, Second
from ..engine.procedural.family import families
from ..engine.procedural.parameters import Rng, Value
from ..engine.two_materials import FORMS, PATTERNS, find
from .captions import Grammar, _pick_noun, reserved_text

_TEXTS: Mapping[str, tuple[str, ...]] = {
    MATTER: ("{second} {first}", "{first} made of {second}", "{first} of {second}"),
    PRINT: ("{second} {first}", "{first} with {second}"),
    COVER: (
        "{first} with patches of {second}",
        "{first} with some {second}",
        "{first} partly covered with {second}",
        "{first} covered in {second}",
        "{second} on {first}",
        "{second} over {first}",
        "{first} and {second}",
    ),
}
_SHARES = (0.4, 0.15, 0.45)  # of MODES
_TRIES = 400


@dataclass(frozen=True, kw_only=True)
class Blend:
    """A caption of two materials, all parameters of the first, and the second."""

    text: str
    first: str
    values: Mapping[str, Value]
    second: Second


def blended(grammar: Grammar, rng: Rng, *, held_out: bool = False) -> Blend:
    """Two families in a random way; the caption is read as it is meant, and is kept for evaluation or not.

    Raises:
        ValueError: none could be written.
    """
    names = list(grammar.families)
    forms, patterns = sorted(FORMS & set(names)), sorted(PATTERNS & set(names))
    for _ in range(_TRIES * (16 if held_out else 1)):
        mode = str(rng.choice(MODES, p=_SHARES))
        if not (forms if mode == MATTER else patterns if mode == PRINT else names):
            continue
        first = str(rng.choice(forms if mode == MATTER else names))
        second = str(rng.choice(patterns if mode == PRINT else names))
        nouns = {
            "first": _pick_noun(rng, grammar.nouns[first], common=True),
            "second": _pick_noun(rng, grammar.nouns[second], common=True),
        }
        text = str(rng.choice(_TEXTS[mode])).format(**nouns)
        if reserved_text(text) != held_out:
            continue
        found = find(text)
        if found is None or (found.mode, found.first, found.second) != (mode, first, second):
            continue
        values, other = families()[first].sample(rng), families()[second].sample(rng)
        if mode != COVER:
            # As the instant model draws it: what something is made of has the main color of both.
            values["color"] = other["color"]
        kind = families()[second]
        return Blend(
            text=text,
            first=first,
            values=values,
            second=Second(mode=mode, family=kind, values=other, amount=found.amount),
        )
    raise ValueError("No caption of two materials could be written.")

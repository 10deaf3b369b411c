# SPDX-License-Identifier: GPL-3.0-or-later
"""Two materials of one prompt, read apart, and what the second one adds to a plan of the instant model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .color_rules import ColorRules
from .color_words import ColorPhrase, find_colors, tones
from .head import Head, Reading
from .phrases import words
from .procedural.blending import COVER, MATTER, PRINT, Blended, Second
from .procedural.family import Family, families
from .procedural.fitting import CHECKS, fit_checks
from .procedural.parameters import Rng, Value
from .text_encoder import TextEncoder
from .two_materials import TwoMaterials, find, find_nouns
from .vocabulary import Avoided
from .wording import Wording

COLOR = "color"
"""The parameter of the main color, which every family has."""

_SECOND_COLOR = "second_color"
_SAME = 0.08
"""Distance in OKLab up to which two colors are taken to be of one word."""


@dataclass(frozen=True)
class Pair:
    """Two materials, and what the prompt says of each.

    ``lent`` are colors that stand with the first and are the second's as well, by its parameters: "marble tiles in
    dark blue" are of dark blue marble.
    """

    said: TwoMaterials
    first: Reading
    second: Reading
    lent: Mapping[str, ColorPhrase] = field(default_factory=dict)

    @classmethod
    def read(
        cls, wording: Wording, head: Head, encoder: TextEncoder, *, avoided: Avoided, locked: object = None
    ) -> Pair | None:
        """What an English prompt says of two materials; None where it names no two.

        Args:
            wording: the prompt.
            head, encoder: as for any prompt.
            avoided: the second is none of these families.
            locked: the family that a request asks for, which must be the first then.
        """
        said = find(wording.text)
        if said is None or locked not in (None, said.first) or avoided.families & {said.first, said.second}:
            return None
        texts = _parted(said)
        first, second = (
            wording.corrected(reading, text)
            for reading, text in zip(head.read_all(encoder.encode(texts)), texts, strict=True)
        )
        lent = _lent(said, texts, wording) if COLOR in first.stated(said.first) else {}
        return cls(said, first, second, lent)

    @property
    def covers(self) -> bool:
        """Whether the second lies on the first and so has a color of its own."""
        return self.said.mode == COVER

    def other(self, avoided: Avoided, seed: int) -> dict[str, Value]:
        """Values of the second: what is said of it, and what is natural."""
        rng = np.random.default_rng((seed, 1))
        family = families()[self.said.second]
        stated = self._lent_values(family, seed) | self.second.given(family.name, rng)
        ground = self.first.given(self.said.first, rng).get(COLOR) if self.said.mode == PRINT else None
        if ground is not None:
            # "Black leather with golden dots": the ground is the leather's, and the print has the other color.
            own = stated.get(COLOR)
            if own is not None and _SECOND_COLOR not in stated and _apart(own, ground) > _SAME:
                stated[_SECOND_COLOR] = own
            stated[COLOR] = ground
        return family.sample(rng, {**avoided.given(family), **stated})

    def _lent_values(self, family: Family, seed: int) -> dict[str, Value]:
        rng = np.random.default_rng((seed, 2))
        return {name: _color(family, name, phrase, rng) for name, phrase in self.lent.items()}

    def color(self, other: Mapping[str, Value]) -> tuple[Value, str]:
        """The main color that both have, where the first is made of the second, and who decided it."""
        stated = COLOR in self.lent or COLOR in self.second.stated(self.said.second)
        stated |= self.said.mode == PRINT and COLOR in self.first.stated(self.said.first)
        return other[COLOR], "prompt" if stated else "seed"

    def fitted(
        self,
        family: Family,
        values: Mapping[str, Value],
        other: Mapping[str, Value],
        said: Collection[str],
        size: tuple[float, float],
    ) -> tuple[dict[str, Value], dict[str, Value]]:
        """What changes of the values of both, so that a print lies on the pieces as it should; see ``fit_checks``."""
        if self.said.mode != PRINT or self.said.second != CHECKS:
            return {}, {}
        return fit_checks(family, values, other, said, size)

    def drawn(
        self, family: Family, other: Mapping[str, Value], color: Value, width: int
    ) -> tuple[Family, dict[str, Any]]:
        """What draws both on a picture of that many pixels across, and facts of the second for the manifest.

        ``color`` is the main color of the first.
        """
        kind = families()[self.said.second]
        values = dict(other) if self.covers else {**other, COLOR: color}
        second = Second(mode=self.said.mode, family=kind, values=values, amount=self.said.amount, width=width)
        facts: dict[str, Any] = {
            "name": kind.name,
            "title": kind.title,
            "mode": self.said.mode,
            "parameters": kind.to_json(values),
        }
        if self.covers:
            facts["amount"] = self.said.amount
        return Blended(family, second), facts


def _parted(said: TwoMaterials) -> list[str]:
    """The texts of both, with the parts of the matter in its own: the veins of "marble tiles with gold veins"."""
    texts = [said.first_text, said.second_text]
    if said.mode == MATTER:
        own, other = families()[said.first], families()[said.second]
        for start, end in ColorRules(said.first_text).parts_of(other, but=own):
            moved = texts[0][start:end]
            texts = [texts[0][:start] + " " * len(moved) + texts[0][end:], texts[1][:start] + moved + texts[1][end:]]
    return texts


def _lent(said: TwoMaterials, texts: Sequence[str], wording: Wording) -> dict[str, ColorPhrase]:
    own, other = families()[said.first], families()[said.second]
    if said.mode == COVER or find_colors(said.second_text):
        return {}
    spoken = words(texts[0])
    nouns = [(spoken[noun.start][1], spoken[noun.stop - 1][2]) for noun in find_nouns(texts[0])]
    found = ColorRules(texts[0], wording.exact).whole(other, nouns, but=own)
    # A print takes the color of what it lies on for its ground, and that of one word is no more than this.
    return {} if said.mode == PRINT and len(found) < 2 else found


def _color(family: Family, name: str, phrase: ColorPhrase, rng: Rng) -> Value:
    if phrase.name is not None:
        return phrase.lab(family, name)
    among = tones(family, name, phrase.tone)
    return among[int(rng.integers(len(among)))]


def _apart(one: Value, other: Value) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))  # type: ignore[arg-type]

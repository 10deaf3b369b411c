# SPDX-License-Identifier: GPL-3.0-or-later
"""From the words of a Chinese clause to the word order of English captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .chinese_sense import Item, forms
from .phrases import after_noun, is_adjective
from .procedural.family import Family

SECOND: Final[Mapping[str, str]] = {
    "bark": "furrows", "bricks": "mortar", "ceramic_tiles": "grout", "checks": "squares", "cobblestone": "joints",
    "dots": "dots", "fabric": "threads", "granite": "specks", "grass": "soil", "knit": "stripes", "lava": "glow",
    "marble": "veins", "mosaic": "accents", "parquet": "joints", "paving": "joints", "plaid": "bands",
    "planks": "gaps", "sandstone": "layers", "sky": "clouds", "starry_sky": "nebula", "stone_wall": "mortar",
    "stripes": "background", "terrazzo": "chips", "wood": "grain",
}  # fmt: skip
"""What the second of two colors belongs to, as in 红白条纹, where the material has such a part."""

_JOINTS: Final = frozenset({"mortar", "grout", "joints", "gaps"})
_WIDE: Final = frozenset({"large", "huge", "wide", "thick"})
_AMOUNTS: Final[Mapping[str, str]] = {"many": "lots of", "a few": "a little"}
_NAMING: Final = frozenset({"material", "aside", "latin"})
_COLORED: Final = frozenset({"color", "ground"})
_DESCRIBED: Final = frozenset({"say", "stuff", "color", "tone", "size", "part"})


@dataclass
class Unit:
    """Words that stand together in the English text, each with its place in the source."""

    kind: str
    pieces: list[tuple[str, int, int]]


@dataclass
class Clause:
    """What stands between two commas: ``main`` in the order of the words, ``after`` the noun "with …"."""

    main: list[Unit] = field(default_factory=list)
    after: list[Unit] = field(default_factory=list)
    noun: bool = False


class Writer:
    """Goes through the items of a clause, from left to right, and remembers what waits for the next word."""

    def __init__(self, items: Sequence[Item], family: Family | None, avoided: list[str]) -> None:
        self.items = items
        self.family = family
        self.avoided = avoided
        self.made = Clause()
        self.degree: Item | None = None
        self.tone: Item | None = None
        self.quantity: Item | None = None
        self.have = self.cover = False
        self.without = ""
        self.part: Item | None = None

    def run(self) -> Clause:
        for index, item in enumerate(self.items):
            step = getattr(self, f"_{item.kind}", None)
            if step is not None:
                step(item, index)
            if item.kind in _DESCRIBED or item.kind in _NAMING:
                if item.kind != "tone":
                    self.degree = self.tone = None
                self.quantity = None
                self.have = self.cover = False
                # 没有裂缝和青苔: the "no" holds for both, but not for what follows 的.
                if self._next_kind(index, plain=True) != "and":
                    self.without = ""
        return self.made

    def _following(self, index: int) -> Iterator[Item]:
        return (item for item in self.items[index + 1 :] if item.kind != "skip")

    def _next_kind(self, index: int, *, plain: bool = False) -> str:
        rest = iter(self.items[index + 1 :]) if plain else self._following(index)
        return next((item.kind for item in rest), "")

    def _add(self, kind: str, item: Item, english: str, first: Item | None = None) -> None:
        start = first.start if first is not None else item.start
        if kind != "say" or all(unit.pieces[0][0] != english for unit in self.made.main):
            self.made.main.append(Unit(kind, [(english, start, item.end)]))

    # Words that wait for the next one.

    def _degree(self, item: Item, index: int) -> None:
        if self._next_kind(index) in _DESCRIBED | {"have", "cover"}:
            self.degree = item
        elif self.made.main and self.made.main[-1].kind == "say":
            # 磨损严重: the degree comes after.
            english, start, end = self.made.main[-1].pieces[0]
            if " " not in english and is_adjective(english):
                self.made.main[-1].pieces[0] = (f"{item.english} {english}", start, max(end, item.end))

    def _quantity(self, item: Item, index: int) -> None:
        self.quantity = item

    def _tone(self, item: Item, index: int) -> None:
        if self._next_kind(index) == "color":
            self.tone = item
        elif self.part is None and "stuff" not in [other.kind for other in self.items[max(index - 2, 0) : index]]:
            # 裂缝很深 is about the cracks.
            self._add("say", item, self._graded(item.english), self.degree)

    def _have(self, item: Item, index: int) -> None:
        self.have = True

    def _cover(self, item: Item, index: int) -> None:
        self.cover = True

    def _no(self, item: Item, index: int) -> None:
        self.without = "without"

    def _not(self, item: Item, index: int) -> None:
        self.without = item.english

    # Words that say something.

    def _graded(self, phrase: str) -> str:
        if self.degree is None or " " in phrase or not is_adjective(phrase):
            return phrase
        return f"{self.degree.english} {phrase}"

    def _material(self, item: Item, index: int) -> None:
        if self.without:
            self.avoided.append(item.english)
        else:
            self._noun(item)

    def _aside(self, item: Item, index: int) -> None:
        """A noun beside the one that the prompt is about."""
        if self.without:
            self.avoided.append(item.english)
        elif item.english == "grass" and self.part is not None:
            # Nothing but moss grows in joints here.
            start = min(self.part.start, item.start)
            self.made.after.append(Unit("with", [("with moss in the gaps", start, item.end)]))
            self.part = None
        elif self.have or self.cover:
            self.made.after.append(Unit("with", [(f"with {item.english}", item.start, item.end)]))
        else:
            self._noun(item)

    def _noun(self, item: Item) -> None:
        """Names that say the same are said once: 黄昏的天空 is no "sunset sky sky"."""
        self.made.noun = True
        for unit in self.made.main:
            if unit.kind == "noun" and (item.english in unit.pieces[0][0] or unit.pieces[0][0] in item.english):
                english, start, end = unit.pieces[0]
                longer = max(english, item.english, key=len)
                unit.pieces[0] = (longer, min(start, item.start), max(end, item.end))
                return
        self._add("noun", item, item.english)

    def _latin(self, item: Item, index: int) -> None:
        self.made.noun = True
        self._add("noun", item, item.english)

    def _plain(self, item: Item, index: int) -> None:
        self._add("plain", item, item.english)

    def _unit(self, item: Item, index: int) -> None:
        self._add("plain", item, item.english)

    def _say(self, item: Item, index: int) -> None:
        phrase = item.english
        if is_adjective(phrase):
            if self.without:
                denied = "not too" if self.degree is not None else "not" if self.without == "without" else self.without
                self.made.after.append(Unit("not", [(f"{denied} {phrase}", item.start, item.end)]))
            else:
                self._add("say", item, self._graded(phrase), self.degree)
            return
        phrase = after_noun(phrase)
        if self.without:
            phrase = f"without {phrase.removeprefix('with ')}"
        if all(unit.pieces[0][0] != phrase for unit in self.made.after):
            self.made.after.append(Unit("with", [(phrase, item.start, item.end)]))

    def _stuff(self, item: Item, index: int) -> None:
        adjective, noun, covered = forms(item.english)
        after = self.made.after
        if self.without:
            after.append(Unit("with", [(f"without {noun}", item.start, item.end)]))
            return
        phrase, first = adjective, self.degree
        if self.cover or next((other.kind for other in self._following(index)), "") == "cover":
            phrase, first = covered, None
        elif noun == "moss" and self.part is not None:
            phrase, first = "with moss in the gaps", self.part
            self.part = None
        elif self.quantity is not None and not adjective.startswith("with "):
            amount = self.quantity.english
            amount = amount if noun.endswith("s") else _AMOUNTS.get(amount, amount)
            phrase, first = f"with {amount} {noun}", self.quantity
        elif self.degree is not None:
            phrase = self._graded(adjective)
        elif self.have and noun.endswith("s") and not adjective.startswith("with "):
            phrase = f"with {noun}"
        start = first.start if first is not None else item.start
        pieces = [(phrase, min(start, item.start), item.end)]
        if is_adjective(phrase):
            self.made.main.append(Unit("say", pieces))
        else:
            after.append(Unit("with", pieces))

    def _size(self, item: Item, index: int) -> None:
        if self.part is not None:
            self._sized_part(self.part, item)
            return
        self._add("size", item, self._graded(item.english), self.degree)

    def _color(self, item: Item, index: int) -> None:
        english, first = item.english, self.tone
        if self.tone is not None:
            english = f"{self.tone.english} {english}"
            if self.degree is not None and self.tone.english in ("dark", "light"):
                english, first = f"{self.degree.english} {english}", self.degree
        if self.without:
            self.avoided.append(item.english)
            return
        start = first.start if first is not None else item.start
        unit = Unit("color", [(english, start, item.end)])
        if self.part is not None:
            self._colored_part(self.part, unit)
        else:
            self.made.main.append(unit)

    # Parts.

    def _part(self, item: Item, index: int) -> None:
        if self.without:
            # 无缝隙的木地板: what has no joints to see has narrow ones.
            if item.english in _JOINTS:
                self.made.after.append(Unit("with", [("with narrow joints", item.start, item.end)]))
            return
        noun_follows = any(other.kind in ("material", "latin") for other in self._following(index))
        taken: list[Unit] = []
        while self.made.main and self.made.main[-1].kind in ("color", "size"):
            taken.append(self.made.main.pop())
            if noun_follows:
                # 红色的宽缝砖墙: only the nearest word is about the joints.
                break
        for unit in reversed(taken):
            if unit.kind == "color":
                self._colored_part(item, unit)
            else:
                english, start, end = unit.pieces[0]
                self._sized_part(item, Item("size", english, start, end, ""))
        if not taken and not noun_follows:
            self.part = item

    def _colored_part(self, part: Item, color: Unit) -> None:
        english, start, end = color.pieces[0]
        if part.english == "background" and (self.family is None or self.family.name != "stripes"):
            # The ground is what the main color means there.
            self.made.main.insert(0, Unit("ground", [(english, start, max(end, part.end))]))
            return
        pieces = [(f"with {english}", start, end), (part.english, part.start, part.end)]
        self.made.after.append(Unit("with", pieces))

    def _sized_part(self, part: Item, size: Item) -> None:
        word = size.english.split()[-1]
        if part.english not in _JOINTS:
            self.made.main.append(Unit("size", [(size.english, size.start, size.end)]))
            return
        wide = "with wide" if word in _WIDE else "with narrow"
        self.made.after.append(Unit("with", [(wide, size.start, size.end), ("joints", part.start, part.end)]))


def gather_colors(clauses: Sequence[Clause], family: Family | None) -> None:
    """Put colors before the noun, wherever they were said, and those of a second part behind it."""
    named = [clause for clause in clauses if clause.noun]
    if not named:
        return
    home = named[0]
    for clause in clauses:
        if clause is not home and clause.noun:
            continue
        if clause is not home and any(unit.kind in _COLORED for unit in home.main):
            continue
        colors = [unit for unit in clause.main if unit.kind in _COLORED]
        clause.main = [unit for unit in clause.main if unit.kind not in _COLORED]
        at = next((index for index, unit in enumerate(home.main) if unit.kind == "noun"), len(home.main))
        home.main[at:at] = colors
    colors = [unit for unit in home.main if unit.kind in _COLORED]
    name = family.name if family is not None else ""
    ground = name == "dots" and len(colors) == 1
    if name not in SECOND or (len(colors) < 2 and not ground):
        return
    second = colors[0] if ground else colors[1]
    if ground and (second.kind == "ground" or any(unit.pieces[-1][0].endswith("dots") for unit in home.after)):
        return
    home.main.remove(second)
    english, start, end = second.pieces[0]
    home.after.insert(0, Unit("with", [(f"with {english} {SECOND[name]}", start, end)]))

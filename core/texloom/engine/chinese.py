# SPDX-License-Identifier: GPL-3.0-or-later
"""Chinese prompts for a model that reads English: translated word by word, and every word remembers where it stood.

The order of the English words is that of the captions that the head was trained with: what stands before the noun,
the noun, "with …" for its parts, and what is said about it after commas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from .chinese_words import NOUNS, Entry, Token, is_chinese, tokens
from .phrases import STOP_WORDS, after_noun, is_adjective, stem, words
from .procedural.family import Family, families

SECOND: Final[Mapping[str, str]] = {
    "bark": "furrows", "bricks": "mortar", "ceramic_tiles": "grout", "checks": "squares", "cobblestone": "joints",
    "dots": "dots", "fabric": "threads", "granite": "specks", "grass": "soil", "knit": "stripes", "lava": "glow",
    "marble": "veins", "mosaic": "accents", "parquet": "joints", "paving": "joints", "plaid": "bands",
    "planks": "gaps", "sandstone": "layers", "sky": "clouds", "starry_sky": "nebula", "stone_wall": "mortar",
    "stripes": "background", "terrazzo": "chips", "wood": "grain",
}  # fmt: skip
"""What the second of two colors belongs to, as in 红白条纹, where the material has such a part."""

_MAKES: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("planks", "herringbone"): ("parquet", "parquet"),
    ("planks", "basket weave"): ("parquet", "parquet"),
    ("brushed_metal", "peeling paint"): ("painted_metal", "painted metal"),
}
"""A material and what is said of it that make another one: floorboards laid in a herringbone are parquet."""

_JOINTS: Final = frozenset({"mortar", "grout", "joints", "gaps"})
_WIDE: Final = frozenset({"large", "huge", "wide", "thick"})
_WOODEN: Final = frozenset({"planks", "parquet", "wood", "bark", "roof_tiles"})
_AMOUNTS: Final[Mapping[str, str]] = {"many": "lots of", "a few": "a little"}
_LOOSE_WORDS: Final = frozenset("pbr hd uhd k 2k 4k 8k 16k 3d texture material seamless tileable cm mm m px x".split())
_RESTRICTED: Final = frozenset({"say", "size", "part"})
_COLORED: Final = frozenset({"color", "ground"})
_DESCRIBED: Final = frozenset({"say", "stuff", "color", "tone", "size", "part"})

Place = tuple[int, int]


@dataclass(frozen=True)
class Translation:
    """A Chinese prompt in English.

    ``text`` is the English; ``places`` tell for stretches of it from where in ``source`` they come (English start
    and end, source start and end).  ``missing`` are places in the source that are in no dictionary; ``loose`` are
    words that some model may not know (word, place): those written in Latin letters, and names of things that no
    family draws.  ``avoided`` is what the prompt wants to be without and cannot be said in a caption: materials and
    colors, in English, divided by commas.
    """

    source: str
    text: str
    places: tuple[tuple[int, int, int, int], ...]
    missing: tuple[Place, ...] = ()
    loose: tuple[tuple[str, Place], ...] = ()
    avoided: str = ""

    def words_at(self, spans: Sequence[Place]) -> list[str]:
        """The words of the source behind stretches of the English text, each once, in their order."""
        touched = {
            (start, end)
            for left, right, start, end in self.places
            if any(left < stop and right > begin for begin, stop in spans)
        }
        return self._shown(touched)

    def content_words(self) -> tuple[str, ...]:
        """All words of the source that were translated."""
        return tuple(self._shown({(start, end) for _, _, start, end in self.places}))

    def not_understood(self, unknown: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
        """Words of the source that mean nothing, each once, in their order; ``unknown`` judges English words."""
        found = set(self.missing)
        if self.loose:
            strange = {word.lower() for word in unknown(" ".join(word for word, _ in self.loose))}
            found |= {place for word, place in self.loose if strange & set(word.lower().split())}
        return tuple(self._shown(found))

    def not_avoided(self, unread: Collection[str]) -> tuple[str, ...]:
        """The same for a negative prompt: ``unread`` are words of the English text that could not be used."""
        strange = {word.lower() for word in unread}
        found = set(self.missing)
        for left, right, start, end in self.places:
            if strange & {word for word, _, _ in words(self.text[left:right])}:
                found.add((start, end))
        return tuple(self._shown(found))

    def _shown(self, places: Collection[Place]) -> list[str]:
        shown = [self.source[start:end] for start, end in sorted(places)]
        content = [word for word in shown if word.lower() not in STOP_WORDS]
        return list(dict.fromkeys(content or shown))


@dataclass
class _Item:
    """A token with the meaning that it has in this prompt."""

    kind: str
    english: str
    start: int
    end: int
    text: str


@dataclass
class _Unit:
    """Words that stand together in the English text, each with its place in the source."""

    kind: str
    pieces: list[tuple[str, int, int]]

    @property
    def place(self) -> Place:
        return min(piece[1] for piece in self.pieces), max(piece[2] for piece in self.pieces)


@dataclass
class _Clause:
    """What stands between two commas: ``main`` in the order of the words, ``after`` the noun "with …"."""

    main: list[_Unit] = field(default_factory=list)
    after: list[_Unit] = field(default_factory=list)
    noun: bool = False


def translate(prompt: str) -> Translation | None:
    """The prompt in English, or None when it is not Chinese or no word of it is known."""
    if not is_chinese(prompt):
        return None
    cut = tokens(prompt)
    missing = tuple((token.start, token.end) for token in cut if token.role == "unknown")
    clauses = _split(cut)
    head = _made_of(_head(clauses), clauses)
    named = head.named
    avoided: list[str] = []
    made = [_clause(_items(clause, head, named), head.family, avoided) for clause in clauses]
    _gather_colors(made, head)
    text, places = _write(made)
    if not text and not avoided:
        return None
    loose = [(token.text, (token.start, token.end)) for token in cut if token.role == "latin"]
    for token in cut:
        loose += [(entry.english, (token.start, token.end)) for entry in token.entries[:1] if entry.kind == "other"]
    loose.sort(key=lambda item: item[1])
    return Translation(prompt, text, places, missing, tuple(loose), ", ".join(avoided))


def translate_list(prompt: str) -> Translation | None:
    """A negative prompt as a list of English nouns, colors and attributes; None as :func:`translate`."""
    if not is_chinese(prompt):
        return None
    units: list[_Unit] = []
    cut = tokens(prompt)
    for token in cut:
        english = token.text if token.role == "latin" else ""
        for entry in token.entries:
            english = _listed(entry)
            if english:
                break
        if english:
            units.append(_Unit("say", [(english, token.start, token.end)]))
    text, places = _write([_Clause(main=[unit]) for unit in units])
    missing = tuple((token.start, token.end) for token in cut if token.role == "unknown")
    return Translation(prompt, text, places, missing)


def _listed(entry: Entry) -> str:
    if entry.kind in ("material", "form"):
        return families()[entry.families[0]].nouns[0]
    if entry.kind == "stuff":
        return _forms(entry.english)[1]
    return entry.english if entry.kind in ("wood", "other", "say", "size", "color", "part") else ""


def _split(cut: list[Token]) -> list[list[Token]]:
    """Tokens of each clause, without the pieces that are not known."""
    clauses: list[list[Token]] = [[]]
    for token in cut:
        if token.role == "stop":
            clauses.append([])
        elif token.role != "unknown":
            clauses[-1].append(token)
    return [clause for clause in clauses if clause]


# What the prompt is about.


@dataclass
class _Head:
    """The material: its ``family`` where that is known, and the ``token`` that names it."""

    family: Family | None = None
    token: Token | None = None
    named: bool = False
    joined: Token | None = None
    noun: str = ""


def _first(token: Token, kinds: Collection[str]) -> Entry | None:
    return next((entry for entry in token.entries if entry.kind in kinds), None)


def _head(clauses: Sequence[Sequence[Token]]) -> _Head:
    registry = families()
    for clause in clauses:
        # A word that also describes another material is the head only where there is no other: 条纹毛衣 is a sweater.
        nouns = [token for token in clause if token.is_any(NOUNS) and not _denied(clause, token)]
        pure = [token for token in nouns if not token.is_any(_RESTRICTED)]
        materials = [token for token in pure or nouns if token.is_any({"material"})]
        token = (materials or pure or nouns or [None])[-1]
        if token is None:
            continue
        entry = _first(token, ("material", "wood", "other"))
        assert entry is not None
        family = registry.get(entry.families[0]) if entry.families else None
        if entry.kind == "wood":
            shape = next((item for item in clause if item.start >= token.end and item.is_any({"form"})), None)
            formed = _first(shape, ("form",)) if shape is not None else None
            if formed is not None and formed.families[0] in _WOODEN:
                return _Head(registry[formed.families[0]], token, True, shape)
        return _Head(family, token, True)
    latin = [token.text for clause in clauses for token in clause if token.role == "latin"]
    if any(word.isalpha() and word not in _LOOSE_WORDS for word in latin):
        return _Head(_family_of(" ".join(latin)), None, True)
    for kinds in ({"form"}, {"stuff"}):
        for clause in clauses:
            for token in reversed(clause):
                found = _first(token, kinds)
                if found is not None and found.families and not _denied(clause, token):
                    return _Head(registry[found.families[0]], token, True)
    return _Head()


def _made_of(head: _Head, clauses: Sequence[Sequence[Token]]) -> _Head:
    """The head as what is said of it makes it."""
    said = {entry.english for clause in clauses for token in clause for entry in token.entries if entry.kind == "say"}
    for (name, phrase), (other, noun) in _MAKES.items():
        if head.family is not None and head.family.name == name and phrase in said:
            return replace(head, family=families()[other], noun=noun)
    return head


def _denied(clause: Sequence[Token], token: Token) -> bool:
    """Whether "no" stands right before a token."""
    index = list(clause).index(token)
    return index > 0 and clause[index - 1].is_any({"no"})


@cache
def _nouns() -> dict[tuple[str, ...], str]:
    """Stems of the registry's nouns and their families."""
    found: dict[tuple[str, ...], str] = {}
    for name, family in families().items():
        for noun in (*family.nouns, *family.rare_nouns):
            found[tuple(stem(word) for word, _, _ in words(noun))] = name
    return found


def _family_of(text: str) -> Family | None:
    """The family that English words name, by the longest noun among them."""
    parts = tuple(stem(word) for word, _, _ in words(text))
    for length in range(min(4, len(parts)), 0, -1):
        for at in range(len(parts) - length, -1, -1):
            name = _nouns().get(parts[at : at + length])
            if name is not None:
                return families()[name]
    return None


# What each word means here.


def _items(clause: Sequence[Token], head: _Head, named: bool) -> list[_Item]:
    items = []
    for index, token in enumerate(clause):
        if token.role == "latin":
            plain = not token.text.isalpha() or token.text in _LOOSE_WORDS
            items.append(_Item("plain" if plain else "latin", token.text, token.start, token.end, token.text))
            continue
        beside = [clause[at] for at in (index - 1, index + 1) if 0 <= at < len(clause)]
        entry = _meaning(token, beside, clause[index + 1 : index + 2], head)
        kind, english = entry.kind, entry.english
        if head.noun and token is (head.joined or head.token):
            english = head.noun
        if kind == "wood" and not (head.token is not token or head.joined is not None):
            english = english if english.endswith("wood") else f"{english} wood"
        if kind == "form" and token is not head.token and token is not head.joined and named:
            kind = "skip"
        if kind == "stuff" and token is head.token:
            kind, english = "material", _forms(english)[1]
        if kind in ("form", "wood", "other"):
            kind = "material"
        items.append(_Item(kind, english, token.start, token.end, token.text))
    return items


def _meaning(token: Token, beside: Sequence[Token], following: Sequence[Token], head: _Head) -> Entry:
    """The meaning that fits the material and the neighbours."""
    if token is head.token or token is head.joined:
        noun = _first(token, ("material", "wood", "other", "form", "stuff"))
        assert noun is not None
        return noun
    fitting = [entry for entry in token.entries if entry.kind in _RESTRICTED and _fits(entry, head.family)]
    free = [entry for entry in token.entries if entry.kind not in _RESTRICTED or not entry.families]
    colored = any(side.is_any({"color", "size"}) for side in beside)
    if following and following[0].is_any({"color"}):
        fitting = [entry for entry in free if entry.kind == "tone"] + fitting
    # A part is worth a word only with what is said about it; 裂缝 in lava is then a crack like any other.
    order = sorted(fitting, key=lambda entry: (entry.kind == "part") is not colored)
    order = [entry for entry in order if entry.kind != "part" or colored]
    rest = sorted(free, key=lambda entry: {"tone": 1, "skip": 3}.get(entry.kind, 0))
    parts = [entry for entry in fitting if entry.kind == "part"]
    return (*order, *(entry for entry in rest if entry.kind != "skip"), *parts, *rest, Entry("skip", ""))[0]


def _fits(entry: Entry, family: Family | None) -> bool:
    return family is not None and any(
        name == family.name or (name.startswith(":") and family.parameter(name[1:]) is not None)
        for name in entry.families
    )


def _forms(english: str) -> tuple[str, str, str]:
    """How a stuff is said: before the noun, as a noun, and where there is much of it."""
    parts = english.split("/")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return english, english.removeprefix("with "), english


# Clauses.


class _Writer:
    """Goes through the items of a clause, from left to right, and remembers what waits for the next word."""

    def __init__(self, items: Sequence[_Item], family: Family | None, avoided: list[str]) -> None:
        self.items = items
        self.family = family
        self.avoided = avoided
        self.made = _Clause()
        self.degree: _Item | None = None
        self.tone: _Item | None = None
        self.quantity: _Item | None = None
        self.have = self.cover = False
        self.without = ""
        self.part: _Item | None = None

    def run(self) -> _Clause:
        for index, item in enumerate(self.items):
            step = getattr(self, f"_{item.kind}", None)
            if step is not None:
                step(item, index)
            if item.kind in _DESCRIBED or item.kind in ("material", "latin"):
                self.degree = self.quantity = None
                self.have = self.cover = False
                if item.kind != "tone":
                    self.tone = None
                # 没有裂缝和青苔: the "no" holds for both, but not for what follows 的.
                if self._next_kind(index, plain=True) != "and":
                    self.without = ""
        return self.made

    def _following(self, index: int) -> Iterator[_Item]:
        return (item for item in self.items[index + 1 :] if item.kind != "skip")

    def _next_kind(self, index: int, *, plain: bool = False) -> str:
        rest = iter(self.items[index + 1 :]) if plain else self._following(index)
        return next((item.kind for item in rest), "")

    def _add(self, kind: str, item: _Item, english: str, first: _Item | None = None) -> None:
        start = first.start if first is not None else item.start
        if kind != "say" or all(unit.pieces[0][0] != english for unit in self.made.main):
            self.made.main.append(_Unit(kind, [(english, start, item.end)]))

    # Words that wait for the next one.

    def _degree(self, item: _Item, index: int) -> None:
        if self._next_kind(index) in _DESCRIBED | {"have", "cover"}:
            self.degree = item
        elif self.made.main and self.made.main[-1].kind == "say":
            # 磨损严重: the degree comes after.
            english, start, end = self.made.main[-1].pieces[0]
            if " " not in english and is_adjective(english):
                self.made.main[-1].pieces[0] = (f"{item.english} {english}", start, max(end, item.end))

    def _quantity(self, item: _Item, index: int) -> None:
        self.quantity = item

    def _tone(self, item: _Item, index: int) -> None:
        if self._next_kind(index) == "color":
            self.tone = item
        else:
            self._add("say", item, self._graded(item.english), self.degree)

    def _have(self, item: _Item, index: int) -> None:
        self.have = True

    def _cover(self, item: _Item, index: int) -> None:
        self.cover = True

    def _no(self, item: _Item, index: int) -> None:
        self.without = "without"

    def _not(self, item: _Item, index: int) -> None:
        self.without = item.english

    # Words that say something.

    def _graded(self, phrase: str) -> str:
        if self.degree is None or " " in phrase or not is_adjective(phrase):
            return phrase
        return f"{self.degree.english} {phrase}"

    def _material(self, item: _Item, index: int) -> None:
        if self.without:
            self.avoided.append(item.english)
            return
        self.made.noun = True
        self._add("noun", item, item.english)

    def _latin(self, item: _Item, index: int) -> None:
        self.made.noun = True
        self._add("noun", item, item.english)

    def _plain(self, item: _Item, index: int) -> None:
        self._add("plain", item, item.english)

    def _unit(self, item: _Item, index: int) -> None:
        self._add("plain", item, item.english)

    def _say(self, item: _Item, index: int) -> None:
        phrase = item.english
        if is_adjective(phrase):
            if self.without:
                denied = "not too" if self.degree is not None else "not" if self.without == "without" else self.without
                self.made.after.append(_Unit("not", [(f"{denied} {phrase}", item.start, item.end)]))
            else:
                self._add("say", item, self._graded(phrase), self.degree)
            return
        phrase = after_noun(phrase)
        if self.without:
            phrase = f"without {phrase.removeprefix('with ')}"
        self.made.after.append(_Unit("with", [(phrase, item.start, item.end)]))

    def _stuff(self, item: _Item, index: int) -> None:
        adjective, noun, covered = _forms(item.english)
        after = self.made.after
        if self.without:
            after.append(_Unit("with", [(f"without {noun}", item.start, item.end)]))
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
            self.made.main.append(_Unit("say", pieces))
        else:
            after.append(_Unit("with", pieces))

    def _size(self, item: _Item, index: int) -> None:
        if self.part is not None:
            self._sized_part(self.part, item)
            return
        self._add("size", item, self._graded(item.english), self.degree)

    def _color(self, item: _Item, index: int) -> None:
        english, first = item.english, self.tone
        if self.tone is not None:
            english = f"{self.tone.english} {english}"
            if self.degree is not None and self.tone.english in ("dark", "light"):
                english, first = f"{self.degree.english} {english}", self.degree
        if self.without:
            self.avoided.append(item.english)
            return
        start = first.start if first is not None else item.start
        unit = _Unit("color", [(english, start, item.end)])
        if self.part is not None:
            self._colored_part(self.part, unit)
        else:
            self.made.main.append(unit)

    # Parts.

    def _part(self, item: _Item, index: int) -> None:
        noun_follows = any(other.kind in ("material", "latin") for other in self._following(index))
        taken: list[_Unit] = []
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
                self._sized_part(item, _Item("size", english, start, end, ""))
        if not taken and not noun_follows:
            self.part = item

    def _colored_part(self, part: _Item, color: _Unit) -> None:
        english, start, end = color.pieces[0]
        if part.english == "background" and (self.family is None or self.family.name != "stripes"):
            # The ground is what the main color means there.
            self.made.main.insert(0, _Unit("ground", [(english, start, max(end, part.end))]))
            return
        pieces = [(f"with {english}", start, end), (part.english, part.start, part.end)]
        self.made.after.append(_Unit("with", pieces))

    def _sized_part(self, part: _Item, size: _Item) -> None:
        word = size.english.split()[-1]
        if part.english not in _JOINTS:
            self.made.main.append(_Unit("size", [(size.english, size.start, size.end)]))
            return
        wide = "with wide" if word in _WIDE else "with narrow"
        self.made.after.append(_Unit("with", [(wide, size.start, size.end), ("joints", part.start, part.end)]))


def _clause(items: Sequence[_Item], family: Family | None, avoided: list[str]) -> _Clause:
    return _Writer(items, family, avoided).run()


def _gather_colors(clauses: Sequence[_Clause], head: _Head) -> None:
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
    family = head.family.name if head.family is not None else ""
    ground = family == "dots" and len(colors) == 1
    if family not in SECOND or (len(colors) < 2 and not ground):
        return
    second = colors[0] if ground else colors[1]
    if ground and (second.kind == "ground" or any(unit.pieces[-1][0].endswith("dots") for unit in home.after)):
        return
    home.main.remove(second)
    english, start, end = second.pieces[0]
    home.after.insert(0, _Unit("with", [(f"with {english} {SECOND[family]}", start, end)]))


# The English text.


def _write(clauses: Sequence[_Clause]) -> tuple[str, tuple[tuple[int, int, int, int], ...]]:
    text = ""
    places: list[tuple[int, int, int, int]] = []

    def put(unit: _Unit, comma: bool) -> None:
        nonlocal text
        for number, (english, start, end) in enumerate(unit.pieces):
            if text:
                text += ", " if comma and number == 0 else " "
            places.append((len(text), len(text) + len(english), start, end))
            text += english

    for clause in clauses:
        last = max((index for index, unit in enumerate(clause.main) if unit.kind == "noun"), default=-1)
        fresh = True
        for index, unit in enumerate(clause.main):
            put(unit, comma=fresh or (index > last >= 0) or (last < 0 and unit.kind != "plain"))
            fresh = False
        for index, unit in enumerate(clause.after):
            put(unit, comma=fresh or index > 0 or unit.kind == "not")
            fresh = False
    return text, tuple(places)

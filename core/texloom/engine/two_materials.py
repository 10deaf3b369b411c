# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that name two materials at once: which lies on which, or which gives its form and which its matter.

The head knows one material a text.  So a prompt with two is cut into two texts, one for each, with spaces in place of
what belongs to the other: every word stays where it was, and each text is read as any prompt is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .phrases import words
from .procedural.blending import COVER, MATTER, PRINT
from .procedural.family import families
from .procedural.parameters import Choice, Color, Number

FORMS: Final = frozenset(
    "ashlar bricks ceramic_tiles chain_mail cobblestone corrugated_metal diamond_plate dry_stone feathers "
    "hammered_metal honeycomb knit mosaic parquet paving pebbles planks roof_tiles scales sci_fi_panels shingles "
    "stone_wall thatch wicker".split()
)
"""Families of pieces that something else can be made of."""

PATTERNS: Final = frozenset("camouflage checks damask dots plaid splatter stripes".split())
"""Families that are known by their colors, which can be printed on something else."""

_PRINTABLE: Final = FORMS | frozenset(
    "carpet concrete cork denim fabric fur leather painted_metal paper plaster plastic stucco wallpaper wood".split()
)

# What the second is by nature says nothing new of the first, and is drawn better by the first alone.
_STONE, _METAL = ("granite", "sandstone", "slate"), ("brushed_metal", "painted_metal", "hammered_metal")
_NATIVE: Final[Mapping[str, frozenset[str]]] = {
    "ashlar": frozenset(_STONE), "cobblestone": frozenset(_STONE), "dry_stone": frozenset(_STONE),
    "stone_wall": frozenset(_STONE), "pebbles": frozenset((*_STONE, "gravel")),
    "gravel": frozenset((*_STONE, "pebbles")), "paving": frozenset((*_STONE, "concrete")),
    "roof_tiles": frozenset(("slate", "concrete")), "slate": frozenset(_STONE),
    "parquet": frozenset(("wood",)), "planks": frozenset(("wood", "bark")), "shingles": frozenset(("wood", "asphalt")),
    "chain_mail": frozenset(_METAL), "corrugated_metal": frozenset(_METAL), "diamond_plate": frozenset(_METAL),
    "hammered_metal": frozenset(_METAL), "sci_fi_panels": frozenset(_METAL), "rusted_metal": frozenset(_METAL),
    "knit": frozenset(("fabric",)), "denim": frozenset(("fabric",)), "wicker": frozenset(("bamboo",)),
    "thatch": frozenset(("bamboo",)), "bricks": frozenset(("concrete",)),
    "forest_floor": frozenset(("leaves", "moss", "mud")), "grass": frozenset(("moss", "mud")),
    "mud": frozenset(("cracked_earth", "sand")), "cracked_earth": frozenset(("mud",)),
    "starry_sky": frozenset(("sky",)), "sky": frozenset(("starry_sky",)), "stucco": frozenset(("plaster",)),
    "plaster": frozenset(("stucco", "cracked_paint")),
}  # fmt: skip

# Attributes that a family has draw these themselves, in its joints and on its edges.
_ATTRIBUTE: Final[Mapping[str, tuple[str, ...]]] = {
    "moss": ("moss",), "snow": ("snow",), "water": ("wetness",), "mud": ("dirt",),
    "rusted_metal": ("rust",), "cracked_paint": ("peeling",),
}  # fmt: skip

# Adjectives for the form of pieces, where no noun of theirs says it.
_SHAPED: Final[Mapping[str, str]] = {
    "bricked": "bricks", "cobbled": "cobblestone", "corrugated": "corrugated_metal", "feathered": "feathers",
    "knit": "knit", "knitted": "knit", "scaled": "scales", "scaly": "scales", "shingled": "shingles",
    "thatched": "thatch", "tiled": "ceramic_tiles", "tessellated": "mosaic", "woven": "wicker",
}  # fmt: skip

_QUANTITIES: Final = (
    "patches of", "patch of", "spots of", "bits of", "areas of", "some", "a few", "a layer of", "a thin layer of",
    "a thick layer of", "lots of", "a lot of", "pieces of", "scattered", "small patches of", "large patches of",
)  # fmt: skip
_MADE: Final = (
    "made of", "made from", "made out of", "built of", "built from", "carved from", "carved out of", "carved in",
    "cast in", "cut from", "formed of", "of",
)  # fmt: skip
_UNDER: Final = (
    "with", "covered with", "covered in", "covered by", "overgrown with", "overgrown by", "buried in", "buried under",
    "under", "beneath", "strewn with", "littered with", "sprinkled with", "scattered with", "topped with",
    "half covered in", "half covered with", "half buried in", "coated in", "coated with",
)  # fmt: skip
_OVER: Final = (
    "on", "over", "on top of", "growing on", "growing over", "growing through", "growing between", "scattered on",
    "scattered over", "scattered across", "strewn over", "strewn on", "lying on", "across", "spread over",
    "peeling off", "flaking off", "crumbling off",
)  # fmt: skip
_MIXED: Final = (
    "and", "mixed with", "blended with", "blending into", "meets", "meeting", "turning into", "fading into",
    "half", "alternating with",
)  # fmt: skip

_DEGREES: Final[Mapping[str, float]] = {
    "few": 0.25, "slightly": 0.25, "lightly": 0.25, "small": 0.28, "some": 0.35, "partly": 0.45, "partially": 0.45,
    "half": 0.5, "large": 0.55, "thin": 0.55, "mostly": 0.75, "heavily": 0.75, "thick": 0.8, "completely": 0.9,
    "entirely": 0.9,
}  # fmt: skip
_AMOUNTS: Final[Mapping[str, float]] = {
    "bits": 0.25, "spots": 0.25, "patch": 0.3, "scattered": 0.35, "patches": 0.4, "overgrown": 0.6, "lots": 0.65,
    "lot": 0.65, "covered": 0.65, "layer": 0.7, "coated": 0.7, "buried": 0.8,
}  # fmt: skip
_USUAL_AMOUNT: Final = 0.45

# Words that mean something else too often: a render of it, small-scale, steel blue.
_AMBIGUOUS: Final = frozenset("check dot render scale space spot stripe tin".split())
_COLORS: Final = frozenset(
    "amber aqua beige black blue bluish brown cream cyan dark deep golden gray green grey ivory light magenta maroon "
    "navy orange pale pink purple red rose rust tan teal turquoise violet white yellow".split()
)
_NEVER_FIRST: Final = frozenset(("snow", "water"))
_MOST_BETWEEN: Final = 6
_MOST_ADJECTIVES: Final = 3


@dataclass(frozen=True, kw_only=True)
class TwoMaterials:
    """What a prompt with two materials says.

    Attributes:
        mode: one of :data:`.procedural.blending.MODES`.
        first, second: names of families; what they do is told there.
        first_text, second_text: what is said of each, as long as the prompt.
        amount: how much of the first a cover takes, 0 to 1.
    """

    mode: str
    first: str
    second: str
    first_text: str
    second_text: str
    amount: float = _USUAL_AMOUNT


@dataclass(frozen=True)
class Named:
    """A family's noun: words ``start`` to ``stop``; ``shaped`` with an adjective of form, ``bare`` that alone."""

    start: int
    stop: int
    family: str
    shaped: bool = False
    bare: bool = False


def find(prompt: str) -> TwoMaterials | None:
    """The two materials that an English prompt names, or None where it names one, none or more than two."""
    spoken = words(prompt)
    plain = [word for word, _, _ in spoken]
    closed = _closed(prompt, spoken)
    named = _named(plain, closed)
    if len(named) != 2 or named[0].family == named[1].family:
        return None
    one, two = named
    between = plain[one.stop : two.start]
    found = _related(one, two, between)
    if found is None:
        return None
    mode, first, second, cut = found
    if _goes_without_saying(first.family, second.family) or _is_part(plain, first, second):
        return None
    # "Covered with plaster in pale yellow": a color joined by "in" to what is named last is its own.
    tinted = range(two.stop, two.stop + _tinted(plain, two.stop, closed)) if second is two and cut else range(0)
    if mode == COVER:
        # What follows a cover that is named last is said of the whole again.
        own = (one.stop + cut, two.stop) if second is two else (0, one.stop)
        # What lies on the other is named first with words of its own; those behind the joint are the other's again:
        # "leaves on wet asphalt".
        bounds = (one.stop, two.stop) if second is two else (0, one.stop + cut)
        # "Sand and gravel in dark grey" says it of both.
        given = range(0) if between[0] == "and" else tinted
        outside = [place for place in range(len(plain)) if not bounds[0] <= place < bounds[1] and place not in given]
        said = [*range(*own), *tinted]
    elif second is one:
        outside = [place for place in range(len(plain)) if not one.start <= place < one.stop]
        said = list(range(one.stop))
    elif cut:
        # "Scales of red marble, wet": what stands before the matter is its own.
        outside = [place for place in range(len(plain)) if not one.stop <= place < two.stop and place not in tinted]
        said = [*range(one.stop + cut, two.stop), *tinted]
    else:
        outside = [place for place in range(len(plain)) if not two.start <= place < two.stop]
        said = [place for place in range(two.stop) if not one.start <= place < one.stop]
    return TwoMaterials(
        mode=mode,
        first=first.family,
        second=second.family,
        first_text=_kept(prompt, spoken, outside),
        second_text=_kept(prompt, spoken, said),
        amount=_amount(plain[max(0, one.stop - 3) : two.start] if mode == COVER else ()),
    )


def _related(one: Named, two: Named, between: Sequence[str]) -> tuple[str, Named, Named, int] | None:
    """The mode, the first and the second, and how many of the words between them only join them; None: unrelated."""
    if not between:
        if two.family in PATTERNS:
            return None
        if one.family in PATTERNS:
            return (PRINT, two, one, 0) if two.family in _PRINTABLE else None
        if two.family in FORMS:
            # Of pieces nothing is made: "terracotta roof tiles".
            return (MATTER, two, one, 0) if one.family not in FORMS else None
        return (MATTER, one, two, 0) if one.family in FORMS and one.shaped else None
    if one.bare or two.bare:
        return None
    text = " ".join(between)
    for joint in sorted(_MADE, key=len, reverse=True):
        if one.family in FORMS and _begins(text, joint) and two.family not in FORMS | PATTERNS:
            return MATTER, one, two, len(joint.split())
    if len(between) > _MOST_BETWEEN:
        return None
    printed = two.family in PATTERNS and one.family in _PRINTABLE
    for joint in sorted((*_UNDER, *_OVER, *_MIXED), key=len, reverse=True):
        place = _place(between, joint.split())
        # Adverbs may stand before it ("partly covered with"), adjectives of the second behind it.
        if place is None or place > 2 or len(between) - place - len(joint.split()) > _MOST_ADJECTIVES + 3:
            continue
        cut = place + len(joint.split())
        rest = " ".join(between[cut:])
        cut += max((len(item.split()) for item in _QUANTITIES if _begins(rest, item)), default=0)
        if printed:
            return PRINT, one, two, cut
        if two.family in PATTERNS or one.family in PATTERNS:
            return None
        if joint in _OVER:
            return COVER, two, one, cut
        # "Paving with snow, covered in moss": of something that has no noun here.
        return (COVER, one, two, cut) if one.family not in _NEVER_FIRST else None
    return None


def _tinted(plain: Sequence[str], at: int, closed: Collection[int]) -> int:
    """How many words from ``at`` on say a color right behind a noun: "in dark red", with nothing of another thing."""
    if at - 1 in closed or plain[at : at + 1] != ["in"]:
        return 0
    stop = at + 1
    while stop < len(plain) and stop - 1 not in closed and plain[stop] in _COLORS | {"very"}:
        stop += 1
    ends = stop == len(plain) or stop - 1 in closed or plain[stop] in ("and", "with", "on", "over")
    return stop - at if ends and stop > at + 1 else 0


def _begins(text: str, words_: str) -> bool:
    return text == words_ or text.startswith(words_ + " ")


def _place(inside: Sequence[str], wanted: Sequence[str]) -> int | None:
    starts = range(len(inside) - len(wanted) + 1)
    return next((at for at in starts if list(inside[at : at + len(wanted)]) == list(wanted)), None)


def _goes_without_saying(first: str, second: str) -> bool:
    """Whether the first is of the second by nature, or draws it by itself."""
    kind = families()[first]
    if second in PATTERNS and first == "fabric":
        return True
    if second in _NATIVE.get(first, ()):
        return True
    return any(kind.parameter(name) is not None for name in _ATTRIBUTE.get(second, ()))


def _is_part(plain: Sequence[str], first: Named, second: Named) -> bool:
    """Whether a parameter of either speaks of the other: waves with foam, joints of sand."""
    following = plain[second.stop] if second.stop < len(plain) else ""
    if following in _parts():
        return True
    for one, other in ((first, second), (second, first)):
        if set(plain[other.start : other.stop]) <= _phrases(one.family):
            return True
    return False


@cache
def _parts() -> frozenset[str]:
    """Last words of what has a color of its own in some family: joints, grout, threads."""
    found: set[str] = set()
    for family in families().values():
        for item in family.all_parameters():
            if isinstance(item, Color):
                found |= {part.split()[-1] for part in item.parts}
    return frozenset(found)


@cache
def _phrases(family: str) -> frozenset[str]:
    """All words that a family's parameters are named by."""
    found: set[str] = set()
    for item in families()[family].all_parameters():
        if isinstance(item, Color):
            phrases: list[str] = list(item.parts)
        elif isinstance(item, Number):
            phrases = list(item.words)
        elif isinstance(item, Choice):
            phrases = [phrase for option in item.options.values() for phrase in option]
        else:
            phrases = []
        found |= {word for phrase in phrases for word, _, _ in words(phrase)}
    return frozenset(found)


def _amount(said: Sequence[str]) -> float:
    # "Partly covered": the word of degree tells.
    for known in (_DEGREES, _AMOUNTS):
        found = [known[word] for word in said if word in known]
        if found:
            return min(found)
    return _USUAL_AMOUNT


def _kept(prompt: str, spoken: Sequence[tuple[str, int, int]], places: Sequence[int]) -> str:
    """The prompt with spaces in place of all words but these."""
    chosen = set(places)
    letters = list(prompt)
    for place, (_, start, end) in enumerate(spoken):
        if place not in chosen:
            letters[start:end] = " " * (end - start)
    return "".join(letters)


def _closed(text: str, spoken: Sequence[tuple[str, int, int]]) -> frozenset[int]:
    """Places of words with a sign of punctuation behind them."""
    follows = [start for _, start, _ in spoken[1:]] + [len(text)]
    return frozenset(
        place
        for place, ((_, _, end), start) in enumerate(zip(spoken, follows, strict=False))
        if any(sign in text[end:start] for sign in ",;.:()")
    )


def _named(plain: Sequence[str], closed: Collection[int]) -> list[Named]:
    """The nouns of families in a text, the longest first where several begin at one word; ``closed``: see there."""
    table, longest = _nouns()
    found: list[Named] = []
    at = 0
    while at < len(plain):
        for length in range(min(longest, len(plain) - at), 0, -1):
            family = table.get(tuple(plain[at : at + length]))
            if family is not None and not _means_other(plain, at, length, closed):
                break
        else:
            shaped = _SHAPED.get(plain[at])
            if shaped is not None:
                found.append(Named(at, at + 1, shaped, shaped=True, bare=True))
            at += 1
            continue
        if family:
            found.append(Named(at, at + length, family, shaped=plain[at] in _SHAPED))
        at += length
    return found


def find_nouns(text: str) -> list[Named]:
    """The nouns of families in an English text."""
    spoken = words(text)
    return _named([word for word, _, _ in spoken], _closed(text, spoken))


def family_nouns() -> Mapping[tuple[str, ...], str]:
    """Families by the words of their nouns, in both numbers; empty where several have one."""
    return _nouns()[0]


def _means_other(plain: Sequence[str], at: int, length: int, closed: Collection[int]) -> bool:
    """Whether one word is no noun here: "fern green", "large scale"; in "fern, green" it is one."""
    following = plain[at + 1] if at + 1 < len(plain) and at not in closed else ""
    return length == 1 and (plain[at] in _AMBIGUOUS or following in _COLORS)


@cache
def _nouns() -> tuple[dict[tuple[str, ...], str], int]:
    """Families by the words of their nouns, empty where several have one; and the words of the longest."""
    table: dict[tuple[str, ...], str] = {}
    for family in families().values():
        for noun in (*family.nouns, *family.rare_nouns):
            parts = tuple(word for word, _, _ in words(noun))
            for form in {parts, _other_number(parts)}:
                table[form] = family.name if table.get(form, family.name) == family.name else ""
    return table, max(len(parts) for parts in table)


def _other_number(parts: tuple[str, ...]) -> tuple[str, ...]:
    """One for many, and the other way round."""
    last = parts[-1]
    if last.endswith("s") and not last.endswith("ss"):
        return (*parts[:-1], last[:-1])
    return (*parts[:-1], last + ("es" if last.endswith(("s", "sh", "ch", "x")) else "s"))

# SPDX-License-Identifier: GPL-3.0-or-later
"""What small words do to a parameter: adverbs of degree, negation, nouns for attributes, and stop words.

The grammar that writes training captions and the code that reads negative prompts share it, so that "very"
and "no" mean the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .procedural.family import Family
from .procedural.parameters import Number
from .procedural.weathering import ATTRIBUTES

INTENSIFIERS: Mapping[str, float] = {
    "slightly": 0.42,
    "a bit": 0.5,
    "a little": 0.48,
    "lightly": 0.45,
    "subtly": 0.38,
    "somewhat": 0.62,
    "moderately": 0.72,
    "fairly": 0.85,
    "quite": 0.95,
    "rather": 0.95,
    "really": 1.15,
    "very": 1.22,
    "strongly": 1.22,
    "heavily": 1.28,
    "super": 1.3,
    "extremely": 1.42,
    "completely": 1.42,
    "totally": 1.42,
}
"""Adverbs and how far from the neutral value they carry the word after them (1: as the word alone)."""

QUANTIFIERS: Mapping[str, float] = {
    "a little": 0.45,
    "a bit of": 0.45,
    "a touch of": 0.35,
    "a hint of": 0.3,
    "traces of": 0.3,
    "light": 0.45,
    "some": 0.65,
    "a few": 0.5,
    "many": 1.2,
    "patches of": 0.7,
    "visible": 0.85,
    "": 0.9,
    "lots of": 1.25,
    "a lot of": 1.25,
    "much": 1.15,
    "heavy": 1.25,
    "thick": 1.3,
}
"""Words before the noun of an attribute ("a bit of moss") and the factor on its usual amount."""

ATTRIBUTE_NOUNS: Mapping[str, tuple[str, ...]] = {
    "wear": ("wear", "wear and tear", "signs of wear", "weathering", "damage"),
    "cracks": ("cracks", "cracking", "fissures"),
    "dirt": ("dirt", "grime", "stains"),
    "moss": ("moss", "moss growth", "green moss"),
    "dust": ("dust",),
    "snow": ("snow", "frost"),
    "wetness": ("water", "puddles", "moisture", "rain"),
}
"""Nouns that stand for an attribute after "with", "no" and "without"."""

USUAL_AMOUNT = 0.7
"""Amount of an attribute that is named by its noun alone, before :data:`QUANTIFIERS`."""

NEGATIONS = (("no",), ("not",), ("without",), ("free", "of"), ("instead", "of"), ("rather", "than"), ("neither",))
"""Words before what shall not be."""

KINDS: Mapping[str, tuple[str, ...]] = {
    "stone": (
        "ashlar", "cobblestone", "dry_stone", "granite", "gravel", "marble", "paving", "pebbles", "sandstone", "slate",
        "stone_wall",
    ),
    "wood": ("parquet", "planks", "wood"),
    "metal": (
        "brushed_metal", "chain_mail", "corrugated_metal", "diamond_plate", "hammered_metal", "painted_metal",
        "rusted_metal",
    ),
}  # fmt: skip
"""Names of many materials at once: whoever wants no stone wants none of these."""

_ARTICLES = frozenset("a an any the visible real of".split())
_TURNS = frozenset("but just only with in on over under".split())

PREPOSITIONS = frozenset(
    "with without in on of after covered overgrown dusted full under from at between free like made".split()
)

STOP_WORDS: frozenset[str] = frozenset(
    """
    a about above across after again all almost along already also although always am among an and another any
    anything are around as at away back be because been before behind being below beside besides between beyond
    both but by came can cannot come could did do does doing done down during each either else enough etc even
    ever every everything few for from further get gets give given go goes going got had has have having he her
    here hers him his how however i if in inside instead into is it its itself just keep kind know less let like
    little lot lots made make makes making many may maybe me mine more most much must my near need needs never next
    neither no nor not nothing now of off often on once one only onto or other others our ours out outside over own per
    perhaps please plus put rather same see seem seems several shall she should show showing shows so some something
    sort still such take than that the their theirs them then there these they thing things this those though
    through thus to together too toward towards two type under until up upon us use used using very via want wants
    was way we well were what when where whether which while who whole whom whose why will with within without would
    yet you your yours three four five six seven eight nine ten first second third bit
    isn aren don doesn wasn weren won hasn haven t s re ve ll
    """.split()
)
"""English function words; they carry no meaning that a material could lack."""

_SIGN = re.compile(r"[,;:.!?]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[tuple[str, int, int]]:
    """Words of ``text`` in lower case with their start and end; hyphens separate."""
    return [(match[0].lower(), match.start(), match.end()) for match in _WORD.finditer(text)]


def touches(place: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    """Whether a stretch of a text has a character in common with any of others."""
    return any(place[0] < end and place[1] > start for start, end in others)


def negations(plain: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where in a row of words something is denied: the first word of the negation, and of what comes after it."""
    for at in range(len(plain)):
        if (place := after_negation(plain, at)) > at:
            yield at, after_articles(plain, place)


def after_negation(plain: Sequence[str], at: int) -> int:
    """The word after a negation that begins at one; the same where none does."""
    return next((at + len(said) for said in NEGATIONS if tuple(plain[at : at + len(said)]) == said), at)


def after_articles(plain: Sequence[str], place: int) -> int:
    """The next word from ``place`` on that is no article."""
    while place < len(plain) and plain[place] in _ARTICLES:
        place += 1
    return place


def denied(text: str) -> list[tuple[int, int]]:
    """Stretches of an English text that are about what shall not be, each from its negation to the end of the phrase.

    They are generous: "no old bricks, mossy" denies "old bricks".
    """
    spoken = words(text)
    plain = [word for word, _, _ in spoken]
    found: list[tuple[int, int]] = []
    for at, place in negations(plain):
        stop = place
        while stop < len(plain) and plain[stop] not in _TURNS:
            if stop > place and _SIGN.search(text, spoken[stop - 1][2], spoken[stop][1]):
                break
            stop += 1
        if stop > place:
            found.append((spoken[at][1], spoken[stop - 1][2]))
    return found


def stem(word: str) -> str:
    """The word without its commonest English endings, enough to match "tiled" with "tiles"."""
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    for ending, keep in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ied", "y"), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + keep
            break
    if len(word) >= 4 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


def is_adjective(phrase: str) -> bool:
    """Whether a phrase of a parameter stands before the noun ("mossy"), rather than after it."""
    parts = phrase.split()
    if parts[0] in PREPOSITIONS or " in the " in phrase or " of " in phrase:
        return False
    return not (len(parts) > 1 and parts[-1].endswith("s") and not parts[-1].endswith("ss"))


def after_noun(phrase: str) -> str:
    """The phrase as it stands after the noun: "with wide joints", "covered in moss"."""
    return phrase if phrase.split()[0] in PREPOSITIONS else f"with {phrase}"


def neutral_unit(number: Number) -> float:
    """Where "not at all special" lies in the parameter's unit space: what adverbs scale away from."""
    if number.name in ATTRIBUTES:
        return 0.0
    low, high = number.to_unit(number.natural[0]), number.to_unit(number.natural[1])
    return 0.5 * (low + high)


def intensify(number: Number, value: float, factor: float) -> float:
    """``value`` moved away from the neutral one (``factor`` > 1) or towards it, within the range."""
    middle = neutral_unit(number)
    return number.from_unit(middle + (number.to_unit(value) - middle) * factor)


def negate(number: Number, value: float) -> float:
    """What "not …" or "no …" means: none of an attribute, the other side of any other number."""
    if number.name in ATTRIBUTES:
        return number.low if number.to_unit(value) > 0.2 else number.from_unit(0.6)
    middle = neutral_unit(number)
    return number.from_unit(middle - 0.75 * (number.to_unit(value) - middle))


def phrase_table(families: Mapping[str, Family]) -> dict[str, dict[str, float]]:
    """Every phrase of a number, in lower case, with the parameters it may set and their mean value.

    Families may give one phrase different values; only the side they lie on matters to readers of this table.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for family in families.values():
        for item in family.all_parameters():
            if not isinstance(item, Number):
                continue
            entries = dict(item.words)
            for noun in ATTRIBUTE_NOUNS.get(item.name, ()):
                entries.setdefault(noun, USUAL_AMOUNT)
            for phrase, value in entries.items():
                found.setdefault(phrase.lower(), {}).setdefault(item.name, []).append(value)
    return {
        phrase: {name: sum(values) / len(values) for name, values in sorted(names.items())}
        for phrase, names in sorted(found.items())
    }

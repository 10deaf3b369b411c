# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions from the registry of families: a text, the family, and what the text says about its parameters.

Only what is said counts as mentioned.  Three kinds of things are kept out of training, for evaluation: some
nouns (``Family.held_out_nouns``), some colour words, and some pairs of a family with a colour or attribute.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.phrases import (
    ATTRIBUTE_NOUNS,
    INTENSIFIERS,
    QUANTIFIERS,
    USUAL_AMOUNT,
    after_noun,
    intensify,
    is_adjective,
    negate,
    neutral_unit,
    stem,
    words,
)
from ..engine.procedural.family import Family
from ..engine.procedural.parameters import Choice, Color, Number, Rng, Value
from ..engine.procedural.weathering import ATTRIBUTES
from . import colors as color_names
from . import phrasing, related

FAMILY = "family"
"""Key of spans that name the material itself."""


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` of the text set ``key``, a parameter's name or :data:`FAMILY`."""

    start: int
    end: int
    key: str


@dataclass(frozen=True, kw_only=True)
class Caption:
    """One sample.

    ``mentioned`` has the parsed values that the text states; ``values`` all parameters of the family, natural
    where nothing is said.  ``noun`` is empty when the material is left open, and ``family`` when the text
    is no material at all.  ``colors`` are the words behind mentioned colours.
    """

    text: str
    family: str
    noun: str = ""
    mentioned: Mapping[str, Value] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """Something that can be said: ``text`` placed before ("pre"), after ("post") or about ("is") the noun."""

    text: str
    place: str
    key: str
    value: Value
    color: str = ""


_Piece = tuple[str, str]

# Share of training captions that name the material by a related phrase instead of one of its nouns.
_RELATED_SHARE = 0.35


def reserved_pair(family: str, what: str) -> bool:
    """Whether a family and a colour term or attribute are never seen together in training."""
    return zlib.crc32(f"{family}|{what}".encode()) % 11 == 0


def reserved_text(text: str) -> bool:
    """Whether a caption is kept for evaluation (one in sixteen, by its letters)."""
    return zlib.crc32(text.lower().encode()) % 16 == 0


class Grammar:
    """Writes captions for a registry of families.

    ``split`` of :meth:`caption` is one of ``train``, ``held_out`` (same language, other texts),
    ``combinations`` (at least one reserved pair), ``nouns`` (held-out nouns), ``colors`` (held-out colour
    words).
    """

    def __init__(self, families: Mapping[str, Family]) -> None:
        self.families = families
        self._names = tuple(families)
        self.related = related.phrases(families)
        taken = self._taken()
        usable = [name for name in color_names.table() if name not in taken]
        self.color_names = tuple(name for name in usable if not color_names.held_out(name))
        self.held_out_colors = tuple(name for name in usable if color_names.held_out(name))

    def _taken(self) -> set[str]:
        """Words that name a material or say something else about one: no colours here."""
        phrases: set[str] = set()
        for family in self.families.values():
            phrases.update(phrase.lower() for phrase in (*family.nouns, *family.held_out_nouns))
            for item in family.all_parameters():
                if isinstance(item, Number):
                    phrases.update(phrase.lower() for phrase in item.words)
                elif isinstance(item, Choice):
                    phrases.update(phrase.lower() for options in item.options.values() for phrase in options)
        singles = {stem(phrase) for phrase in phrases if " " not in phrase}
        return phrases | {name for name in color_names.table() if " " not in name and stem(name) in singles}

    def caption(self, rng: Rng, split: str = "train", family: str | None = None) -> Caption:
        """One caption; ``family`` None picks one, all equally likely.

        Raises:
            ValueError: no such split, or the split cannot be written for that family.
        """
        if split not in ("train", "held_out", "combinations", "nouns", "colors"):
            raise ValueError(f"No split {split!r}.")
        for _ in range(400):
            name = family or str(rng.choice(self._names))
            made = self._try(rng, split, self.families[name])
            if made is not None:
                return made
        raise ValueError(f"No caption of split {split} could be written.")

    def out_of_domain(self, rng: Rng, held_out: bool = False) -> Caption:
        """A text about something that is no material."""
        things = phrasing.UNKNOWN_THINGS if held_out else phrasing.THINGS
        template = str(rng.choice(phrasing.OUT_OF_DOMAIN))
        first, second = (str(thing) for thing in rng.choice(things, 2, replace=False))
        text = template.format(x=first, y=second)
        if rng.random() < 0.25:
            text = f"{rng.choice(self._words())} {text}"
        if rng.random() < 0.15:
            text = f"{rng.choice(phrasing.PREFIXES)} {text}"
        return Caption(text=_case(text, rng), family="")

    def _words(self) -> Sequence[str]:
        return [phrase for number in ATTRIBUTES.values() for phrase in number.words if is_adjective(phrase)] + list(
            color_names.BASIC
        )

    def _try(self, rng: Rng, split: str, family: Family) -> Caption | None:
        nouns = family.held_out_nouns if split == "nouns" else family.nouns
        if not nouns:
            return None
        facts = self._facts(rng, split, family)
        if facts is None:
            return None
        unnamed = split == "train" and bool(facts) and rng.random() < 0.035
        noun = "" if unnamed else _pick_noun(rng, nouns, common=split != "nouns")
        others = self.related.get(family.name, ())
        if noun and others and split == "train" and rng.random() < _RELATED_SHARE:
            noun = str(others[int(rng.integers(len(others)))])
        pieces = _Writer(rng, family, noun, facts).write()
        text, spans = _join(pieces, rng, careless=split in ("train", "held_out"))
        # The other splits differ from training by what they say; these two only by the text itself.
        if (split == "train" and reserved_text(text)) or (split == "held_out" and not reserved_text(text)):
            return None
        mentioned = {fact.key: fact.value for fact in facts}
        return Caption(
            text=text,
            family=family.name,
            noun=noun,
            mentioned=mentioned,
            values=family.sample(rng, mentioned),
            spans=spans,
            colors={fact.key: fact.color for fact in facts if fact.color},
        )

    def _facts(self, rng: Rng, split: str, family: Family) -> list[Fact] | None:
        count = int(rng.choice(6, p=(0.12, 0.3, 0.28, 0.17, 0.09, 0.04)))
        wanted = split in ("combinations", "colors")
        if wanted:
            count = max(count, 1)
        facts: list[Fact] = []
        reserved = False
        candidates = _candidates(rng, family)
        for item in candidates:
            if len(facts) >= count:
                break
            if isinstance(item, Color):
                made = self._color_fact(rng, split, family, item)
                term = _term(made.color)
            elif isinstance(item, Number):
                made = _number_fact(rng, item)
                term = item.name if item.name in ATTRIBUTES else ""
            else:
                assert isinstance(item, Choice)
                made = _choice_fact(rng, item)
                term = ""
            pair = bool(term) and reserved_pair(family.name, f"{made.key}:{term}")
            if pair and split != "combinations":
                continue
            reserved |= pair
            facts.append(made)
        if split == "combinations" and not reserved:
            return None
        if split == "colors" and not any(fact.color in self.held_out_colors for fact in facts):
            return None
        return facts

    def _color_fact(self, rng: Rng, split: str, family: Family, item: Color) -> Fact:
        held_out = split == "colors" and bool(self.held_out_colors)
        color = color_names.sample_name(rng, self.held_out_colors if held_out else self.color_names)
        if held_out:
            color = color_names.ColorName(color.base, color.base)
        value = color_names.meaning(color, family, item.name)
        if not item.parts:
            kinds = ("pre", "pre", "pre", "pre", "is", "post")
            place = str(rng.choice(kinds))
            if place == "post":
                text = f"{rng.choice(('in', 'in', 'colored', 'coloured', 'in a shade of'))} {color.text}"
                return Fact(text, place, item.name, value, color.text)
            return Fact(color.text, place, item.name, value, color.text)
        part = str(rng.choice(item.parts))
        forms: tuple[Callable[[], str], ...] = (
            lambda: f"with {color.text} {part}",
            lambda: f"with {color.text} {part}",
            lambda: f"with {color.text} {part}",
            lambda: f"{color.text} {part}",
            lambda: f"and {color.text} {part}",
            lambda: f"with {part} in {color.text}",
            lambda: f"the {part} {'are' if part.endswith('s') else 'is'} {color.text}",
        )
        text = forms[int(rng.integers(len(forms)))]()
        place = "sentence" if text.startswith("the ") else ("tag" if text.startswith(color.text) else "post")
        return Fact(text, place, item.name, value, color.text)


def _term(color: str) -> str:
    """The basic term or name that a reserved pair is about."""
    parsed = color_names.parse_name(color)
    return parsed.base if parsed else color


def _pick_noun(rng: Rng, nouns: Sequence[str], *, common: bool) -> str:
    if not common:
        return str(rng.choice(list(nouns)))
    # The commonest first: it is twice as frequent as the others.
    index = int(rng.integers(-1, len(nouns)))
    return nouns[max(index, 0)]


def _candidates(rng: Rng, family: Family) -> list[Color | Number | Choice]:
    """Parameters in random order; colours and attributes come first more often."""
    weighted: list[tuple[float, Color | Number | Choice]] = []
    for item in family.all_parameters():
        if isinstance(item, Color):
            weight = 2.2 if item.name == "color" else 1.0
        elif isinstance(item, Number):
            if not item.words:
                continue
            weight = 1.0 if item.name in ATTRIBUTES else 0.8
        elif isinstance(item, Choice):
            weight = 1.2
        else:
            continue
        # Weighted order without replacement (Efraimidis and Spirakis, 2006).
        weighted.append((float(rng.random()) ** (1.0 / weight), item))
    return [item for _, item in sorted(weighted, key=lambda pair: -pair[0])]


def _number_fact(rng: Rng, item: Number) -> Fact:
    phrases = list(item.words.items())
    nouns = ATTRIBUTE_NOUNS.get(item.name, ())
    if nouns and rng.random() < 0.3:
        noun = str(rng.choice(nouns))
        if rng.random() < 0.3:
            text = str(rng.choice(("no", "without", "without any", "no visible", "free of"))) + f" {noun}"
            return Fact(text, "tag" if text.startswith("no ") else "post", item.name, item.low)
        plural = noun.endswith("s")
        amount = str(
            rng.choice(
                [word for word in QUANTIFIERS if word not in ("much", "a bit of")]
                if plural
                else [word for word in QUANTIFIERS if word not in ("many", "a few")]
            )
        )
        value = intensify(item, USUAL_AMOUNT, QUANTIFIERS[amount])
        return Fact(f"with {amount} {noun}".replace("  ", " "), "post", item.name, value)
    phrase, value = phrases[int(rng.integers(len(phrases)))]
    value = item.clip(value)
    if not is_adjective(phrase):
        text = after_noun(phrase)
        return Fact(text, "post", item.name, value)
    place = str(rng.choice(("pre", "pre", "pre", "is")))
    chance = rng.random()
    far = abs(item.to_unit(value) - neutral_unit(item))
    if chance < 0.3 and " " not in phrase and far > 0.2:
        adverb = str(rng.choice(list(INTENSIFIERS)))
        return Fact(f"{adverb} {phrase}", place, item.name, intensify(item, value, INTENSIFIERS[adverb]))
    if chance < 0.38 and far > 0.25 and (item.name in ATTRIBUTES or item.name == "gloss"):
        text = str(rng.choice(("not {}", "not {}", "not {} at all", "never {}", "not too {}"))).format(phrase)
        if text.startswith("not too"):
            return Fact(text, "is", item.name, intensify(item, value, 0.45))
        return Fact(text, "is", item.name, negate(item, value))
    return Fact(phrase, place, item.name, value)


def _choice_fact(rng: Rng, item: Choice) -> Fact:
    options = [name for name in item.options if item.options[name]]
    name = str(rng.choice(options))
    phrase = str(rng.choice(item.options[name]))
    if not is_adjective(phrase):
        return Fact(phrase if phrase.split()[0] != "with" else after_noun(phrase), "post", item.name, name)
    if " " in phrase and rng.random() < 0.45:
        return Fact(f"{rng.choice(('in', 'in', 'with', 'in a'))} {phrase}", "post", item.name, name)
    return Fact(phrase, str(rng.choice(("pre", "pre", "tag"))), item.name, name)


class _Writer:
    """Puts a noun and facts into words, as pieces with the key they set."""

    def __init__(self, rng: Rng, family: Family, noun: str, facts: Sequence[Fact]) -> None:
        self.rng = rng
        self.family = family
        self.noun = noun
        self.pre = [fact for fact in facts if fact.place == "pre"]
        self.post = [fact for fact in facts if fact.place == "post"]
        self.tag = [fact for fact in facts if fact.place == "tag"]
        self.about = [fact for fact in facts if fact.place == "is"]
        self.sentences = [fact for fact in facts if fact.place == "sentence"]

    def write(self) -> list[_Piece]:
        """Pieces in order; a key of "" sets nothing."""
        style = self.rng.random()
        body = self._tags() if style < 0.16 else self._natural()
        return self._dress(body)

    def _chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _one(self, options: Sequence[str]) -> str:
        return str(options[int(self.rng.integers(len(options)))])

    def _noun_pieces(self) -> list[_Piece]:
        if not self.noun:
            return [(self._one(phrasing.UNNAMED), "")]
        noun = self.noun
        if self._chance(0.08):
            noun = phrasing.other_number(noun)
        pieces: list[_Piece] = []
        if self.family.modifiers and self._chance(0.15):
            pieces.append((self._one(self.family.modifiers), ""))
        return [*pieces, (noun, FAMILY)]

    def _tags(self) -> list[_Piece]:
        parts = [[(fact.text, fact.key)] for fact in (*self.pre, *self.about, *self.tag, *self.post)]
        self.rng.shuffle(parts)
        noun = self._noun_pieces()
        parts.insert(0 if self._chance(0.6) else int(self.rng.integers(len(parts) + 1)), noun)
        if self._chance(0.3):
            parts.append([(self._one(phrasing.SUFFIXES), "")])
        pieces: list[_Piece] = []
        separator = self._one((",", ",", ",", ";", " /", "" if not (self.post or self.tag) else ","))
        for index, part in enumerate(parts):
            if index and separator:
                pieces.append((separator, ""))
            pieces.extend(part)
        return pieces + self._extra_sentences()

    def _natural(self) -> list[_Piece]:
        pre = list(self.pre)
        self.rng.shuffle(pre)  # type: ignore[arg-type]
        late = [*self.about, *pre[3:]]
        pieces: list[_Piece] = []
        for index, fact in enumerate(pre[:3]):
            if index:
                joint = self._one(("", "", "", ",", ",", "and"))
                if joint:
                    pieces.append((joint, ""))
            pieces.append((fact.text, fact.key))
        pieces += self._noun_pieces()
        if self._chance(0.05):
            pieces = [(self._one(phrasing.CARRIERS), ""), ("made of", ""), *pieces]
        post = [*self.post, *self.tag]
        self.rng.shuffle(post)  # type: ignore[arg-type]
        for index, fact in enumerate(post):
            if fact.place == "tag":
                pieces.append((",", ""))
            elif index and not fact.text.startswith("and "):
                joint = self._one(("", ",", "and"))
                if joint:
                    pieces.append((joint, ""))
            pieces.append((fact.text, fact.key))
        return pieces + self._late(late) + self._extra_sentences()

    def _late(self, facts: Sequence[Fact]) -> list[_Piece]:
        if not facts:
            return []
        pieces: list[_Piece] = []
        style = self._one(
            (", ", ", ", ", ", "that is", "which is", "that looks", ". it is", ". it looks", "but", "and")
        )
        if style == ", ":
            for fact in facts:
                pieces += [(",", ""), (fact.text, fact.key)]
            return pieces
        if style.startswith("."):
            pieces.append((".", ""))
            style = style[2:]
        pieces.append((style, ""))
        for index, fact in enumerate(facts):
            if index:
                pieces.append((self._one(("and", ",")), ""))
            pieces.append((fact.text, fact.key))
        return pieces

    def _extra_sentences(self) -> list[_Piece]:
        pieces: list[_Piece] = []
        for fact in self.sentences:
            pieces += [(self._one((".", ",", ", and", ";")), ""), (fact.text, fact.key)]
        return pieces

    def _dress(self, body: list[_Piece]) -> list[_Piece]:
        pieces = body
        chance = self.rng.random()
        if chance < 0.2:
            pieces = [(self._one(phrasing.PREFIXES), ""), *pieces]
        elif chance < 0.5:
            first = self._one(phrasing.TITLES)
            if first == "a":
                first = phrasing.article(body[0][0])
            if first:
                pieces = [(first, ""), *pieces]
        if self._chance(0.18):
            suffix = self._one(phrasing.SUFFIXES)
            if self._chance(0.4):
                pieces = [*pieces, (",", "")]
            pieces = [*pieces, (suffix, "")]
        if self._chance(0.1):
            pieces = [*pieces, *([(",", "")] if self._chance(0.3) else []), (self._one(phrasing.PLACES), "")]
        if self._chance(0.08):
            pieces = [*pieces, (self._one((".", "!", "...", "please", "thanks")), "")]
        return pieces


def _join(pieces: Sequence[_Piece], rng: Rng, *, careless: bool) -> tuple[str, tuple[Span, ...]]:
    """Text of the pieces and where each key stands in it."""
    edited = [(phrasing.spelling(text, rng), key) for text, key in pieces]
    if careless and rng.random() < 0.06:
        index = int(rng.integers(len(edited)))
        edited[index] = (phrasing.typo(edited[index][0], rng), edited[index][1])
    text = ""
    spans: list[Span] = []
    for piece, key in edited:
        if text and not piece.startswith((",", ".", ";", "!")):
            text += " "
        start = len(text)
        text += piece
        if key:
            spans.append(Span(start, len(text), key))
    return _case(text, rng), tuple(spans)


def _case(text: str, rng: Rng) -> str:
    chance = rng.random()
    if chance < 0.12:
        return text[:1].upper() + text[1:]
    if chance < 0.15:
        return text.title()
    return text.upper() if chance < 0.165 else text


def vocabulary_texts(grammar: Grammar) -> set[str]:
    """Every word that a training caption can hold, in lower case; held-out nouns and colours are not in it."""
    phrases: list[str] = list(grammar.color_names)
    for modifier in ("very", "dark", "deep", "light", "pale", "pastel", "bright", "vivid", "muted", "dull", "faded"):
        phrases.append(modifier)
    phrases += ["soft", "rich", "warm", "cool", "color", "colour", "colored", "coloured", "shade", "tone", "tones"]
    for family in grammar.families.values():
        phrases += [family.title, *family.nouns, *family.modifiers]
        phrases += [phrasing.other_number(noun) for noun in family.nouns]
        phrases += grammar.related.get(family.name, ())
        for item in family.all_parameters():
            if isinstance(item, Number):
                phrases += item.words
            elif isinstance(item, Choice):
                phrases += [phrase for options in item.options.values() for phrase in options]
            elif isinstance(item, Color):
                phrases += item.parts
    for table in (INTENSIFIERS, QUANTIFIERS, *ATTRIBUTE_NOUNS.values()):
        phrases += table
    phrases += [*phrasing.PREFIXES, *phrasing.SUFFIXES, *phrasing.PLACES, *phrasing.CARRIERS, *phrasing.UNNAMED]
    return {word for phrase in phrases for word, _, _ in words(phrase)}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions from the registry of families: a text, the family, and what the text says about its parameters.

Only what is said counts as mentioned.  Three kinds of things are kept out of training, for evaluation: some
nouns (:func:`held_out_noun`), some colour words, and some pairs of a family with a colour or attribute.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

from ..engine import color_names
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
from . import phrasing, related
from .colors import held_out as held_out_color
from .colors import sample_name
from .sentences import FAMILY, Fact, Span, Writer, join


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


# Share of training captions that name the material by a related phrase instead of one of its nouns.
_RELATED_SHARE = 0.6


def reserved_pair(family: str, what: str) -> bool:
    """Whether a family and a colour term or attribute are never seen together in training."""
    return zlib.crc32(f"{family}|{what}".encode()) % 11 == 0


def reserved_text(text: str) -> bool:
    """Whether a caption is kept for evaluation (one in sixteen, by its letters)."""
    return zlib.crc32(text.lower().encode()) % 16 == 0


def held_out_noun(noun: str) -> bool:
    """Whether training never meets this name of a material: one in eight, by the SHA-256 of its stems."""
    key = " ".join(related.stems(noun))
    return hashlib.sha256(f"noun {key}".encode()).digest()[0] % 8 == 0


def implied_options(family: Family, noun: str) -> dict[str, Value]:
    """Options that a name of the material says by itself: ``shape: subway`` of "subway tiles"."""
    found: dict[str, Value] = {}
    parts = related.stems(noun)
    for item in family.all_parameters():
        if not isinstance(item, Choice) or not noun:
            continue
        said = {
            name
            for name, phrases in item.options.items()
            if any(related.contains(parts, related.stems(phrase)) for phrase in phrases)
        }
        if len(said) == 1:
            found[item.name] = said.pop()
    return found


class Grammar:
    """Writes captions for a registry of families.

    ``split`` of :meth:`caption` is one of ``train``, ``held_out`` (same language, other texts),
    ``combinations`` (at least one reserved pair), ``nouns`` (held-out nouns and usual phrases), ``many``
    (held-out names of the long list), ``colors`` (held-out colour words).
    """

    def __init__(self, families: Mapping[str, Family]) -> None:
        self.families = families
        self._names = tuple(families)
        self.nouns: dict[str, tuple[str, ...]] = {}
        self.related: dict[str, tuple[str, ...]] = {}
        self.held_out_nouns: dict[str, tuple[str, ...]] = {}
        self.held_out_many: dict[str, tuple[str, ...]] = {}
        self._share_out()
        taken = self._taken()
        usable = [name for name in color_names.table() if name not in taken]
        self.color_names = tuple(name for name in usable if not held_out_color(name))
        self.held_out_colors = tuple(name for name in usable if held_out_color(name))

    def _share_out(self) -> None:
        """Which names of each material training uses, and which it never sees: those that a hash picks."""
        usual = related.phrases(self.families, related.USUAL)
        many = related.phrases(self.families, related.MANY)
        pools = {
            name: tuple(dict.fromkeys((*family.nouns, *family.rare_nouns, *usual.get(name, ()))))
            for name, family in self.families.items()
        }
        for name, pool in pools.items():
            # The two commonest names are what anybody would train with.
            self.held_out_nouns[name] = tuple(noun for noun in pool[2:] if held_out_noun(noun))
        unseen = {related.stems(noun) for nouns in self.held_out_nouns.values() for noun in nouns}
        for name, pool in pools.items():
            more = [noun for noun in many.get(name, ()) if noun not in pool and not _holds(noun, unseen)]
            self.held_out_many[name] = tuple(noun for noun in more if held_out_noun(noun))
            # Such names are often plain words ("desk", "lane") that other materials' names hold as well.
            own_unseen = {related.stems(noun) for noun in self.held_out_many[name]}
            known = [noun for index, noun in enumerate(pool) if index < 2 or not _holds(noun, unseen)]
            known = known[:2] + [noun for noun in (*known[2:], *more) if not _holds(noun, own_unseen)]
            own = set(self.families[name].nouns)
            # "Blue ice" says a colour; as a name it would teach that "blue" says none.
            named = [noun for noun in known if not set(noun.lower().split()) & set(color_names.BASIC)] or known[:2]
            self.nouns[name] = tuple(noun for noun in named if noun in own)
            self.related[name] = tuple(noun for noun in named if noun not in own)

    def known(self, family: str) -> tuple[str, ...]:
        """All names of a material that training uses."""
        return (*self.nouns[family], *self.related[family])

    def _taken(self) -> set[str]:
        """Words that name a material or say something else about one: no colours here."""
        phrases: set[str] = set()
        for family in self.families.values():
            phrases.update(phrase.lower() for phrase in (*family.nouns, *family.rare_nouns))
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
        if split not in ("train", "held_out", "combinations", "nouns", "many", "colors"):
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
        return Caption(text=phrasing.case(text, rng), family="")

    def _words(self) -> Sequence[str]:
        return [phrase for number in ATTRIBUTES.values() for phrase in number.words if is_adjective(phrase)] + list(
            color_names.BASIC
        )

    def _try(self, rng: Rng, split: str, family: Family) -> Caption | None:
        pools = {"nouns": self.held_out_nouns, "many": self.held_out_many}
        nouns = pools.get(split, self.nouns)[family.name]
        if not nouns:
            return None
        facts = self._facts(rng, split, family)
        if facts is None:
            return None
        unnamed = split == "train" and bool(facts) and rng.random() < 0.035
        noun = "" if unnamed else _pick_noun(rng, nouns, common=split not in pools)
        others = self.related.get(family.name, ())
        if noun and others and split == "train" and rng.random() < _RELATED_SHARE:
            noun = str(others[int(rng.integers(len(others)))])
        implied = implied_options(family, noun)
        facts = [fact for fact in facts if fact.key not in implied]
        color = related.implied_color(family, noun)
        if color is not None and all(fact.key != "color" for fact in facts):
            implied["color"] = color
        pieces = Writer(rng, family, noun, facts).write()
        text, spans = join(pieces, rng, careless=split in ("train", "held_out"))
        spans += tuple(Span(span.start, span.end, key) for span in spans if span.key == FAMILY for key in implied)
        # The other splits differ from training by what they say; these two only by the text itself.
        if (split == "train" and reserved_text(text)) or (split == "held_out" and not reserved_text(text)):
            return None
        mentioned: dict[str, Value] = {fact.key: fact.value for fact in facts} | implied
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
        color = sample_name(rng, self.held_out_colors if held_out else self.color_names)
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


def _holds(noun: str, parts: Set[tuple[str, ...]]) -> bool:
    """Whether a name holds one of those names, word for word."""
    own = related.stems(noun)
    # There are thousands of names and a handful of stretches of words in one.
    return any(own[start:stop] in parts for start, stop in combinations(range(len(own) + 1), 2))


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


def _telling(names: Sequence[str]) -> set[str]:
    """Words of names that tell the material: alone, or in several of its names ("cat" of "cat tree carpet" not)."""
    parts = [{word for word, _, _ in words(name)} for name in names]
    counts = Counter(word for part in parts for word in part)
    return {word for part in parts for word in part if len(part) == 1 or counts[word] > 1}


def vocabulary_texts(grammar: Grammar) -> set[str]:
    """The words that training teaches, in lower case; held-out nouns and colours are not in it."""
    phrases: list[str] = list(grammar.color_names)
    for modifier in ("very", "dark", "deep", "light", "pale", "pastel", "bright", "vivid", "muted", "dull", "faded"):
        phrases.append(modifier)
    phrases += ["soft", "rich", "warm", "cool", "color", "colour", "colored", "coloured", "shade", "tone", "tones"]
    for family in grammar.families.values():
        nouns = grammar.nouns[family.name]
        phrases += [family.title, *nouns, *family.modifiers]
        phrases += [phrasing.other_number(noun) for noun in nouns]
        phrases += _telling(grammar.related.get(family.name, ()))
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""More captions for a material that is drawn already: other words, other facts, all true of it."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.procedural.parameters import Choice, Color, Number, Rng, Value
from ..engine.procedural.weathering import ATTRIBUTES
from .captions import (
    _RELATED_SHARE,
    Grammar,
    _candidates,
    _choice_fact,
    _number_fact,
    _pick_noun,
    _term,
    implied_options,
    reserved_pair,
    reserved_text,
)
from .colors import difference
from .sentences import Fact, Writer, join

COLOR_DISTANCE = 9.0
"""CIEDE2000 up to which a color's name is taken to be right."""
UNIT_DISTANCE = 0.14
"""Part of a parameter's range up to which a word for an amount is taken to be right."""

_TRIES = 24


def recaption(grammar: Grammar, rng: Rng, family: str, values: Mapping[str, Value]) -> str:
    """A training caption of a material with these parsed ``values``; no pair or text kept for evaluation is in it.

    Raises:
        ValueError: no text could be found that is not kept for evaluation.
    """
    kind = grammar.families[family]
    for _ in range(60):
        count = int(rng.choice(6, p=(0.14, 0.3, 0.27, 0.17, 0.08, 0.04)))
        others = grammar.related.get(family, ())
        if others and rng.random() < _RELATED_SHARE:
            noun = str(others[int(rng.integers(len(others)))])
        else:
            noun = _pick_noun(rng, grammar.nouns[family], common=True)
        implied = implied_options(kind, noun)
        # A name that says an option the material does not have would be a lie.
        if any(values.get(key) != value for key, value in implied.items()):
            continue
        facts: list[Fact] = []
        for item in _candidates(rng, kind):
            if len(facts) >= count:
                break
            if item.name in implied or item.name not in values:
                continue
            fact = true_fact(grammar, rng, family, item, values[item.name])
            if fact is not None:
                facts.append(fact)
        text, _ = join(Writer(rng, kind, noun, facts).write(), rng, careless=True)
        if not reserved_text(text):
            return text
    raise ValueError(f"No training caption for {family} could be written.")


def true_fact(grammar: Grammar, rng: Rng, family: str, item: Color | Number | Choice, value: Value) -> Fact | None:
    """Something that can be said of one parameter with this ``value``; None where nothing was found that is true."""
    for _ in range(_TRIES):
        if isinstance(item, Color):
            fact = grammar._color_fact(rng, "train", grammar.families[family], item)
            term = _term(fact.color)
            true = difference(fact.value, value) <= COLOR_DISTANCE  # type: ignore[arg-type]
        elif isinstance(item, Number):
            fact = _number_fact(rng, item)
            term = item.name if item.name in ATTRIBUTES else ""
            true = abs(item.to_unit(float(fact.value)) - item.to_unit(float(value))) <= UNIT_DISTANCE  # type: ignore[arg-type]
        else:
            fact, term = _choice_fact(rng, item), ""
            true = fact.value == value
        if true and not (term and reserved_pair(family, f"{fact.key}:{term}")):
            return fact
    return None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that the learned model is asked, what must be seen in its answers, and whether it is.

Captions of the grammar that training never saw, designers' prompts in English and Chinese, and texts of two materials.
Each has a true material beside it, so that the judge's own errors can be told from the model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..engine.color_names import categories, meaning, parse_name
from ..engine.procedural.family import Family, families
from ..engine.procedural.parameters import Choice, Color, Lab, Number, Value
from ..engine.procedural.weathering import ATTRIBUTES
from .blended import blended
from .captions import Grammar
from .colors import NEAR, difference
from .evaluate import Prompt, number_is_right
from .learned_judge import Verdict
from .statistics import Estimate, estimate
from .true_materials import Order, Other

SEED = 40_000
"""Seed of the captions that are drawn; training uses others, and other texts besides."""

REFERENCE_SEED = 60_000
"""Seed of the captions whose true materials all sets are compared with; none of them is drawn by a model."""

_SAID: Mapping[str, float] = {"high": 0.8, "some": 0.35, "low": 0.0}
"""What a designer's word for an attribute stands for, as :func:`.evaluate.number_is_right` takes it."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One text.

    Attributes:
        text: as a user would write it.
        families: any of which may be seen; empty where the text leaves the material open.
        mentioned: values that it states, of the true material's family.
        truth: the true material.
    """

    text: str
    families: tuple[str, ...]
    mentioned: Mapping[str, Value]
    truth: Order


def captions(grammar: Grammar, count: int, seed: int = SEED) -> list[Asked]:
    """Held-out captions; number n is the same for any count."""
    found = []
    for number in range(count):
        caption = grammar.caption(np.random.default_rng((seed, number)), "held_out")
        order = Order(family=caption.family, values=caption.values, seed=seed + number)
        allowed = (caption.family,) if caption.noun else ()
        found.append(Asked(text=caption.text, families=allowed, mentioned=caption.mentioned, truth=order))
    return found


def of_prompts(prompts: Sequence[Prompt], names: Sequence[str], count: int, seed: int = SEED) -> list[Asked]:
    """Hand-written prompts, ``count`` of them at most and then evenly through the list; ``names`` the judge knows."""
    usable = [prompt for prompt in prompts if set(prompt.families) <= set(names)]
    chosen = np.unique(np.linspace(0, len(usable) - 1, min(count, len(usable))).round().astype(int)) if usable else []
    found = []
    for number in map(int, chosen):
        prompt = usable[number]
        family = families()[prompt.families[0]]
        given = _given(prompt, family)
        values = family.sample(np.random.default_rng((seed, number, 3)), given)
        order = Order(family=family.name, values=values, seed=seed + number)
        found.append(Asked(text=prompt.text, families=prompt.families, mentioned=given, truth=order))
    return found


def _given(prompt: Prompt, family: Family | type[Family]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, word in prompt.colors.items():
        color = parse_name(word)
        if color is not None and isinstance(family.parameter(key), Color):
            found[key] = meaning(color, family, key)
    for key, word in prompt.attributes.items():
        item = family.parameter(key)
        if isinstance(item, Number) and word in _SAID:
            found[key] = item.from_unit(_SAID[word])
        elif isinstance(item, Choice) and word in item.options:
            found[key] = word
    return found


def blends(grammar: Grammar, count: int, seed: int = SEED) -> list[Asked]:
    """Texts of two materials that training never saw; none where the grammar has no two that go together."""
    found: list[Asked] = []
    for number in range(count):
        try:
            made = blended(grammar, np.random.default_rng((seed, number, 4)), held_out=True)
        except ValueError:
            break
        second = made.second
        both = (made.first, second.family.name)
        other = Other(mode=second.mode, family=both[1], values=second.values, amount=second.amount)
        order = Order(family=both[0], values=made.values, seed=seed + number, second=other)
        found.append(Asked(text=made.text, families=both, mentioned={}, truth=order))
    return found


@dataclass
class Agreement:
    """Samples of 1 (as the text says) and 0 (not)."""

    material: list[float] = field(default_factory=list)
    color: list[float] = field(default_factory=list)
    attributes: list[float] = field(default_factory=list)

    def rows(self) -> dict[str, Estimate]:
        """Shares in per cent."""
        return {name: estimate(found).scaled(100.0) for name, found in vars(self).items() if found}


def agreement(texts: Sequence[Asked], verdict: Verdict) -> Agreement:
    """Compare what texts say with what the judge saw.

    A color is right when people would call both by a common basic term, or when they are near each other, since many
    have no such term (teal, beige, olive); an attribute when it is on the right side (see
    :func:`.evaluate.number_is_right`).
    """
    found = Agreement()
    for index, asked in enumerate(texts):
        if asked.families:
            found.material.append(float(verdict.family[index] in asked.families))
        for item in families()[asked.truth.family].all_parameters():
            said = asked.mentioned.get(item.name)
            if said is None:
                continue
            if isinstance(item, Color) and item.name == "color":
                assert isinstance(said, tuple)
                found.color.append(float(_same_color(said, verdict.color[index])))
            elif isinstance(item, Number) and item.name in ATTRIBUTES:
                assert isinstance(said, (int, float))
                seen = item.from_unit(verdict.attributes[index][item.name])
                found.attributes.append(float(number_is_right(item, float(said), seen)))
    return found


def _same_color(said: Lab, seen: Lab) -> bool:
    return bool(categories(said) & categories(seen)) or difference(said, seen) <= NEAR


def both_seen(texts: Sequence[Asked], verdict: Verdict) -> dict[str, Estimate]:
    """Of blends, in per cent: both materials are the judge's two likeliest, both among its five, one the likeliest."""
    pairs = [set(asked.families) for asked in texts]
    cases = {
        "both of two": [float(pair == set(ranked[:2])) for pair, ranked in zip(pairs, verdict.ranked, strict=True)],
        "both of five": [float(pair <= set(ranked)) for pair, ranked in zip(pairs, verdict.ranked, strict=True)],
        "one": [float(ranked[0] in pair) for pair, ranked in zip(pairs, verdict.ranked, strict=True)],
    }
    return {name: estimate(found).scaled(100.0) for name, found in cases.items() if found}

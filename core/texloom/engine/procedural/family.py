# SPDX-License-Identifier: GPL-3.0-or-later
"""What a material family is, and the registry of all of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import numpy as np

from .color import hex_to_lab
from .parameters import Choice, Color, Number, Parameter, Params, Rng, Value, jitter_color, to_json
from .surface import Surface
from .tile import Canvas
from .weathering import ATTRIBUTES


class Family:
    """One kind of material: how it is called, what can be said about it, and how it is drawn.

    To add one, put a file with a subclass into ``families/``; nothing else needs to know.

    Attributes:
        name: identifier in results and requests.
        title: words in an interface.
        nouns: phrases that mean this material, the commonest first; used in captions for training.
        rare_nouns: further names of it, less usual; known from training like the others.
        modifiers: neutral words that may stand beside the noun and change nothing ("exterior", "garden").
        tile_width_m: natural width of a tile in metres.
        palettes: natural sets of colours by parameter name; one is picked, then varied a little.
        parameters: own parameters, the main ``color`` first.
        attributes: names of shared attributes from :data:`weathering.ATTRIBUTES` that make sense here.
        overrides: other natural values or words for a shared attribute of this family.
        glossy: whether "polished", "matte" … apply, through a ``gloss`` parameter of the family.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    nouns: ClassVar[tuple[str, ...]]
    rare_nouns: ClassVar[tuple[str, ...]] = ()
    modifiers: ClassVar[tuple[str, ...]] = ()
    tile_width_m: ClassVar[float] = 2.0
    palettes: ClassVar[tuple[Mapping[str, str], ...]]
    parameters: ClassVar[tuple[Parameter, ...]]
    attributes: ClassVar[tuple[str, ...]] = ("wear", "cracks", "dirt", "moss", "dust", "snow", "wetness")
    overrides: ClassVar[Mapping[str, Number]] = {}

    @classmethod
    def all_parameters(cls) -> tuple[Parameter, ...]:
        """Own parameters and those of the shared attributes."""
        return cls.parameters + tuple(cls.overrides.get(name, ATTRIBUTES[name]) for name in cls.attributes)

    @classmethod
    def parameter(cls, name: str) -> Parameter | None:
        """The parameter of that name, or None."""
        return next((item for item in cls.all_parameters() if item.name == name), None)

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """Natural values for all parameters; those in ``given`` are kept as they are.

        Colours come from one palette, so that they suit each other.  When the main colour is given, the
        palette nearest to it in hue and lightness provides the others.
        """
        given = given or {}
        palette = cls._palette(rng, given)
        values: dict[str, Value] = {}
        for item in cls.all_parameters():
            # Drawn even when given: what a prompt says must not change what it leaves open.
            if isinstance(item, Color):
                natural: Value = jitter_color(hex_to_lab(palette[item.name]), item.spread, rng)
            elif isinstance(item, (Number, Choice)):
                natural = item.sample(rng)
            else:
                raise TypeError(f"{cls.name}: {type(item).__name__} is no kind of parameter.")
            values[item.name] = given.get(item.name, natural)
        return values

    @classmethod
    def _palette(cls, rng: Rng, given: Mapping[str, Value]) -> Mapping[str, str]:
        picked = cls.palettes[int(rng.integers(len(cls.palettes)))]
        wanted = {key: value for key, value in given.items() if key in picked and isinstance(value, tuple)}
        if not wanted:
            return picked

        def distance(palette: Mapping[str, str]) -> float:
            return sum(
                float(np.square(np.subtract(hex_to_lab(palette[key]), value)).sum()) for key, value in wanted.items()
            )

        return min(cls.palettes, key=distance)

    @classmethod
    def to_json(cls, values: Mapping[str, Value]) -> dict[str, str | float]:
        """Values as they stand in requests and manifests."""
        return {item.name: to_json(item, values[item.name]) for item in cls.all_parameters()}

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        """Draw one band, without the shared attributes, which are applied after it."""
        raise NotImplementedError


@cache
def families() -> Mapping[str, Family]:
    """All families by name, in a fixed order."""
    package = importlib.import_module(".families", __package__)
    found: dict[str, Family] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        loaded = importlib.import_module(f".families.{module.name}", __package__)
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Family) and value.__module__ == loaded.__name__:
                if value.name in found:
                    raise ValueError(f"Two families are called {value.name}.")
                found[value.name] = value()
    return dict(sorted(found.items()))

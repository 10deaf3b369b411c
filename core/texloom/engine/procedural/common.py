# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that many families share besides the weathering attributes, with one meaning everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from .parameters import Choice, Number
from .weathering import size_words

GLOSS: Mapping[str, float] = {
    "polished": 0.9,
    "glossy": 0.9,
    "shiny": 0.85,
    "mirror-like": 1.0,
    "lacquered": 0.9,
    "satin": 0.5,
    "semi-gloss": 0.6,
    "matte": 0.1,
    "matt": 0.1,
    "dull": 0.12,
    "unpolished": 0.1,
    "flat finish": 0.1,
}

IRREGULARITY: Mapping[str, float] = {
    "irregular": 0.9,
    "uneven": 0.85,
    "rough": 0.8,
    "handmade": 0.8,
    "rustic": 0.85,
    "crooked": 0.9,
    "regular": 0.05,
    "neat": 0.05,
    "precise": 0.05,
    "even": 0.08,
}

VARIATION: Mapping[str, float] = {
    "varied": 0.9,
    "mottled": 0.9,
    "multi-toned": 0.95,
    "patchy": 0.9,
    "uniform": 0.05,
    "even-toned": 0.05,
    "monotone": 0.05,
}

RELIEF: Mapping[str, float] = {
    "deep": 0.9,
    "bumpy": 0.8,
    "strongly textured": 0.95,
    "textured": 0.75,
    "embossed": 0.8,
    "flat": 0.1,
    "smooth": 0.08,
}


def gloss(natural: tuple[float, float]) -> Number:
    """Shine: 0 matte to 1 mirror."""
    return Number(name="gloss", label="Gloss", natural=natural, words=GLOSS)


def irregularity(natural: tuple[float, float]) -> Number:
    """How far pieces deviate from a perfect layout."""
    return Number(name="irregularity", label="Irregularity", natural=natural, words=IRREGULARITY)


def variation(natural: tuple[float, float]) -> Number:
    """How much the tone changes from piece to piece or place to place."""
    return Number(name="variation", label="Tone variation", natural=natural, words=VARIATION)


def relief(natural: tuple[float, float]) -> Number:
    """Depth of the shape, relative to what the material can have."""
    return Number(name="relief", label="Relief", natural=natural, words=RELIEF)


def scale(label: str, low: float, high: float, natural: tuple[float, float], small: float, large: float) -> Number:
    """Size of the main feature in metres; ``small`` and ``large`` are what those words mean here."""
    return Number(
        name="scale", label=label, low=low, high=high, natural=natural, log=True, unit="m",
        words=size_words(small, large),
    )  # fmt: skip


def joint_width(low: float, high: float, natural: tuple[float, float], thin: float, wide: float) -> Number:
    """Gap between pieces in metres."""
    return Number(
        name="joint_width", label="Joint width", low=low, high=high, natural=natural, log=True, unit="m",
        words={"thin joints": thin, "narrow joints": thin, "thin grout lines": thin, "tight joints": thin,
               "wide joints": wide, "thick joints": wide, "wide grout lines": wide, "wide gaps": wide},
    )  # fmt: skip


def density(label: str, natural: tuple[float, float]) -> Number:
    """How much of it there is, 0 to 1."""
    return Number(
        name="density", label=label, natural=natural,
        words={"dense": 0.85, "thick": 0.8, "lush": 0.9, "sparse": 0.15, "scattered": 0.25, "thin": 0.2},
    )  # fmt: skip


def direction(diagonal: bool = False, natural: str = "horizontal") -> Choice:
    """Which way lines run."""
    options = {"horizontal": ("horizontal",), "vertical": ("vertical", "upright")}
    if diagonal:
        options["diagonal"] = ("diagonal", "slanted")
    return Choice(name="direction", label="Direction", options=options, weights={natural: 4.0})

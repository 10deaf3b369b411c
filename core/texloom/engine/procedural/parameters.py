# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed parameters of a family: what can be said about a material, with its range and its natural spread.

A parameter of one name means the same thing in every family that has it (``color`` is always the main
colour, ``wetness`` always how wet it is): the head that reads prompts learns it once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .color import Lab, hex_to_lab, lab_to_hex, lab_to_srgb, srgb_to_lab

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """``name`` is the key in results and requests, ``label`` the words in an interface."""

    name: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Color(Parameter):
    """A colour, written ``#rrggbb``.  Its natural values come from the family's palettes.

    ``parts`` are the words for what has this colour ("mortar", "grout"); none for the main colour, which
    adjectives set.  ``spread`` is the natural deviation from a palette's entry in OKLab.
    """

    parts: tuple[str, ...] = ()
    spread: float = 0.014

    def parse(self, value: object) -> Lab:
        """OKLab of ``#rrggbb``.

        Raises:
            ValueError: not a colour.
        """
        if not isinstance(value, str):
            raise ValueError("must be a colour written as #rrggbb")
        return hex_to_lab(value)


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """A number from ``low`` to ``high`` in ``unit`` ("" for 0 to 1 amounts).

    ``natural`` is the range that is drawn from when a prompt says nothing; ``often`` is the chance that an
    attribute is at its low end altogether then (most walls have no moss).  ``log`` spaces the range by
    ratios, as suits sizes.  ``words`` are phrases and the value each stands for; adverbs ("slightly",
    "very") scale those of amounts.
    """

    low: float = 0.0
    high: float = 1.0
    natural: tuple[float, float] = (0.0, 1.0)
    often: float = 0.0
    log: bool = False
    unit: str = ""
    words: Mapping[str, float] = field(default_factory=dict)

    def clip(self, value: float) -> float:
        """The nearest value within the range."""
        return min(max(value, self.low), self.high)

    def parse(self, value: object) -> float:
        """The number.

        Raises:
            ValueError: not a number or out of range.
        """
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("must be a number")
        if not self.low <= value <= self.high:
            raise ValueError(f"must be from {self.low:g} to {self.high:g}")
        return float(value)

    def sample(self, rng: Rng) -> float:
        """A natural value."""
        if self.often and rng.random() < self.often:
            return self.low
        low, high = self.natural
        if self.log:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(rng.uniform(low, high))

    def to_unit(self, value: float) -> float:
        """0 to 1 over the range, in the parameter's own spacing."""
        if self.log:
            return float((np.log(value) - np.log(self.low)) / (np.log(self.high) - np.log(self.low)))
        return (value - self.low) / (self.high - self.low)

    def from_unit(self, value: float) -> float:
        """Inverse of :meth:`to_unit`; clips."""
        value = min(max(value, 0.0), 1.0)
        if self.log:
            return float(np.exp(np.log(self.low) + value * (np.log(self.high) - np.log(self.low))))
        return self.low + value * (self.high - self.low)


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter):
    """One of several; ``options`` maps each to the phrases for it, ``weights`` to how natural it is (default 1)."""

    options: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, float] = field(default_factory=dict)

    def parse(self, value: object) -> str:
        """The option's name.

        Raises:
            ValueError: not one of the options.
        """
        if value not in self.options:
            raise ValueError(f"must be one of {', '.join(self.options)}")
        return str(value)

    def sample(self, rng: Rng) -> str:
        """A natural option."""
        names = list(self.options)
        weights = np.array([self.weights.get(name, 1.0) for name in names])
        return names[int(rng.choice(len(names), p=weights / weights.sum()))]


Value = Lab | float | str
"""A parsed parameter: OKLab of a colour, a number, or an option."""


def to_json(parameter: Parameter, value: Value) -> str | float:
    """The value as it stands in requests and manifests."""
    if isinstance(parameter, Color):
        assert isinstance(value, tuple)
        return lab_to_hex(value)
    if isinstance(parameter, Number):
        assert isinstance(value, (int, float))
        return float(f"{value:.5g}")
    return str(value)


def jitter_color(lab: Lab, spread: float, rng: Rng) -> Lab:
    """A colour near ``lab``: lightness varies twice as much as hue."""
    delta = rng.normal(0.0, spread, 3) * (1.0, 0.35, 0.35)
    moved = (lab[0] + float(delta[0]), lab[1] + float(delta[1]), lab[2] + float(delta[2]))
    # Through sRGB and back, so that it is a colour a screen can show.
    return srgb_to_lab(lab_to_srgb(moved))


class Params:
    """Parsed parameters of one sample, by attribute: ``p.color`` (OKLab), ``p.joint_width`` (metres) …"""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"This family has no parameter {name!r}.") from None

    def get(self, name: str, default: Any = 0.0) -> Any:
        """The value, or ``default`` where the family has no such parameter."""
        return self._values.get(name, default)

    def items(self) -> Any:
        """Names and values."""
        return self._values.items()

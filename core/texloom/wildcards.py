# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices in prompts: ``{red|blue} brick`` is one or the other, by the seed.

The syntax is that of other prompt tools: choices may hold choices; ``{3::red|blue}`` takes red three times as often;
``{2$$moss|dirt|cracks}`` takes two of them, joined by commas; ``\\{`` and ``\\|`` are the signs themselves.  Braces
that do not match, or that hold no ``|``, are left as they are.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from typing import Final

_COUNT: Final = re.compile(r"\s*(\d{1,2})\$\$")
_WEIGHT: Final = re.compile(r"\s*(\d*\.?\d+)::")
_SIGNS: Final = "{|}"
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class _Choice:
    """``options`` with their weights, of which ``count`` are taken."""

    options: tuple[tuple[float, tuple[_Part, ...]], ...]
    count: int


_Part = str | _Choice


def has_choices(text: str) -> bool:
    """Whether anything in ``text`` is left to the seed."""
    return any(isinstance(part, _Choice) for part in _parsed(text))


def pick(text: str, seed: int) -> str:
    """The text with one option of every choice; the same for the same seed, on every machine.

    Args:
        text: may hold choices.
        seed: any whole number.
    """
    parts = _parsed(text)
    if not any(isinstance(part, _Choice) for part in parts):
        return text
    return re.sub(r"[ \t]{2,}", " ", _written(parts, seed, "")).strip()


def _written(parts: tuple[_Part, ...], seed: int, place: str) -> str:
    return "".join(
        part if isinstance(part, str) else _chosen(part, seed, f"{place}/{index}") for index, part in enumerate(parts)
    )


def _chosen(choice: _Choice, seed: int, place: str) -> str:
    left = list(range(len(choice.options)))
    taken: list[str] = []
    for turn in range(min(choice.count, len(left))):
        weights = [choice.options[index][0] for index in left]
        at = _lot(seed, f"{place}:{turn}") * sum(weights)
        chosen = left[-1]
        for index, weight in zip(left, weights, strict=True):
            at -= weight
            if at < 0.0:
                chosen = index
                break
        left.remove(chosen)
        taken.append(_written(choice.options[chosen][1], seed, f"{place}.{chosen}").strip())
    return ", ".join(taken)


def _lot(seed: int, place: str) -> float:
    """A number from 0 to below 1 that depends on seed and place alone."""
    digest = hashlib.sha256(f"{seed} {place}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2.0**48


def _parsed(text: str) -> tuple[_Part, ...]:
    return tuple(_Parser(text).parts(0, len(text), 0))


class _Parser:
    """Braces are matched once, from the inside out; those without a partner are letters."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._partner: dict[int, int] = {}
        self._escaped: set[int] = set()
        open_braces: list[int] = []
        at = 0
        while at < len(text):
            if text[at] == "\\" and text[at + 1 : at + 2] in tuple(_SIGNS):
                self._escaped.add(at)
                at += 1
            elif text[at] == "{":
                open_braces.append(at)
            elif text[at] == "}" and open_braces:
                self._partner[open_braces.pop()] = at
            at += 1

    def parts(self, start: int, end: int, depth: int) -> list[_Part]:
        """What stands from ``start`` to before ``end``."""
        found: list[_Part] = []
        plain: list[str] = []
        at = start
        while at < end:
            closed = self._partner.get(at)
            if at in self._escaped:
                plain.append(self._text[at + 1])
                at += 2
                continue
            choice = self._choice(at, closed, depth) if closed is not None and depth < _DEEPEST else None
            if choice is None:
                plain.append(self._text[at])
                at += 1
            else:
                assert closed is not None
                found += ["".join(plain), choice]
                plain, at = [], closed + 1
        return [*found, "".join(plain)]

    def _choice(self, start: int, end: int, depth: int) -> _Choice | None:
        """The choice between two braces; None where they mean nothing."""
        counted = _COUNT.match(self._text, start + 1, end)
        count = int(counted[1]) if counted else 1
        bars = self._bars(counted.end() if counted else start + 1, end)
        if len(bars) < 3:
            return None
        options = []
        for before, after in itertools.pairwise(bars):
            weighed = _WEIGHT.match(self._text, before + 1, after)
            first = weighed.end() if weighed else before + 1
            options.append((float(weighed[1]) if weighed else 1.0, tuple(self.parts(first, after, depth + 1))))
        if count < 1 or sum(weight for weight, _ in options) <= 0.0:
            return None
        return _Choice(tuple(options), count)

    def _bars(self, start: int, end: int) -> list[int]:
        """The places before, between and after the options."""
        found = [start - 1]
        at = start
        while at < end:
            if at in self._escaped:
                at += 1
            elif at in self._partner:
                at = self._partner[at]
            elif self._text[at] == "|":
                found.append(at)
            at += 1
        return [*found, end]

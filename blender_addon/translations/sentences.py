# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognises sentences of the core in a text and puts them into another language, with their values.

The core speaks English and knows nothing of interfaces, and its sentences hold names, numbers and paths.  So the
tables of :mod:`.zh_hans.messages` have templates: "{0} does not exist.".  A field may be of a kind, by its name:
``title`` is a label, ``list`` are labels with commas between, ``reason`` holds sentences.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Final

# Where a text may be cut into sentences; values hold such places, too, so all ways of cutting are compared.
_ENDS: Final = re.compile(r"(?<=[.!?…])\s+")
_MOST_CUTS: Final = 14
_KEPT: Final = 512
_JOINT: Final = ", "
_DEPTH: Final = 3


class _Template:
    """``longest`` is the longest literal piece, ``weight`` the number of literal letters."""

    def __init__(self, english: str, translation: str) -> None:
        self.english = english
        self.translation = translation
        literals = [literal for literal, _, _, _ in string.Formatter().parse(english)]
        self.longest = max(literals, key=len)
        self.weight = sum(map(len, literals))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """For the whole sentence; made when it is needed, as most never are."""
        pattern = ""
        for literal, name, _, _ in string.Formatter().parse(self.english):
            pattern += re.escape(literal)
            if name is not None:
                # A group's name cannot be a number.
                pattern += f"(?P<{f'n{name}' if name.isdigit() else name}>.+?)"
        return re.compile(pattern, re.DOTALL)


class Sentences:
    """The templates of one language; ``labels`` are texts that fields called ``title`` and ``list`` may hold."""

    def __init__(self, templates: Mapping[str, str], labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._texts = templates
        self.translate = lru_cache(maxsize=_KEPT)(self._translate)

    @cached_property
    def _templates(self) -> list[_Template]:
        """The most telling first."""
        found = [_Template(english, text) for english, text in self._texts.items()]
        return sorted(found, key=lambda template: -template.weight)

    def _translate(self, text: str) -> str:
        """``text`` in the other language; what is not known stays as it is."""
        return self._best(text, _DEPTH)[2]

    def _best(self, text: str, depth: int) -> tuple[int, int, str]:
        """The way of cutting a text in which most is known: known letters, letters within known sentences, result."""
        cuts = [(match.start(), match.end()) for match in _ENDS.finditer(text.rstrip())][:_MOST_CUTS]
        begins = [0, *(end for _, end in cuts)]
        ends = [*(start for start, _ in cuts), len(text)]
        # From the back: the best for all that begins at each place.
        best: list[tuple[int, int, str]] = [(0, 0, "")] * (len(begins) + 1)
        for first in range(len(begins) - 1, -1, -1):
            gap = text[ends[first] : begins[first + 1]] if first + 1 < len(begins) else ""
            rest = best[first + 1]
            best[first] = (rest[0], rest[1], text[begins[first] : ends[first]] + gap + rest[2])
            for last in range(first, len(begins)):
                found = self._whole(text[begins[first] : ends[last]], depth)
                if found is None:
                    continue
                gap = text[ends[last] : begins[last + 1]] if last + 1 < len(begins) else ""
                weight, covered, after = best[last + 1]
                worth = (found[0] + weight, ends[last] - begins[first] + covered)
                if worth > best[first][:2]:
                    joint = "" if gap == " " and found[1].endswith(("。", "!", "?")) else gap
                    best[first] = (*worth, found[1] + joint + after)
        return best[0]

    def _whole(self, text: str, depth: int) -> tuple[int, str] | None:
        """The text as one sentence: its known letters and the translation."""
        for template in self._templates:
            if template.longest not in text:
                continue
            match = template.pattern.fullmatch(text)
            if match is None:
                continue
            values: dict[str, str] = {}
            weight = template.weight
            for name, value in match.groupdict().items():
                key = name.removeprefix("n")
                if name.startswith("title"):
                    value = self._labels.get(value, value)
                elif name.startswith("list"):
                    value = _JOINT.join(self._labels.get(part, part) for part in value.split(_JOINT))
                elif name.startswith("reason") and depth > 0:
                    more, _, value = self._best(value, depth - 1)
                    weight += more
                values[key] = value
            return weight, _filled(template.translation, values)
        return None


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)

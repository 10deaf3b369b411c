# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prompt means, as numbers for a learned network: the head's reading of it as one vector.

A network that is to learn what words look like from a few thousand pictures learns it hardly from the words' vectors
alone.  The head knows already which material, colors and attributes a text names; its reading says so in a fixed
layout: the families' probabilities, and for each parameter whether it is mentioned and as what.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ..errors import ModelInvalidError
from ..storage import write_bytes_atomic
from .head import COLOR_MEAN, COLOR_SCALE, Head
from .head_net import ParameterOutput
from .procedural.blending import COVER, MATTER, PRINT
from .procedural.parameters import Choice, Color, Number, Parameter, Value
from .schema import Key, Schema, key_of
from .text_encoder import TextEncoding

MEANING_FILE: Final = "meaning.json"
"""In the folder of a network that reads meanings: their layout."""

_VERSION: Final = 1
# So that no part is drowned by another: a family is one number among many, a color four.
_FAMILY_SCALE: Final = 4.0
_SAID_SCALE: Final = 1.5
_SECOND_SHARES: Final = {MATTER: 1.0, PRINT: 0.75, COVER: 0.5}


@dataclass(frozen=True)
class Layout:
    """Where in a vector [width] what stands: first the families, then the keys in order.

    A number takes two places (mentioned; mentioned × value), a color four (mentioned; mentioned × OKLab), a choice one
    for each option.
    """

    families: tuple[str, ...]
    keys: tuple[Key, ...]

    @classmethod
    def of(cls, schema: Schema) -> Layout:
        """The layout for all that ``schema`` has."""
        return cls(schema.families, schema.keys)

    @classmethod
    def load(cls, folder: Path) -> Layout | None:
        """The layout of the network in ``folder``; None for one that reads words alone.

        Raises:
            ModelInvalidError: the file is damaged.
        """
        path = folder / MEANING_FILE
        if not path.is_file():
            return None
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] != _VERSION:
                raise ValueError(f"version {data['version']!r} is not known")
            keys = tuple(Key(str(row["name"]), str(row["kind"]), tuple(row.get("options", ()))) for row in data["keys"])
            return cls(tuple(str(name) for name in data["families"]), keys)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelInvalidError(f"{path} cannot be read: {error}.", advice="Download it again.") from error

    def save(self, folder: Path) -> None:
        """Write it for :meth:`load`.

        Raises:
            StorageError: it could not be written.
        """
        rows: list[dict[str, Any]] = []
        for key in self.keys:
            rows.append({"name": key.name, "kind": key.kind} | ({"options": list(key.options)} if key.options else {}))
        data = {"version": _VERSION, "families": list(self.families), "keys": rows}
        write_bytes_atomic(folder / MEANING_FILE, (json.dumps(data, indent=1) + "\n").encode())

    @cached_property
    def width(self) -> int:
        """Numbers of a meaning."""
        return len(self.families) + sum(_places(key) for key in self.keys)

    @cached_property
    def starts(self) -> dict[str, int]:
        """The first place of each key, by its id."""
        found: dict[str, int] = {}
        at = len(self.families)
        for key in self.keys:
            found[key.id] = at
            at += _places(key)
        return found

    @cached_property
    def groups(self) -> Tensor:
        """[width] the number of the key at each place, -1 at the families'."""
        parts = [torch.full((len(self.families),), -1)]
        parts += [torch.full((_places(key),), number) for number, key in enumerate(self.keys)]
        return torch.cat(parts)

    def told(
        self, family: str, kind: Sequence[Parameter], values: Mapping[str, Value], second: tuple[str, str] | None = None
    ) -> Tensor:
        """[width] the meaning of a text that says exactly this: a family and ``values`` of its parameters ``kind``.

        ``second`` is a further material, and what it is to the first: one of ``blending.MODES``.
        """
        found = torch.zeros(self.width)
        if family in self.families:
            found[self.families.index(family)] = _FAMILY_SCALE
        if second is not None and second[0] in self.families:
            # Below zero, so that what has the form is not taken for what it is made of, or covered with.
            found[self.families.index(second[0])] = -_FAMILY_SCALE * _SECOND_SHARES[second[1]]
        for item in kind:
            at = self.starts.get(key_of(item).id)
            if at is None or item.name not in values:
                continue
            value = values[item.name]
            if isinstance(item, Color):
                assert isinstance(value, tuple)
                read = [(x - mean) / scale for x, mean, scale in zip(value, COLOR_MEAN, COLOR_SCALE, strict=True)]
                found[at : at + 4] = torch.tensor([_SAID_SCALE, *read])
            elif isinstance(item, Number):
                assert isinstance(value, (int, float))
                found[at : at + 2] = torch.tensor([1.0, 2.0 * item.to_unit(float(value)) - 1.0]) * _SAID_SCALE
            elif isinstance(item, Choice) and value in item.options:
                found[at + list(item.options).index(str(value))] = _SAID_SCALE
        return found


def _places(key: Key) -> int:
    return {"number": 2, "color": 4}.get(key.kind, len(key.options))


@torch.inference_mode()
def meanings(head: Head, layout: Layout, encoding: TextEncoding) -> Tensor:
    """[B, width] what each of B encoded texts means, in single precision on the head's device.

    What the parameters mean depends on the material; the likeliest one is asked.  Families and keys that only one of
    head and layout knows are left out.
    """
    memory = head.remember(encoding)
    logits = head.net.read_family(memory).logits / head.calibration.family_temperature
    likely = logits.softmax(-1)
    found = torch.zeros(len(likely), layout.width, device=head.device)
    schema = head.schema
    known = {name: number for number, name in enumerate(schema.families)}
    for place, name in enumerate(layout.families):
        if name in known:
            found[:, place] = likely[:, known[name]] * _FAMILY_SCALE
    best = likely.argmax(-1)
    asked = torch.zeros(len(likely), schema.max_members, dtype=torch.int64, device=head.device)
    for row, family in enumerate(best.tolist()):
        asked[row, : len(schema.members[family])] = torch.tensor(schema.members[family], device=head.device)
    output = head.net.read_parameters(memory, best, asked)
    said = torch.sigmoid(output.mentioned / head.calibration.mention_temperature)
    for row, family in enumerate(best.tolist()):
        for slot, item in enumerate(schema.parameters[family]):
            at = layout.starts.get(key_of(item).id)
            if at is not None:
                read = _read(item, output, row, slot)
                found[row, at : at + len(read)] = read * said[row, slot]
    return found


def _read(item: Parameter, output: ParameterOutput, row: int, slot: int) -> Tensor:
    """What stands at a parameter's places when it is certainly mentioned."""
    if isinstance(item, Color):
        color = output.color[row, slot, :3]
        return torch.cat((color.new_full((1,), _SAID_SCALE), color))
    if isinstance(item, Number):
        value = output.number[row, slot, 0].clamp(0.0, 1.0)
        return torch.stack((torch.ones_like(value), 2.0 * value - 1.0)) * _SAID_SCALE
    assert isinstance(item, Choice)
    return output.options[row, slot, : len(item.options)].softmax(-1) * _SAID_SCALE

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a head was trained for: families and the keys of their parameters, as they stand in its config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .procedural.family import Family
from .procedural.parameters import Choice, Color, Number, Parameter


@dataclass(frozen=True)
class Key:
    """One thing the head can read.

    Parameters of one name and kind share it over all families; choices share it where they have the same
    options.  ``kind`` is ``color``, ``number`` or ``choice``.
    """

    name: str
    kind: str
    options: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Unique text, ``choice:bond(running|stack)`` say."""
        return f"{self.kind}:{self.name}" + (f"({'|'.join(self.options)})" if self.options else "")


def key_of(parameter: Parameter) -> Key:
    """The key under which a parameter is learned.

    Raises:
        TypeError: a kind of parameter that the head does not know.
    """
    if isinstance(parameter, Color):
        return Key(parameter.name, "color")
    if isinstance(parameter, Number):
        return Key(parameter.name, "number")
    if isinstance(parameter, Choice):
        return Key(parameter.name, "choice", tuple(parameter.options))
    raise TypeError(f"{type(parameter).__name__} is no kind of parameter.")


class Schema:
    """Families and keys in a fixed order, for a registry.

    ``families`` are their names, ``keys`` all keys, ``members[f]`` the index into ``keys`` for each parameter
    of family ``f``, in the family's own order.
    """

    def __init__(self, registry: Mapping[str, Family]) -> None:
        self.registry = dict(registry)
        self.families = tuple(registry)
        self.parameters = tuple(family.all_parameters() for family in registry.values())
        found: dict[str, Key] = {}
        for items in self.parameters:
            for item in items:
                key = key_of(item)
                found.setdefault(key.id, key)
        self.keys = tuple(found[name] for name in sorted(found))
        index = {key.id: number for number, key in enumerate(self.keys)}
        self.members = tuple(tuple(index[key_of(item).id] for item in items) for items in self.parameters)
        self.max_options = max((len(key.options) for key in self.keys), default=1) or 1
        self.max_members = max((len(items) for items in self.members), default=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON types: for each family its parameters with kind, range and options."""
        described: dict[str, Any] = {}
        for name, items in zip(self.families, self.parameters, strict=True):
            described[name] = [describe(item) for item in items]
        return {"families": described}

    def digest(self) -> str:
        """SHA-256 of :meth:`to_dict`: equal exactly when a head fits."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def describe(item: Parameter) -> dict[str, Any]:
    """Name, kind (``color``, ``number`` or ``choice``) and range or options, in JSON types."""
    key = key_of(item)
    described: dict[str, Any] = {"name": item.name, "kind": key.kind}
    if isinstance(item, Number):
        described |= {"low": item.low, "high": item.high, "log": item.log}
    elif key.options:
        described["options"] = list(key.options)
    return described


def differences(trained: Mapping[str, Any], schema: Schema) -> list[str]:
    """In plain words what changed between a trained head's schema and the registry's, a few at most."""
    before: Mapping[str, Any] = trained.get("families", {})
    now: Mapping[str, Any] = schema.to_dict()["families"]
    found = [f"family {name} is new" for name in now if name not in before]
    found += [f"family {name} is gone" for name in before if name not in now]
    for name in now:
        if name in before and before[name] != now[name]:
            old = {item["name"]: item for item in before[name]}
            new = {item["name"]: item for item in now[name]}
            changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            found.append(f"family {name} changed ({', '.join(changed) or 'order'})")
    return found[:6] + ([f"and {len(found) - 6} more"] if len(found) > 6 else [])

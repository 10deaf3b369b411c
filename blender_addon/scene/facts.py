# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers of a material follow from, noted on the material itself: sizes, maps, how the relief is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import bpy

from .. import compat
from .objects import Projection
from .result import ResultImages

Displacement = Literal["BUMP", "DISPLACEMENT", "BOTH", "NONE"]
"""What carries the relief: shading from the height map, true displacement (which needs a finely divided
mesh), displacement with bump for what the mesh is too coarse for, or the normal map alone.  A normal map
needs UVs: with box projection ``NONE`` is flat."""

DISPLACEMENTS: Final[tuple[Displacement, ...]] = ("BUMP", "DISPLACEMENT", "BOTH", "NONE")

AO_FACTOR: Final = 0.25

_PREFIX: Final = "texloom_"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One material's facts.  Sizes are metres, ``turns`` quarter turns as in :class:`~.objects.Projection`."""

    maps: frozenset[str] = frozenset()
    tile_width_m: float = 1.0
    tile_height_m: float = 1.0
    height_min_m: float = 0.0
    height_max_m: float = 0.0
    displacement: Displacement = "BUMP"
    box: bool = False
    turns: int = 0
    metres_per_unit: float = 1.0

    @classmethod
    def for_result(
        cls,
        result: ResultImages,
        maps: Iterable[str],
        *,
        displacement: Displacement,
        projection: Projection,
        metres_per_unit: float,
    ) -> Facts:
        """The facts of a material that shows ``maps`` of a result."""
        found = cls(displacement=displacement, metres_per_unit=metres_per_unit)
        return found.with_projection(projection).with_result(result, maps)

    def with_result(self, result: ResultImages, maps: Iterable[str]) -> Facts:
        """The same material with the maps of another result."""
        return replace(
            self,
            maps=frozenset(maps),
            tile_width_m=result.tile_width_m,
            tile_height_m=result.tile_height_m,
            height_min_m=result.height_min_m,
            height_max_m=result.height_max_m,
        )

    def with_projection(self, projection: Projection) -> Facts:
        """The same material laid on its object in another way."""
        return replace(self, box=projection.kind == "BOX", turns=projection.turns)

    @classmethod
    def of(cls, material: bpy.types.Material) -> Facts:
        """What :meth:`note` wrote on a material; what is missing or no longer makes sense has its default."""
        stored: Any = material
        values: dict[str, Any] = {}
        for name in ("tile_width_m", "tile_height_m", "metres_per_unit"):
            values[name] = _number(stored.get(_PREFIX + name), 1.0, positive=True)
        for name in ("height_min_m", "height_max_m"):
            values[name] = _number(stored.get(_PREFIX + name), 0.0)
        values["turns"] = int(_number(stored.get(_PREFIX + "turns"), 0.0)) % 4
        method = stored.get(_PREFIX + "displacement")
        return cls(
            maps=frozenset(str(stored.get(_PREFIX + "maps", "")).split()),
            displacement=method if method in DISPLACEMENTS else "BUMP",
            box=stored.get(_PREFIX + "projection") == "BOX",
            **values,
        )

    def note(self, material: bpy.types.Material) -> None:
        """Write the facts on a material."""
        values: dict[str, str | float | int] = {
            "maps": " ".join(sorted(self.maps)),
            "tile_width_m": self.tile_width_m,
            "tile_height_m": self.tile_height_m,
            "height_min_m": self.height_min_m,
            "height_max_m": self.height_max_m,
            "displacement": self.displacement,
            "projection": "BOX" if self.box else "UV",
            "turns": self.turns,
            "metres_per_unit": self.metres_per_unit,
        }
        _write(material, values)

    @property
    def height_range_m(self) -> float:
        """From the lowest to the highest point, in metres."""
        return self.height_max_m - self.height_min_m

    @property
    def has_relief(self) -> bool:
        """Whether there is a height map that is not flat."""
        return "height" in self.maps and self.height_range_m > 0

    @property
    def wants_displacement(self) -> bool:
        """Whether the displacement is to be linked."""
        return self.has_relief and self.displacement in ("DISPLACEMENT", "BOTH")

    @property
    def wants_normal(self) -> bool:
        """Whether the normal is to be linked: there is a map for it, or a bump."""
        return "normal" in self.maps or (self.has_relief and self.displacement == "BUMP")

    def defaults(self) -> dict[str, float]:
        """The values, by name of the group's input, at which the material shows its maps as they are.

        Those that are the same for every material stand in :mod:`.groups`.
        """
        heights = self.height_range_m
        # Where displacement carries the relief, the normal map must not add it a second time; without UVs there
        # is no tangent for it to refer to.
        shown_twice = self.wants_displacement and not compat.has_normal_base()
        width = self.tile_width_m / self.metres_per_unit
        return {
            "Tile Width": width,
            "Own Width": width,
            # Albedo should hold no shadows: the renderer adds them, also those of displaced relief.  Bump and
            # normal maps, though, cast none, and their crevices look washed out.
            "Ambient Occlusion Amount": AO_FACTOR if self.displacement in ("BUMP", "NONE") else 0.0,
            # Normal map and height show the same relief, so both at full strength would show it twice.  The bump
            # is preferred for shading: 16 bits, metres, right under any mapping, also turned, mirrored or without
            # UVs, where a tangent-space normal map is wrong.  The normal map stays one slider away.
            "Normal Map / Bump": 1.0 if self.has_relief and self.displacement == "BUMP" else 0.0,
            "Relief Height": heights / self.metres_per_unit,
            # offset = (value − midlevel) · scale, and is to run from height_min to height_max.
            "Midlevel": -self.height_min_m / heights if heights > 0 else 0.5,
            "Normal Map Strength": 0.0 if self.box or shown_twice else 1.0,
            "Normal Map Turn": -self.turns * math.pi / 2,
        }


def describe(material: bpy.types.Material, result: ResultImages, facts: Facts) -> None:
    """Note on the material where it comes from; whole numbers as text, since seeds pass Blender's 31 bits."""
    values: dict[str, str | float | int] = {
        "name": result.name,
        "prompt": result.prompt,
        "request_id": result.request_id,
        "index": result.index,
        "seed": str(result.seed),
        "model": result.model,
        "licence": result.licence,
        "version": result.version,
        "manifest": str(result.manifest) if result.manifest is not None else "",
    }
    _write(material, values)
    facts.note(material)


def given_name(material: bpy.types.Material) -> str:
    """The name that the material got from its result."""
    stored: Any = material
    return str(stored.get(_PREFIX + "name", ""))


def _write(material: Any, values: Mapping[str, str | float | int]) -> None:
    for key, value in values.items():
        material[_PREFIX + key] = value


def _number(value: object, default: float, *, positive: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return default
    return default if positive and value <= 0 else float(value)

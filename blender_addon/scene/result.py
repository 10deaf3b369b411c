# SPDX-License-Identifier: GPL-3.0-or-later
"""One finished variation, as the manifest in its folder describes it (no bpy)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.texloom import storage
from ..core.texloom.errors import StorageError

_SRGB_MAPS = frozenset({"base_color", "image"})
_NAME_LENGTH = 48


@dataclass(frozen=True, kw_only=True)
class ResultImages:
    """Files and facts of one variation.

    ``maps`` and ``color_spaces`` (``sRGB`` or ``Non-Color``) have the same keys.  Sizes are metres: the width
    and height of one tile, and the heights that black and white of the height map stand for.
    """

    name: str
    prompt: str
    request_id: str
    index: int
    maps: Mapping[str, Path]
    color_spaces: Mapping[str, str]
    tile_width_m: float = 1.0
    tile_height_m: float = 1.0
    height_min_m: float = 0.0
    height_max_m: float = 0.0
    licence: str = ""
    kind: str = "material"
    tile_x: bool = True
    tile_y: bool = True
    seed: int = 0
    model: str = ""
    manifest: Path | None = None
    version: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def height_range_m(self) -> float:
        """From the lowest to the highest point, in metres."""
        return self.height_max_m - self.height_min_m

    @classmethod
    def from_manifest(cls, path: Path, index: int = 0) -> ResultImages:
        """Read variation ``index`` from a manifest file, or from the folder that holds it.

        Raises:
            StorageError: the manifest or a file is missing or damaged, or it has no such variation.
        """
        path = Path(path)
        folder = path if path.is_dir() else path.parent
        return cls.from_dict(storage.read_manifest(folder), folder, index)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: Path, index: int = 0) -> ResultImages:
        """The same from a manifest that is already read; ``folder`` is where its files lie.

        Raises:
            StorageError: there is no such variation, or it has no maps.
        """
        for result in data.get("results", ()):
            if isinstance(result, Mapping) and result.get("index", 0) == index:
                break
        else:
            raise StorageError(f"{folder} holds no variation {index + 1}.")
        entries = result.get("maps")
        if not isinstance(entries, Mapping) or not entries:
            raise StorageError(f"Variation {index + 1} in {folder} holds no maps.")
        maps: dict[str, Path] = {}
        spaces: dict[str, str] = {}
        for map_name, entry in entries.items():
            details: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"file": entry}
            maps[map_name] = folder / str(details["file"])
            spaces[map_name] = str(details.get("color_space") or ("sRGB" if map_name in _SRGB_MAPS else "Non-Color"))
        request = _mapping(data.get("request"))
        model = _mapping(data.get("model"))
        prompt = str(request.get("prompt", ""))
        width = _positive(result.get("tile_width_m"), 1.0)
        low = _number(result.get("height_min_m"), 0.0)
        high = _number(result.get("height_max_m"), low)
        return cls(
            name=display_name(prompt, index, many=len(data.get("results", ())) > 1),
            prompt=prompt,
            request_id=str(request.get("id", "")),
            index=index,
            maps=maps,
            color_spaces=spaces,
            tile_width_m=width,
            tile_height_m=_positive(result.get("tile_height_m"), width),
            height_min_m=min(low, high),
            height_max_m=max(low, high),
            licence=str(model.get("licence", "")),
            kind=str(request.get("kind", "material")),
            tile_x=bool(request.get("tile_x", True)),
            tile_y=bool(request.get("tile_y", True)),
            seed=int(_number(result.get("seed"), _number(request.get("seed"), 0.0))),
            model=str(model.get("id") or request.get("model", "")),
            manifest=folder / storage.MANIFEST_NAME,
            version=str(data.get("texloom_version", "")),
            extra=_recipe(request, result, width),
        )


def _recipe(request: Mapping[str, Any], result: Mapping[str, Any], width: float) -> Mapping[str, Any]:
    """What draws this one variation again, and what was read from the words: for models that tell."""
    reading = result.get("reading")
    if not isinstance(reading, Mapping):
        return {}
    values = _mapping(result.get("parameters"))
    # All colors are given: the picture that gave them, which may be gone, is not asked again.
    request = {**request, "style_image": "", "style_strength": None, "style_model": ""}
    alone = {**request, "seed": result.get("seed", request.get("seed")), "count": 1, "parameters": dict(values)}
    return {"reading": reading, "parameters": values, "request": {**alone, "real_world_width": width}}


def display_name(prompt: str, index: int = 0, *, many: bool = False) -> str:
    """A datablock's name from a prompt: one line, cut at a word; numbered from 1 where there are several."""
    name = " ".join(prompt.split()) or "Texloom"
    if len(name) > _NAME_LENGTH:
        cut = name[:_NAME_LENGTH]
        name = cut.rsplit(" ", 1)[0] if " " in cut else cut
    return f"{name} {index + 1}" if many else name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return default
    return value


def _positive(value: object, default: float) -> float:
    number = _number(value, default)
    return number if number > 0 else default

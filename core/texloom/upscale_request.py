# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to upscale: from a picture's file, or from the folder of an earlier result with all its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .errors import RequestError, StorageError
from .picture_size import picture_size
from .request import IMAGE_MAP, MAPS, RANGES, GenerationRequest
from .request_makers import file_path, make_request
from .storage import MANIFEST_NAME, read_manifest

LARGEST_FACTOR: Final = 4.0
HEIGHT_MIN: Final = "height_min_m"
"""The parameter that says which height is black in the height map, in metres; 0 where it is missing."""

_TILES: Final = ("xy", "x", "y", "none")


def upscale_request(
    source: str | Path,
    factor: float = 2.0,
    *,
    model: str = "image",
    index: int = 0,
    prompt: str | None = None,
    tile: str | None = None,
    maps: Sequence[str] | None = None,
    pixels: tuple[int, int] | None = None,
    **options: Any,
) -> GenerationRequest:
    """A request for the same picture, or the same material, with more pixels.

    Args:
        source: a PNG, JPEG, TIFF, WebP or BMP file; or the folder of a result, or its manifest, all of whose maps are
            upscaled together.  The real size of a material stays.
        factor: how many times as many pixels each way, above 1 and at most 4.
        model: ``image`` for the small network that comes with Texloom; or a model that draws over a picture, which
            adds detail of its own to the picture or the base color.
        index: which variation of a result.
        prompt: what it shows, for models that read; default the result's, or the file's name.
        tile: directions in which it repeats, ``xy``, ``x``, ``y`` or ``none``; default as the result was made, and for
            a lone picture wherever it is seen to repeat.
        maps: of a material, those that are wanted; default all that the result has.
        pixels: width and height of a picture whose file is not there yet.
        **options: further fields of :class:`~texloom.request.GenerationRequest`: seed, steps, strength, loras …

    Raises:
        RequestError: there is no such picture or result, the result is too large, or an option is unknown or out of
            range.
        StorageError: a file may not be read, or the result is damaged.
    """
    path = file_path("source", source)
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 1.0 < factor <= LARGEST_FACTOR:
        raise RequestError(f"factor: must be above 1 and at most {LARGEST_FACTOR:g}, got {factor!r}.")
    if path.is_dir() or path.name == MANIFEST_NAME:
        fields = _of_result(path if path.is_dir() else path.parent, index, maps)
    else:
        fields = _of_picture(path, pixels)
    width, height = fields.pop("size")
    fields["width"], fields["height"] = _larger(width, height, float(factor))
    if tile is not None:
        if tile not in _TILES:
            raise RequestError(f"tile: must be xy, x, y or none, got {tile!r}.")
        fields["tile_x"], fields["tile_y"] = "x" in tile, "y" in tile
    if prompt is not None and prompt.strip():
        fields["prompt"] = prompt
    return make_request(**fields | {"model": model, "operation": "upscale"} | options)


def _of_picture(path: Path, pixels: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "kind": "texture",
        "prompt": path.stem.strip() or "picture",
        "source": str(path),
        "size": pixels or picture_size(path),
    }


def _of_result(folder: Path, index: int, wanted: Sequence[str] | None) -> dict[str, Any]:
    manifest = read_manifest(folder)
    try:
        request = GenerationRequest.from_dict(manifest["request"])
    except RequestError as error:
        raise StorageError(f"The request in {folder} cannot be read: {error}") from error
    entry = next((item for item in manifest["results"] if item.get("index") == index), None)
    if entry is None:
        raise RequestError(f"index: {folder.name} has no variation {index}.")
    files = {name: folder / Path(str(found["file"])).name for name, found in entry["maps"].items()}
    material = request.kind == "material"
    first = "base_color" if material else IMAGE_MAP
    if first not in files:
        raise RequestError(
            f"source: the result in {folder.name} has no {first} that could be upscaled.",
            advice="Make it again with that map.",
        )
    fields: dict[str, Any] = {
        "kind": request.kind,
        "prompt": str(entry.get("prompt", request.prompt)),
        "source": str(files[first]),
        "tile_x": request.tile_x,
        "tile_y": request.tile_y,
        "seed": entry.get("seed", request.seed),
        "size": picture_size(files[first]),
    }
    width_m = entry.get("tile_width_m")
    if isinstance(width_m, (int, float)) and width_m > 0:
        least, most = RANGES["real_world_width"]
        fields["real_world_width"] = min(max(float(width_m), least), most)
    if not material:
        return fields
    chosen = [name for name in MAPS if name in (wanted if wanted is not None else files)]
    missing = [name for name in (wanted or ()) if name not in files]
    if missing:
        raise RequestError(f"maps: the result in {folder.name} has no {', '.join(missing)}.")
    if not chosen:
        raise RequestError(f"maps: name at least one of {', '.join(name for name in MAPS if name in files)}.")
    # The height is needed for maps that follow from it, also where it is not wanted itself.
    sources: dict[str, str] = {
        name: str(files[name]) for name in MAPS[1:] if name in files and (name in chosen or name == "height")
    }
    return fields | {"maps": tuple(chosen), "source_maps": sources} | _heights(entry, sources)


def _heights(entry: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    low, high = entry.get("height_min_m"), entry.get("height_max_m")
    if "height" not in sources or not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return {}
    least, most = sorted((float(low), float(high)))
    found: dict[str, Any] = {"height_range": most - least}
    return found | ({"parameters": {HEIGHT_MIN: least}} if least else {})


def _larger(width: int, height: int, factor: float) -> tuple[int, int]:
    across, down = round(width * factor), round(height * factor)
    least, most = (int(limit) for limit in RANGES["width"])
    if max(across, down) > most:
        raise RequestError(
            f"factor: {width} × {height} pixels become {across} × {down}; up to {most} are made.",
            advice=f"Choose a factor of at most {int(most / max(width, height) * 100) / 100:g}.",
        )
    if min(across, down) < least:
        raise RequestError(f"factor: {width} × {height} pixels become {across} × {down}; {least} are the least.")
    return across, down

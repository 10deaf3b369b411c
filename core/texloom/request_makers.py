# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from what people give: a prompt with options, a picture, a picture with words that change it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from .errors import RequestError
from .picture_size import fitting_size, picture_size
from .request import RANGES, Control, GenerationRequest, checked_expand

DRAWN_STEP: Final = 32
"""Every model draws at multiples of this."""

_TILES: Final = ("xy", "x", "y", "none")


def make_request(prompt: str, **options: Any) -> GenerationRequest:
    """A request of a prompt and further fields.

    Raises:
        RequestError: a field is unknown or out of range.
    """
    known = {item.name for item in fields(GenerationRequest)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise RequestError(f"Unknown option {', '.join(unknown)}; there are {', '.join(sorted(known - {'prompt'}))}.")
    if "controls" in options:
        options["controls"] = control_stack(options["controls"])
    return GenerationRequest(prompt=prompt, **options | _absolute(options))


def control_stack(items: Sequence[Control | Sequence[Any]]) -> tuple[Control, ...]:
    """Controls as a request wants them, of ``("depth", "d.png")``, with a strength, and with a network as well.

    Raises:
        RequestError: an entry is none of these, or out of range.
    """
    if isinstance(items, str) or not isinstance(items, Sequence):
        raise RequestError("controls: must be a list of pictures with a kind.")
    found = []
    for item in items:
        if isinstance(item, Control):
            found.append(item)
            continue
        if isinstance(item, str) or not isinstance(item, Sequence) or not 2 <= len(item) <= 4:
            raise RequestError(
                f"controls: {item!r} is no control.",
                advice='Write ("depth", "file.png") or ("depth", "file.png", 0.8).',
            )
        kind, image, *rest = item
        found.append(Control(kind, str(file_path("controls", image)), *rest))
    return tuple(found)


def image_request(
    path: str | Path,
    *,
    kind: str = "material",
    tile: str = "xy",
    size: int | tuple[int, int] | None = None,
    even_light: bool = True,
    color: bool = True,
    **options: Any,
) -> GenerationRequest:
    """A request that starts from a picture.

    Args:
        path: a PNG, JPEG, TIFF, WebP or BMP file.
        kind: ``material`` for PBR maps, ``texture`` for one image.
        tile: directions in which it is to repeat: ``xy``, ``x``, ``y`` or ``none``.
        size: pixels of the longer side, or (width, height); default as the picture has.
        even_light: level light that changes slowly over the picture.
        color: whether it holds colors; False for numbers, such as a roughness map.
        **options: further fields of :class:`~texloom.request.GenerationRequest`; ``real_world_width`` is the width
            of what the picture shows, in metres (default 1).

    Raises:
        RequestError: there is no such picture, or an option is unknown or out of range.
        StorageError: the file may not be read.
    """
    file = file_path("source", path)
    _check_tile(tile)
    size = _checked_size(size)
    width, height = size if isinstance(size, tuple) else fitting_size(*picture_size(file), size)
    fields: dict[str, Any] = {
        "prompt": f"{file.stem} seamless" if kind == "texture" else file.stem.strip() or "picture",
        "kind": kind,
        "model": "image",
        "source": str(file),
        "width": width,
        "height": height,
        "tile_x": "x" in tile,
        "tile_y": "y" in tile,
        "parameters": {"even_light": even_light, "color": color},
    }
    return make_request(**fields | options)


def edit_request(
    prompt: str,
    path: str | Path,
    *,
    model: str,
    operation: str = "create",
    tile: str | None = None,
    size: int | tuple[int, int] | None = None,
    mask: str | Path = "",
    expand: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    **options: Any,
) -> GenerationRequest:
    """A request that changes a picture by words.

    Args:
        prompt: what is to be seen.
        path: a PNG, JPEG, TIFF, WebP or BMP file.
        model: one that starts from pictures; ``texloom models`` lists what each can do.
        operation: one of :data:`~texloom.request.OPERATIONS`.
        tile: directions in which the result is to repeat: ``xy``, ``x``, ``y`` or ``none``; default ``none`` for
            ``inpaint`` and ``outpaint``, else ``xy``.
        size: pixels of the picture's longer side, or (width, height) of the result; default as the picture has, and
            for ``create`` the nearest multiples of 32.
        mask: for ``inpaint``, a picture of the same size that is white where something new is drawn; default the
            transparent places of the picture.
        expand: for ``outpaint``, what is added on the left, right, top and bottom, in parts of the picture's side.
        **options: further fields of :class:`~texloom.request.GenerationRequest`, such as ``strength``.

    Raises:
        RequestError: there is no such picture, or an option is unknown or out of range.
        StorageError: the file may not be read.
    """
    file = file_path("source", path)
    tile = tile or ("none" if operation in ("inpaint", "outpaint") else "xy")
    _check_tile(tile)
    size = _checked_size(size)
    if not isinstance(size, tuple):
        size = edited_size(*picture_size(file), size, operation, expand)
    fields: dict[str, Any] = {
        "kind": "texture",
        "model": model,
        "source": str(file),
        "operation": operation,
        "mask": str(file_path("mask", mask)) if mask else "",
        "expand": checked_expand(expand),
        "width": size[0],
        "height": size[1],
        "tile_x": "x" in tile,
        "tile_y": "y" in tile,
    }
    return make_request(prompt, **fields | options)


def edited_size(
    width: int, height: int, longest: int | None, operation: str, expand: Sequence[float]
) -> tuple[int, int]:
    """The size of what :func:`edit_request` makes of a picture of ``width`` × ``height`` pixels, by its options.

    Raises:
        RequestError: ``longest`` or ``expand`` is out of range.
    """
    _checked_size(longest)
    if operation == "create":
        return fitting_size(width, height, longest, step=DRAWN_STEP)
    if longest is not None:
        scale = longest / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    if operation == "outpaint":
        left, right, top, bottom = checked_expand(expand)
        width += round(width * left) + round(width * right)
        height += round(height * top) + round(height * bottom)
    return width, height


def file_path(name: str, path: object) -> Path:
    """The file or folder ``path`` as the engine, which runs in a folder of its own, finds it.

    Raises:
        RequestError: it is no path; ``name`` is the field that it was given for.
    """
    if not isinstance(path, (str, os.PathLike)) or "\0" in os.fsdecode(path):
        raise RequestError(f"{name}: must be the path of a file, got {path!r}.")
    try:
        return Path(os.fsdecode(path)).expanduser().absolute()
    except RuntimeError as error:  # ~name of a user that is not there
        raise RequestError(f"{name}: there is no file {path}.") from error


def _absolute(options: Mapping[str, Any]) -> dict[str, Any]:
    """The files among the options as the engine, which runs in a folder of its own, finds them."""
    found: dict[str, Any] = {}
    for name in ("style_image", "style_model"):
        value = options.get(name)
        # A style model may be a name as well.
        if isinstance(value, (str, Path)) and str(value) and (name == "style_image" or Path(value).exists()):
            found[name] = str(Path(value).expanduser().absolute())
    words = options.get("embeddings")
    if isinstance(words, (list, tuple)) and all(isinstance(item, (str, Path)) for item in words):
        found["embeddings"] = tuple(str(Path(item).expanduser().absolute()) if str(item) else "" for item in words)
    return found


def _check_tile(tile: str) -> None:
    if tile not in _TILES:
        raise RequestError(f"tile: must be xy, x, y or none, got {tile!r}.")


def _checked_size(size: Any) -> int | tuple[int, int] | None:
    """``size`` as the makers take it: the longer side, both, or None for as the picture has."""
    low, high = RANGES["width"]
    if size is None:
        return None
    sides: list[Any] = list(size) if isinstance(size, (tuple, list)) and len(size) == 2 else [size]
    if any(isinstance(side, bool) or not isinstance(side, int) for side in sides):
        raise RequestError(f"size: must be one or two whole numbers from {low} to {high}, got {size!r}.")
    if len(sides) == 2:
        return sides[0], sides[1]  # width and height, which the request checks
    if not low <= sides[0] <= high:
        raise RequestError(f"size: must be from {low} to {high}, got {sides[0]}.")
    side: int = sides[0]
    return side

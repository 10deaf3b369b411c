# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from what people give: a prompt with options, a picture, a picture with words that change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from .errors import RequestError
from .picture_size import fitting_size, picture_size
from .request import RANGES, GenerationRequest

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
    return GenerationRequest(prompt=prompt, **options)


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
    file = Path(path).expanduser().absolute()
    _check_tile(tile)
    if isinstance(size, tuple):
        width, height = size
    else:
        _check_side(size)
        width, height = fitting_size(*picture_size(file), size)
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
    file = Path(path).expanduser().absolute()
    tile = tile or ("none" if operation in ("inpaint", "outpaint") else "xy")
    _check_tile(tile)
    if not isinstance(size, tuple):
        size = edited_size(*picture_size(file), size, operation, expand)
    fields: dict[str, Any] = {
        "kind": "texture",
        "model": model,
        "source": str(file),
        "operation": operation,
        "mask": str(Path(mask).expanduser().absolute()) if mask else "",
        "expand": tuple(expand),
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
        RequestError: ``longest`` is out of range.
    """
    _check_side(longest)
    if operation == "create":
        return fitting_size(width, height, longest, step=DRAWN_STEP)
    if longest is not None:
        scale = longest / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    if operation == "outpaint" and len(expand) == 4:
        left, right, top, bottom = expand
        width += round(width * left) + round(width * right)
        height += round(height * top) + round(height * bottom)
    return width, height


def _check_tile(tile: str) -> None:
    if tile not in _TILES:
        raise RequestError(f"tile: must be xy, x, y or none, got {tile!r}.")


def _check_side(size: int | None) -> None:
    if size is not None and not RANGES["width"][0] <= size <= RANGES["width"][1]:
        raise RequestError(f"size: must be from {RANGES['width'][0]} to {RANGES['width'][1]}, got {size}.")

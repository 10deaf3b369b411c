# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that a LoRA learns, as a model's autoencoder takes them: squares of one size, and their latents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..engine import image_seams, map_estimator
from ..engine.learned_channels import CHANNELS, Surface, from_channels, to_channels
from ..engine.pictures import opaque, open_picture
from ..engine.seamless import circular
from ..engine.sketch import sketch_of
from ..errors import RequestError, StorageError, TexloomError
from ..png import read_png
from .lora_sources import Source

ZOOM: Final = 1.5
"""Of pictures with more pixels than needed, squares up to so much larger than the smallest scale are cut."""
RELIEF: Final = 0.02
"""Heights of a map that does not tell its scale, from lowest to highest, as a part of the tile's width."""
_SQUARE: Final = 0.02
_SMALL: Final = 0.5
_NEUTRAL: Final = {"roughness": 0.5, "metallic": 0.0}


@dataclass
class Square:
    """One of a picture's squares: values [C, size, size], and whether it repeats across and down."""

    values: Tensor
    tile_x: bool
    tile_y: bool


@dataclass
class Material:
    """A picture to learn.

    Attributes:
        source: where it comes from.
        caption: what is said of it.
        squares: how it is shown, the first one as it is.
        latents: [squares, channels, [frames,] h, w] of these.
        sketches: [squares, SKETCH_CHANNELS, h, w] of surfaces, for models that paint over one.
    """

    source: Source
    caption: str
    squares: list[Square]
    latents: Tensor = field(default_factory=lambda: torch.empty(0))
    sketches: Tensor = field(default_factory=lambda: torch.empty(0))


def read_materials(
    sources: Sequence[Source],
    captions: Sequence[str],
    *,
    size: int,
    surfaces: bool,
    variants: int,
    tile: bool | None,
    mirror: bool,
    seed: int,
    warn: Callable[[str], None],
) -> list[Material]:
    """Read and cut everything.

    Args:
        sources, captions: what, and what is said of each.
        size: pixels a side.
        surfaces: whether the model draws all maps of a material, as the learned model does; maps that are missing
            are estimated.
        variants: squares made of each.
        tile: whether they repeat; None: that is measured.
        mirror: whether half of the squares are mirrored.
        seed: of the cuts.
        warn: told of what is not as good as it could be.

    Raises:
        RequestError: a file is no picture; names it.
        StorageError: it may not be read.
    """
    found: list[Material] = []
    for number, (source, caption) in enumerate(zip(sources, captions, strict=True)):
        pixels = _pixels(source.color)
        tiles = _tiles(pixels, source, tile)
        if min(pixels.shape[:2]) < _SMALL * size:
            warn(f"{source.name} has only {pixels.shape[1]} × {pixels.shape[0]} pixels and is made larger.")
        rng = np.random.default_rng((seed, number))
        values = _surface(source, pixels, tiles) if surfaces else _rgb(pixels)
        squares = [
            cut(values, size, tiles, rng, heights=3 if surfaces else None, plain=index == 0)
            for index in range(variants)
        ]
        if mirror:
            for square in squares[1::2]:
                square.values = square.values.flip(-1)
        if surfaces:
            squares = [Square(to_channels(_as_surface(one.values))[0], one.tile_x, one.tile_y) for one in squares]
        else:
            squares = [Square(one.values * 2.0 - 1.0, one.tile_x, one.tile_y) for one in squares]
        found.append(Material(source=source, caption=caption, squares=squares))
    return found


def cut(
    values: Tensor,
    size: int,
    tiles: tuple[bool, bool],
    rng: np.random.Generator,
    *,
    heights: int | None = None,
    plain: bool = False,
) -> Square:
    """A square of [C, H, W]: moved across the border where it repeats, else from anywhere in it.

    Args:
        values: the picture.
        size: pixels a side.
        tiles: whether it repeats across and down; a square does only where it holds all of that side.
        rng: decides.
        heights: the channel of heights in pixels, which grow with the picture.
        plain: the middle, as large as can be.
    """
    rows, columns = values.shape[1:]
    tile_x, tile_y = tiles
    square = abs(rows / columns - 1.0) <= _SQUARE
    if square and tile_x and tile_y:
        tall = wide = size
    else:
        shorter = min(rows, columns)
        zoom = 1.0 if plain or any(tiles) else float(rng.uniform(1.0, min(ZOOM, max(1.0, shorter / size))))
        tall, wide = (max(size, round(side * size * zoom / shorter)) for side in (rows, columns))
    if heights is not None:
        values = values.clone()
        values[heights] *= wide / columns
    grown = _resized(values, tall, wide, tiles)
    down, across = (0 if plain else int(rng.integers(side)) for side in (tall, wide))
    grown = grown.roll((down if tile_y else 0, across if tile_x else 0), (-2, -1))
    top, left = ((side - size) // 2 if plain else int(rng.integers(side - size + 1)) for side in (tall, wide))
    found = grown[:, top : top + size, left : left + size].contiguous()
    return Square(found, tile_x and wide == size, tile_y and tall == size)


def _resized(values: Tensor, tall: int, wide: int, tiles: tuple[bool, bool]) -> Tensor:
    rows, columns = values.shape[1:]
    if (rows, columns) == (tall, wide):
        return values
    # With a border of what follows there, or the filter would see an end where there is none.
    border = (rows // 4 if tiles[1] else 0, columns // 4 if tiles[0] else 0)
    around = values[None]
    if any(border):
        around = F.pad(around, (border[1], border[1], border[0], border[0]), mode="circular")
    scale = (tall / rows, wide / columns)
    size = [round(side * part) for side, part in zip(around.shape[-2:], scale, strict=True)]
    grown = F.interpolate(around, size, mode="bicubic", antialias=True, align_corners=False)[0]
    top, left = (size[0] - tall) // 2, (size[1] - wide) // 2
    return grown[:, top : top + tall, left : left + wide]


@torch.no_grad()
def encode(materials: Sequence[Material], vae: Any, *, device: str, tell: Callable[[int], None]) -> None:
    """Give each of ``materials`` its latents, as the autoencoder's decoder takes them; in single precision.

    Where a square repeats, the encoder sees across its borders.
    """
    kept = next(vae.parameters()).dtype
    # Some overflow in half precision.
    torch.nn.Module.to(vae, dtype=torch.float32)
    try:
        for number, material in enumerate(materials):
            parts = []
            for square in material.squares:
                values = square.values[None].to(device)
                video = type(vae).__name__.startswith(("AutoencoderKLQwen", "AutoencoderKLWan"))
                with circular([vae], square.tile_x, square.tile_y):
                    found = vae.encode(values[:, :, None] if video else values)
                latent = found.latent if hasattr(found, "latent") else found.latent_dist.mode()
                parts.append(latent.float().cpu())
            material.latents = torch.cat(parts)
            values = torch.stack([square.values for square in material.squares])
            if values.shape[1] == len(CHANNELS):
                material.sketches = sketch_of(values, values.shape[-1] // material.latents.shape[-1])
            tell(number + 1)
    finally:
        torch.nn.Module.to(vae, dtype=kept)


def shown(square: Square, surfaces: bool) -> NDArray[np.uint8]:
    """The picture, or the base color, of a square, (size, size, 3)."""
    values = from_channels(square.values[None]).base_color[0] if surfaces else square.values * 0.5 + 0.5
    pixels = (values.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


# Reading.


def _pixels(path: Path) -> NDArray[np.uint8]:
    try:
        return opaque(open_picture(path).pixels)
    except StorageError:
        raise
    except TexloomError as error:
        text = error.message.removeprefix("source: ")
        raise RequestError(f"images: {path}: {text}", advice=error.advice) from error


def _tiles(pixels: NDArray[np.uint8], source: Source, wanted: bool | None) -> tuple[bool, bool]:
    if wanted is not None:
        return wanted, wanted
    if source.tiles is not None:
        return source.tiles
    return image_seams.tiles(pixels, 1), image_seams.tiles(pixels, 0)


def _rgb(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255.0


def _surface(source: Source, pixels: NDArray[np.uint8], tiles: tuple[bool, bool]) -> Tensor:
    """Base color, height in pixels around its mean, roughness and metallic, [6, H, W]."""
    rows, columns = pixels.shape[:2]
    color = _rgb(pixels)
    given = {name: _gray(path, (rows, columns)) for name, path in source.maps.items()}
    width = source.width_m or 1.0
    if "height" in given:
        relief = source.relief_m if source.relief_m is not None else RELIEF * width
        height = given["height"] * relief * (columns / width)
    if not {"height", "roughness", "metallic"} <= set(given):
        seen = map_estimator.estimate(color, width, tile_x=tiles[0], tile_y=tiles[1])
        if not given:
            # A photograph: its light is no color.
            color = seen.base_color
        if "height" not in given:
            height = seen.height_m * (columns / width)
        given = {"roughness": seen.roughness, "metallic": seen.metallic} | given
    grays = [given[name][None] for name in _NEUTRAL]
    return torch.cat((color, (height - height.mean())[None], *grays)).float()


def _as_surface(values: Tensor) -> Surface:
    height = values[3:4] - values[3:4].mean()
    return Surface(
        base_color=values[None, :3].clamp(0.0, 1.0),
        height=height[None],
        roughness=values[None, 4:5].clamp(0.0, 1.0),
        metallic=values[None, 5:6].clamp(0.0, 1.0),
    )


def _gray(path: Path, shape: tuple[int, int]) -> Tensor:
    """A map [H, W] from 0 to 1 at the size of the base color; PNG with all of its bits."""
    pixels: NDArray[Any]
    if path.suffix.lower() == ".png":
        try:
            pixels = read_png(path)
        except StorageError:
            # Kinds of PNG that our own reader leaves alone, palettes say.
            pixels = _pixels(path)
    else:
        pixels = _pixels(path)
    top = float(np.iinfo(pixels.dtype).max)
    plane = pixels if pixels.ndim == 2 else pixels[..., 0]
    values = torch.from_numpy(plane.astype(np.float32) / top)
    if values.shape == shape:
        return values
    return F.interpolate(values[None, None], shape, mode="bilinear", antialias=True, align_corners=False)[0, 0]

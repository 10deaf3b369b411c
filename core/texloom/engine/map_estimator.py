# SPDX-License-Identifier: GPL-3.0-or-later
"""PBR maps from any picture of a surface, by the small network of :mod:`.map_net`; seamless where the picture is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import ModelInvalidError, ModelNotFoundError
from . import pbr
from .map_net import MapNet, NetConfig, Seen, height_from_slopes

FOLDER: Final = Path(__file__).parents[1] / "models" / "maps"
WEIGHTS_FILE: Final = "maps.safetensors"
CONFIG_FILE: Final = "config.json"
CONFIG_VERSION: Final = 1

STRUCTURE_SIDE: Final = 512
"""Longer side, in pixels, at which the large forms are seen: the network learned on tiles of 256 and 512."""
BORDER: Final = 96
"""Pixels around what is estimated that the network sees as well."""
PIECE: Final = 1024
"""Larger pictures are worked on in squares of this many pixels."""
BRIGHTNESS_SHARE: Final = 0.2
"""How much of the height that brightness suggests is added: where the network cannot tell forms it sees none, and the
guess gives joints and grain some depth, at the price of less exact normals (see the model card)."""
METAL_FROM: Final = 0.3
METAL_TO: Final = 0.7
"""Surfaces are metal or not: the network's doubt is drawn apart between these."""
INTEGRATED_SIDE: Final = 4096
"""Longest side at which slopes are added up to a height; finer detail stands in the slopes alone."""


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """Maps of a picture: float32, ``base_color`` [3, H, W] in sRGB, the others [H, W]; ``height_m`` in metres."""

    base_color: Tensor
    height_m: Tensor
    roughness: Tensor
    metallic: Tensor


class MapEstimator:
    """The trained network; loaded when first used.

    Args:
        folder: where config and weights lie; None for the shipped ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else FOLDER
        self._net: MapNet | None = None
        self._hashes: dict[str, str] | None = None
        self._device = torch.device("cpu")

    @property
    def available(self) -> bool:
        """Whether the weights are there."""
        return (self.folder / WEIGHTS_FILE).is_file()

    def files(self) -> dict[str, str]:
        """SHA-256 of each file, so that a result can be traced to the exact weights."""
        # Every picture's manifest wants them, and the weights in memory stay those that were read.
        if self._hashes is None:
            paths = [self.folder / name for name in (WEIGHTS_FILE, CONFIG_FILE)]
            self._hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file()}
        return self._hashes

    def load(self, device: str | torch.device) -> None:
        """Read the weights.

        Raises:
            ModelNotFoundError: there are none; ModelInvalidError: they are damaged or of another version.
        """
        self._device = torch.device(device)
        if self._net is not None:
            self._net.to(self._device)
            return
        again = "Install Texloom again, or train the model: texloom train maps."
        try:
            config = json.loads((self.folder / CONFIG_FILE).read_text(encoding="utf-8"))
            weights = load_file(self.folder / WEIGHTS_FILE)
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"The map estimator lacks {error.filename}.", advice=again) from error
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelInvalidError(f"The map estimator cannot be read: {error}.", advice=again) from error
        if config.get("version") != CONFIG_VERSION:
            raise ModelInvalidError(
                f"The map estimator has version {config.get('version')!r}, this Texloom reads {CONFIG_VERSION}.",
                advice=again,
            )
        try:
            net = MapNet(NetConfig(**{name: tuple(value) for name, value in config["net"].items()}))
            net.load_state_dict({name: value.float() for name, value in weights.items()})
        except (RuntimeError, TypeError, KeyError) as error:
            raise ModelInvalidError(f"The map estimator does not fit its config: {error}.", advice=again) from error
        self._net = net.to(self._device).eval()

    def unload(self) -> None:
        """Free the memory."""
        self._net = None

    @torch.inference_mode()
    def estimate(
        self,
        rgb: Tensor,
        tile_width_m: float,
        *,
        tile_x: bool = True,
        tile_y: bool = True,
        check: Callable[[], None] = lambda: None,
    ) -> Estimated:
        """Maps of a picture [3, H, W], sRGB, 0 to 1.

        Large pictures are seen twice: small, for the forms, and as they are, for the detail.  Where the picture
        repeats the network sees across the border, elsewhere it sees the picture mirrored.

        Args:
            rgb: the picture.
            tile_width_m: metres across, which the height follows from.
            tile_x, tile_y: whether the picture repeats.
            check: called between pieces; may raise to stop.
        """
        self.load(self._device)
        picture = rgb[None].to(self._device).float()
        rows, columns = picture.shape[-2:]
        seen = self._pieces(picture, tile_x, tile_y, check)
        scale = STRUCTURE_SIDE / max(rows, columns)
        if scale < 2 / 3:
            size = (max(1, round(rows * scale)), max(1, round(columns * scale)))
            small = F.interpolate(picture, size, mode="area")
            forms = self._pieces(small, tile_x, tile_y, check)
            seen = [combined(fine, coarse, tile_x, tile_y) for fine, coarse in zip(seen, forms, strict=True)]
        base_color, slope, roughness, metallic = seen
        check()
        height = height_of(slope, tile_x, tile_y)[0] * (tile_width_m / columns)
        guess = pbr.maps_from_image(picture[0], tile_width_m, tile_x, tile_y)
        height = height + BRIGHTNESS_SHARE * guess.height_m
        check()
        return Estimated(
            base_color=base_color[0].clamp(0.0, 1.0),
            height_m=height,
            roughness=roughness[0, 0].clamp(0.0, 1.0),
            metallic=((metallic[0, 0] - METAL_FROM) / (METAL_TO - METAL_FROM)).clamp(0.0, 1.0),
        )

    def _pieces(self, picture: Tensor, tile_x: bool, tile_y: bool, check: Callable[[], None]) -> list[Tensor]:
        """Base color, slope, roughness and metallic of the whole picture, seen piece by piece."""
        assert self._net is not None
        rows, columns = picture.shape[-2:]
        step = self._net.config.multiple
        found = [picture.new_empty(1, channels, rows, columns) for channels in (3, 2, 1, 1)]
        for top in range(0, rows, PIECE):
            for left in range(0, columns, PIECE):
                check()
                height, width = min(PIECE, rows - top), min(PIECE, columns - left)
                # To whole multiples; what is more than the piece goes into the border.
                tall, wide = -(-height // step) * step + 2 * BORDER, -(-width // step) * step + 2 * BORDER
                across = places(left - BORDER, wide, columns, tile_x, picture.device)
                down = places(top - BORDER, tall, rows, tile_y, picture.device)
                seen = self._net(picture[..., down, :][..., across].contiguous(memory_format=torch.channels_last))
                for whole, part in zip(found, _fields(seen), strict=True):
                    inner = part[..., BORDER : BORDER + height, BORDER : BORDER + width]
                    whole[..., top : top + height, left : left + width] = inner
        return found


@cache
def shipped() -> MapEstimator:
    """The estimator that comes with Texloom, one for the whole process; ten megabytes, so it stays in memory."""
    return MapEstimator()


def estimate(
    rgb: Tensor,
    tile_width_m: float,
    *,
    tile_x: bool,
    tile_y: bool,
    check: Callable[[], None] = lambda: None,
) -> Estimated:
    """:meth:`MapEstimator.estimate` with the shipped weights, on the device where ``rgb`` is.

    Where no weights are shipped, :func:`.pbr.maps_from_image` guesses instead, and the colors stay as they are.

    Raises:
        ModelInvalidError: the weights are damaged.
    """
    estimator = shipped()
    if not estimator.available:
        guess = pbr.maps_from_image(rgb, tile_width_m, tile_x, tile_y)
        check()
        return Estimated(base_color=rgb, height_m=guess.height_m, roughness=guess.roughness, metallic=guess.metallic)
    estimator.load(rgb.device)
    return estimator.estimate(rgb, tile_width_m, tile_x=tile_x, tile_y=tile_y, check=check)


def _fields(seen: Seen) -> tuple[Tensor, ...]:
    return seen.base_color, seen.slope, seen.roughness, seen.metallic


def places(start: int, count: int, size: int, tile: bool, device: torch.device) -> Tensor:
    """Which of ``size`` lines stand at ``start`` and after it: repeated, or mirrored at the ends."""
    index = torch.arange(start, start + count, device=device)
    if tile:
        return index.remainder(size)
    period = max(1, 2 * size - 2)
    index = index.remainder(period)
    return torch.where(index < size, index, period - index)


def combined(fine: Tensor, coarse: Tensor, tile_x: bool, tile_y: bool) -> Tensor:
    """Detail of ``fine``, and everything larger from ``coarse``, [B, channels, H, W]; that may be smaller."""
    size = coarse.shape[-2:]
    blurred = F.interpolate(fine, size, mode="area")
    return fine + enlarged(coarse - blurred, fine.shape[-2:], tile_x, tile_y)


def enlarged(field: Tensor, size: tuple[int, ...], tile_x: bool, tile_y: bool) -> Tensor:
    """``field`` [B, channels, H, W] at a larger ``size``: bilinear, across the border where it repeats."""
    rows, columns = field.shape[-2:]
    down = places(-2, rows + 4, rows, tile_y, field.device)
    across = places(-2, columns + 4, columns, tile_x, field.device)
    wide = field[..., down, :][..., across]
    tall, long = round(size[0] * (rows + 4) / rows), round(size[1] * (columns + 4) / columns)
    grown = F.interpolate(wide, (tall, long), mode="bilinear", align_corners=False)
    top, left = (tall - size[0]) // 2, (long - size[1]) // 2
    return grown[..., top : top + size[0], left : left + size[1]]


def height_of(slope: Tensor, tile_x: bool, tile_y: bool) -> Tensor:
    """Height [B, H, W] in pixels of slopes [B, 2, H, W]; an axis that does not repeat is mirrored, so that it does."""
    rows, columns = slope.shape[-2:]
    scale = min(1.0, INTEGRATED_SIDE / max(rows, columns))
    if scale < 1.0:
        size = (round(rows * scale), round(columns * scale))
        small = height_of(F.interpolate(slope, size, mode="area"), tile_x, tile_y)
        return enlarged(small[:, None], (rows, columns), tile_x, tile_y)[:, 0] / scale
    across, down = slope[:, :1], slope[:, 1:]
    if not tile_x:
        across = torch.cat((across, -across.flip(-1)), dim=-1)
        down = torch.cat((down, down.flip(-1)), dim=-1)
    if not tile_y:
        across = torch.cat((across, across.flip(-2)), dim=-2)
        down = torch.cat((down, -down.flip(-2)), dim=-2)
    whole = height_from_slopes(torch.cat((across, down), dim=1))
    return whole[..., :rows, :columns]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures and maps with more pixels: the network of :mod:`.upscale_net`, or a cubic filter, piece by piece.

Every piece of the result is made of the piece of the source below it with a border around, so memory does not grow with
the picture.  Where the source repeats, the border is what stands on its other side; elsewhere it is mirrored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import ModelInvalidError, ModelNotFoundError
from ..upscale_request import LARGEST_FACTOR
from .map_estimator import places
from .resample import Span, Taps
from .upscale_net import FACTOR, UpscaleConfig, UpscaleNet

FOLDER: Final = Path(__file__).parents[1] / "models" / "upscale"
WEIGHTS_FILE: Final = "upscale.safetensors"
CONFIG_FILE: Final = "config.json"
CONFIG_VERSION: Final = 1

PIECE: Final = 640
"""Side of the pieces in which a result is made, in pixels: small ones stay in a processor's cache."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Done = Callable[[float], None]


class Upscaler:
    """The trained network; loaded when first used.

    Args:
        folder: where config and weights lie; None for the shipped ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else FOLDER
        self._net: UpscaleNet | None = None
        self._hashes: dict[str, str] | None = None

    def files(self) -> dict[str, str]:
        """SHA-256 of each file, so that a result can be traced to the exact weights."""
        if self._hashes is None:
            paths = [self.folder / name for name in (WEIGHTS_FILE, CONFIG_FILE)]
            self._hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file()}
        return self._hashes

    def load(self, device: str | torch.device) -> UpscaleNet:
        """Read the weights, once.

        Raises:
            ModelNotFoundError: there are none; ModelInvalidError: they are damaged or of another version.
        """
        if self._net is not None:
            return self._net.to(torch.device(device))
        again = "Install Texloom again, or train the model: texloom train upscaler."
        try:
            config = json.loads((self.folder / CONFIG_FILE).read_text(encoding="utf-8"))
            weights = load_file(self.folder / WEIGHTS_FILE)
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"The upscaler lacks {error.filename}.", advice=again) from error
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelInvalidError(f"The upscaler cannot be read: {error}.", advice=again) from error
        if config.get("version") != CONFIG_VERSION:
            raise ModelInvalidError(
                f"The upscaler has version {config.get('version')!r}, this Texloom reads {CONFIG_VERSION}.",
                advice=again,
            )
        try:
            net = UpscaleNet(UpscaleConfig(**config["net"]))
            net.load_state_dict({name: value.float() for name, value in weights.items()})
        except (RuntimeError, TypeError, KeyError) as error:
            raise ModelInvalidError(f"The upscaler does not fit its config: {error}.", advice=again) from error
        # As its convolutions are fastest, twice as fast on processors.
        self._net = net.to(device=torch.device(device), memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        return self._net


@cache
def shipped() -> Upscaler:
    """The upscaler that comes with Texloom, one for the whole process."""
    return Upscaler()


def enlarge(
    pixels: Pixels,
    width: int,
    height: int,
    *,
    wraps: tuple[bool, bool],
    upscaler: Upscaler | None,
    check: Callable[[], None] = lambda: None,
    done: Done = lambda part: None,
    device: str = "cpu",
) -> Pixels:
    """A picture or map with more pixels; each stays in its place, so that maps still lie on each other.

    Args:
        pixels: (height, width) or (height, width, channels), uint8 or uint16.
        width, height: of the result, at least those of the source and at most :data:`LARGEST_FACTOR` times as many.
        wraps: whether it repeats across its right and left sides, and across its bottom and top.
        upscaler: the network, or None for a cubic filter; the network sees one or three channels.
        check: called between the pieces; may raise to stop.
        done: told how far it is, 0 to 1.
        device: torch device.

    Raises:
        ModelNotFoundError, ModelInvalidError: as :meth:`Upscaler.load`.
        ValueError: the result would be smaller or too large.
    """
    net = upscaler.load(device) if upscaler is not None else None
    rows, columns = pixels.shape[:2]
    if not (columns <= width <= columns * LARGEST_FACTOR + 1 and rows <= height <= rows * LARGEST_FACTOR + 1):
        raise ValueError(f"{columns} × {rows} pixels cannot become {width} × {height}.")
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    result = np.empty((height, width, planes.shape[2]), pixels.dtype)
    factor = max(width / columns, height / rows)
    passes = 0 if net is None else 1 if factor <= FACTOR else 2
    scale = FACTOR**passes
    # The second pass looks half as far, in pixels of the source.
    border = 4 if net is None else math.ceil(1.5 * net.config.reach) + 4
    top = float(np.iinfo(pixels.dtype).max)
    across, down = _parts(width, columns, border), _parts(height, rows, border)
    for number, (first_row, last_row, begin, end) in enumerate(down):
        index_y = places(begin, end - begin, rows, wraps[1], torch.device("cpu")).numpy()
        for count, (first_column, last_column, left, right) in enumerate(across):
            check()
            index_x = places(left, right - left, columns, wraps[0], torch.device("cpu")).numpy()
            part = planes[np.ix_(index_y, index_x)]
            field = torch.from_numpy(part.astype(np.float32)).to(device).permute(2, 0, 1) / top
            field = _doubled(net, field, passes, check)
            field = _sampled(field, 2, left, scale, columns / width, first_column, last_column)
            field = _sampled(field, 1, begin, scale, rows / height, first_row, last_row)
            found = field.clamp_(0.0, 1.0).mul_(top).add_(0.5).permute(1, 2, 0).cpu().numpy()
            result[first_row:last_row, first_column:last_column] = found.astype(pixels.dtype)
            done((number * len(across) + count + 1) / (len(down) * len(across)))
    found_pixels: Pixels = result if pixels.ndim == 3 else result[..., 0]
    return found_pixels


def facts(upscaler: Upscaler | None) -> dict[str, Any]:
    """What the manifest says of who made the pixels."""
    return {"way": "network", "files": upscaler.files()} if upscaler is not None else {"way": "cubic"}


def _parts(count: int, source: int, border: int) -> list[tuple[int, int, int, int]]:
    """First and last pixel of each piece of the result, and of what is taken of the source for it."""
    pieces = -(-count // PIECE)
    found = []
    for number in range(pieces):
        first, last = number * count // pieces, (number + 1) * count // pieces
        begin = first * source // count - border
        end = -(-last * source // count) + border
        found.append((first, last, begin, end))
    return found


@torch.inference_mode()
def _doubled(net: UpscaleNet | None, field: Tensor, passes: int, check: Callable[[], None]) -> Tensor:
    """[C, H, W] after ``passes`` of the network, which sees one channel three times."""
    if net is None or passes == 0:
        return field
    grey = field.shape[0] == 1
    batch = field.expand(3, -1, -1)[None].contiguous(memory_format=torch.channels_last)
    for _ in range(passes):
        check()
        batch = net(batch).clamp_(0.0, 1.0)
        if grey:
            batch = batch.mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    return batch[0, :1] if grey else batch[0]


def _sampled(field: Tensor, axis: int, begin: int, scale: int, step: float, first: int, last: int) -> Tensor:
    """Pixels ``first`` to ``last`` of the result along ``axis`` of [C, H, W], which begins at pixel ``begin``.

    ``scale`` is how many of its pixels make one of the source, ``step`` how many of the source one of the result.
    """
    span = Span(start=(first * step - begin) * scale, step=step * scale, count=last - first)
    if abs(span.step - 1.0) < 1e-9 and abs(span.start - round(span.start)) < 1e-6:
        return field.narrow(axis, round(span.start), span.count).clone()
    taps = Taps(span, field.shape[axis], str(field.device))
    return torch.stack([taps.apply(plane, axis - 1) for plane in field])

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from anywhere, opened with care: size limits first, then upright 8-bit sRGB with or without alpha."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import RequestError
from .sources import read_bytes

FORMATS: Final = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
"""What is opened, in Pillow's names; every other decoder stays shut, however a file is called."""

MAX_PIXELS: Final = 1 << 27
"""More pixels than this are not decoded: a small file may unpack to more than there is memory."""

_READABLE: Final = "Texloom reads PNG, JPEG, TIFF, WebP and BMP pictures."
_TO_EIGHT: Final = 257  # 65535 / 255


@dataclass(frozen=True, kw_only=True)
class Picture:
    """``pixels`` is (height, width, 3 or 4) uint8, sRGB with straight alpha, first row on top."""

    pixels: NDArray[np.uint8]
    format: str

    @property
    def has_alpha(self) -> bool:
        """Whether anything is transparent."""
        return self.pixels.shape[2] == 4


def open_picture(path: Path) -> Picture:
    """Read a picture; turned as its camera says, in sRGB if it names another color space.

    Alpha is kept only where something is transparent.  Of a file with several pictures, the first is taken.

    Raises:
        RequestError: no such file, no picture of a known kind, damaged, or too large.
        StorageError: it may not be read.
    """
    return _opened(path, lambda image: Picture(pixels=_decoded(image), format=str(image.format)))


def open_map(path: Path, channels: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Read a map: numbers, which no profile and no camera changes.

    Args:
        path: of the file.
        channels: 1 for (height, width), in 8 or 16 bits as the file has them; 3 for (height, width, 3) in 8 bits.

    Raises:
        As :func:`open_picture`.
    """
    return _opened(path, lambda image: _numbers(image, channels))


_Found = TypeVar("_Found")


def _opened(path: Path, decode: Callable[[Image.Image], _Found]) -> _Found:
    data = read_bytes(path)
    try:
        with warnings.catch_warnings():
            # Its own limit is lower than ours; ours is checked before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(path, *image.size)
                return decode(image)
    except Image.DecompressionBombError as error:
        raise RequestError(f"source: {path.name} has too many pixels.", advice=_advice_size()) from error
    except UnidentifiedImageError as error:
        raise RequestError(
            f"source: {path.name} is no picture that can be read.",
            advice=f"{_READABLE} Save it as one of these first.",
        ) from error
    # Decoders raise any of these on damaged data.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError) as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(
            f"source: {path.name} is damaged and cannot be read ({error}).", advice="Save or download it again."
        ) from error


def open_style(path: Path) -> Picture:
    """As :func:`open_picture`, for the picture that gives a style; messages name its field."""
    try:
        return open_picture(path)
    except RequestError as error:
        raise RequestError(error.message.replace("source:", "style_image:", 1), advice=error.advice) from error


def opaque(pixels: NDArray[np.uint8], *, black: bool = False) -> NDArray[np.uint8]:
    """(height, width, 3): what is transparent gets the mean color of what is not, or black."""
    if pixels.shape[2] == 3:
        return pixels
    cover = pixels[..., 3:].astype(np.float32) / 255.0
    total = float(cover.sum())
    colors = pixels[..., :3]
    mean = (colors * cover).sum((0, 1)) / total if total > 0 else np.full(3, 128.0)
    ground = np.zeros(3, np.float32) if black else mean.astype(np.float32)
    mixed = colors * cover + ground * (1.0 - cover) + 0.5
    return mixed.astype(np.uint8)


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise RequestError(f"source: {path.name} has {width} × {height} pixels.", advice=_advice_size())
    if min(width, height) < 8:
        raise RequestError(f"source: {path.name} has only {width} × {height} pixels; 8 each way are the least.")


def _advice_size() -> str:
    return f"Up to {MAX_PIXELS // 1_000_000} million pixels are read: make it smaller first."


def _decoded(image: Image.Image) -> NDArray[np.uint8]:
    profile = image.info.get("icc_profile")
    image.load()
    upright = ImageOps.exif_transpose(image)
    image = upright if upright is not None else image
    if image.mode == "F":
        raise RequestError(
            "source: it holds 32-bit floating-point numbers.", advice="Save it with 8 or 16 bits a channel first."
        )
    if image.mode.startswith("I"):
        # Pillow would cut 16-bit grey off at 255.
        grey = np.asarray(image).astype(np.int64)
        eight = np.clip((grey + _TO_EIGHT // 2) // _TO_EIGHT, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(eight[..., None], 3, axis=2))
    transparent = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if image.mode in ("RGB", "RGBA", "CMYK", "L") and profile:
        image = _to_srgb(image, profile)
    image = image.convert("RGBA" if transparent else "RGB")
    pixels = np.array(image)
    if transparent and (pixels[..., 3] == 255).all():
        pixels = np.ascontiguousarray(pixels[..., :3])
    return pixels


def _numbers(image: Image.Image, channels: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    image.load()
    if image.mode == "F":
        raise RequestError(
            "source: it holds 32-bit floating-point numbers.", advice="Save it with 8 or 16 bits a channel first."
        )
    if channels == 3:
        return np.array(image.convert("RGB"))
    if image.mode.startswith("I"):
        return np.clip(np.asarray(image).astype(np.int64), 0, 65535).astype(np.uint16)
    return np.array(image.convert("L"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """From the profile in the file to sRGB; a profile that does not fit the picture is passed over."""
    target: Any = ImageCms.createProfile("sRGB")
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L" and source.profile.xcolor_space.strip() != "GRAY":
            return image
        converted = ImageCms.profileToProfile(image, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted if converted is not None else image

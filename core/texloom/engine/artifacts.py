# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files: 8 and 16 bits, text chunks, streamed to disk band by band.

The encoder is our own: one filter and run-length matching (zlib's ``Z_RLE``) make files as small as Pillow's fastest
setting does, in a quarter of the time, outside the interpreter's lock, and without a copy of an 8K picture.
Format: PNG specification, third edition (W3C), sections 5, 9 and 11.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..storage import storage_error
from .generator import Pixels

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES: Final = {1: 0, 3: 2, 4: 6}
_FILTER_UP: Final = 2
_BAND_BYTES: Final = 4 * 1024 * 1024


def write_png(
    path: Path,
    pixels: Pixels,
    *,
    text: Mapping[str, str] | None = None,
    srgb: bool = False,
    check: Callable[[], None] | None = None,
) -> str:
    """Write ``pixels`` aside and rename; the same input gives the same bytes.

    Args:
        path: the file.
        pixels: (height, width) grey, or (height, width, 3 or 4); uint8 or uint16; first row on top.
        text: keyword (1 to 79 Latin characters) → any text, put before the pixels.
        srgb: say in the file that it holds sRGB colours.
        check: called between bands; may raise to stop, and then no file is left.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        StorageError: the file could not be written.
        ValueError: ``pixels`` or ``text`` is of another shape than described.
    """
    aside = path.with_name(f".{path.name}.tmp")
    digest = hashlib.sha256()
    try:
        with open(aside, "wb") as stream:
            for part in png_parts(pixels, text=text or {}, srgb=srgb):
                if check is not None:
                    check()
                digest.update(part)
                stream.write(part)
        os.replace(aside, path)
    except OSError as error:
        raise storage_error("write", path, error) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
    return digest.hexdigest()


def png_parts(pixels: Pixels, *, text: Mapping[str, str], srgb: bool = False) -> Iterator[bytes]:
    """The bytes of a PNG file, in order, some megabytes at most at a time; see :func:`write_png`."""
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"cannot write an array of shape {pixels.shape} and type {pixels.dtype} as PNG")
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if channels not in _COLOR_TYPES:
        raise ValueError(f"cannot write {channels} channels as PNG")
    bits = pixels.dtype.itemsize * 8
    yield _SIGNATURE
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _COLOR_TYPES[channels], 0, 0, 0))
    if srgb:
        yield _chunk(b"sRGB", b"\0")  # perceptual intent
    for key, value in text.items():
        yield _text_chunk(key, value)
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    line = width * channels * pixels.dtype.itemsize
    rows = max(1, _BAND_BYTES // line)
    above: NDArray[np.uint8] = np.zeros(line, np.uint8)
    for start in range(0, height, rows):
        band = pixels[start : start + rows]
        raw = np.ascontiguousarray(band, band.dtype.newbyteorder(">")).view(np.uint8).reshape(len(band), line)
        filtered = np.empty((len(band), line + 1), np.uint8)
        filtered[:, 0] = _FILTER_UP
        np.subtract(raw[0], above, out=filtered[0, 1:])
        np.subtract(raw[1:], raw[:-1], out=filtered[1:, 1:])
        above = raw[-1]
        packed = packer.compress(filtered.data)
        if packed:
            yield _chunk(b"IDAT", packed)
    yield _chunk(b"IDAT", packer.flush())
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _text_chunk(key: str, value: str) -> bytes:
    keyword = key.encode("latin-1")
    if not 1 <= len(keyword) <= 79 or b"\0" in keyword:
        raise ValueError(f"not a PNG keyword: {key!r}")
    value = value.replace("\0", "")  # the one character that both chunks use as a separator
    if value.isascii():
        return _chunk(b"tEXt", keyword + b"\0" + value.encode("ascii"))
    # Uncompressed, no language, no translated keyword.
    return _chunk(b"iTXt", keyword + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))

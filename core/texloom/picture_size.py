# SPDX-License-Identifier: GPL-3.0-or-later
"""Width and height of a picture from the first bytes of its file, without a decoder.

Formats: PNG (W3C, third edition), JPEG (ITU-T T.81, markers SOFn) with Exif orientation (CIPA DC-008), TIFF 6.0,
WebP (Google's container specification), BMP (Microsoft's BITMAPINFOHEADER).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from .errors import RequestError
from .request import RANGES, SIZE_STEP
from .storage import storage_error

FORMATS: Final = "PNG, JPEG, TIFF, WebP and BMP"

_NO_FRAME: Final = frozenset({0xC4, 0xC8, 0xCC})
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
_TURNED: Final = frozenset({5, 6, 7, 8})
_EXIF: Final = b"Exif\0\0"


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, as the picture is seen upright.

    Raises:
        RequestError: there is no such file, or it is no picture of a known kind.
        StorageError: it may not be read.
    """
    try:
        with path.open("rb") as stream:
            found = _read(stream)
    except FileNotFoundError as error:
        raise RequestError(f"source: there is no file {path}.", advice="Give the path of a picture.") from error
    except IsADirectoryError as error:
        raise RequestError(f"source: {path} is a folder.", advice="Give the path of a picture.") from error
    except OSError as error:
        raise storage_error("read", path, error) from error
    except (struct.error, IndexError):
        found = None
    if found is None or min(found) < 1:
        raise RequestError(
            f"source: {path.name} is no picture that can be read.",
            advice=f"Texloom reads {FORMATS} pictures. Save it as one of these first.",
        )
    return found


def fitting_size(width: int, height: int, longest: int | None = None, *, step: int = SIZE_STEP) -> tuple[int, int]:
    """A size that a request may have, of nearly the same proportions.

    Args:
        width, height: of the picture.
        longest: pixels of the longer side; None for as many as the picture has.
        step: what both are multiples of.
    """
    least, most = (int(limit) for limit in RANGES["width"])
    scale = (longest or max(width, height)) / max(width, height)
    scale = min(max(scale, least / min(width, height)), most / max(width, height))
    sides = (min(max(round(side * scale / step) * step, least), most) for side in (width, height))
    across, down = sides
    return across, down


def _read(stream: BinaryIO) -> tuple[int, int] | None:
    start = stream.read(32)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", start[16:24])
        return width, height
    if start.startswith(b"\xff\xd8"):
        stream.seek(2)
        return _jpeg(stream)
    if start[:4] in (b"II*\0", b"MM\0*"):
        tags = _tags(stream, 0)
        return _turned(tags[_WIDTH], tags[_HEIGHT], tags.get(_ORIENTATION)) if {_WIDTH, _HEIGHT} <= set(tags) else None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp(start)
    if start.startswith(b"BM"):
        width, height = struct.unpack("<ii", start[18:26])
        return width, abs(height)
    return None


def _jpeg(stream: BinaryIO) -> tuple[int, int] | None:
    orientation: int | None = None
    while True:
        # Markers may be filled up with any number of 0xFF before them.
        marker = stream.read(2)
        while marker == b"\xff\xff":
            marker = marker[1:] + stream.read(1)
        if len(marker) < 2 or marker[0] != 0xFF:
            return None
        length = struct.unpack(">H", stream.read(2))[0] - 2
        kind = marker[1]
        if 0xC0 <= kind <= 0xCF and kind not in _NO_FRAME:
            height, width = struct.unpack(">xHH", stream.read(5))
            return _turned(width, height, orientation)
        end = stream.tell() + length
        if kind == 0xE1 and stream.read(6) == _EXIF:
            orientation = _tags(stream, stream.tell()).get(_ORIENTATION, orientation)
        stream.seek(end)


def _webp(start: bytes) -> tuple[int, int] | None:
    kind = start[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", start[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tags(stream: BinaryIO, origin: int) -> dict[int, int]:
    """The whole numbers in the first directory of a TIFF structure that begins at ``origin``."""
    stream.seek(origin)
    head = stream.read(8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return {}
    stream.seek(origin + struct.unpack(f"{order}I", head[4:8])[0], os.SEEK_SET)
    (count,) = struct.unpack(f"{order}H", stream.read(2))
    found: dict[int, int] = {}
    for _ in range(count):
        entry = stream.read(12)
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        if kind in (3, 4):
            found[tag] = struct.unpack(f"{order}{'H' if kind == 3 else 'I'}", entry[8 : 10 if kind == 3 else 12])[0]
    return found


def _turned(width: int, height: int, orientation: int | None) -> tuple[int, int]:
    return (height, width) if orientation in _TURNED else (width, height)

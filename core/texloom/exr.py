# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR files, written without an imaging library: half or full floats, ZIP compression, one part, scan lines.

Pixels are written as they are given; whoever calls decides what is linear.
Format: OpenEXR documentation, "OpenEXR File Layout" (Academy Software Foundation).
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from .storage import storage_error

Floats = NDArray[np.float16] | NDArray[np.float32]

_MAGIC: Final = 20000630
_VERSION: Final = 2
_ZIP: Final = 3
_ROWS: Final = 16
"""Scan lines in one block of ZIP compression."""
_PIXEL_TYPES: Final = {2: 1, 4: 2}
# Readers want the channels in the order of their names; numbers are places in the array.
_CHANNELS: Final[Mapping[int, tuple[tuple[str, int], ...]]] = {
    1: (("Y", 0),),
    3: (("B", 2), ("G", 1), ("R", 0)),
    4: (("A", 3), ("B", 2), ("G", 1), ("R", 0)),
}


def write_exr(
    path: Path,
    pixels: Floats,
    *,
    text: Mapping[str, str] | None = None,
    check: Callable[[], None] | None = None,
) -> None:
    """Write ``pixels`` aside and rename; the same input gives the same bytes.

    Args:
        path: the file.
        pixels: (height, width) grey, or (height, width, 3 or 4); float16 or float32; first row on top.
        text: name (1 to 31 Latin characters) → any text, put into the header.
        check: called between blocks of rows; may raise to stop, and then no file is left.

    Raises:
        StorageError: the file could not be written.
        ValueError: ``pixels`` or ``text`` is of another shape than described.
    """
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype not in (np.float16, np.float32):
        raise ValueError(f"cannot write an array of shape {pixels.shape} and type {pixels.dtype} as EXR")
    planes = pixels.reshape(*pixels.shape[:2], -1)
    if planes.shape[2] not in _CHANNELS:
        raise ValueError(f"cannot write {planes.shape[2]} channels as EXR")
    header = _header(planes, text or {})
    aside = path.with_name(f".{path.name}.tmp")
    try:
        with open(aside, "wb") as stream:
            _write(stream, header, planes, check)
        os.replace(aside, path)
    except OSError as error:
        raise storage_error("write", path, error) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def _write(stream: BinaryIO, header: bytes, planes: Floats, check: Callable[[], None] | None) -> None:
    height = planes.shape[0]
    places = [place for _, place in _CHANNELS[planes.shape[2]]]
    count = -(-height // _ROWS)
    stream.write(header + bytes(8 * count))  # the offsets are known at the end only
    offsets = []
    for start in range(0, height, _ROWS):
        if check is not None:
            check()
        block = planes[start : start + _ROWS]
        # Row by row, and within a row channel by channel.
        ordered = np.ascontiguousarray(block[:, :, places].transpose(0, 2, 1), block.dtype.newbyteorder("<"))
        data = _packed(ordered.view(np.uint8).reshape(-1))
        offsets.append(stream.tell())
        stream.write(struct.pack("<ii", start, len(data)) + data)
    stream.seek(len(header))
    stream.write(struct.pack(f"<{count}Q", *offsets))


def _packed(raw: NDArray[np.uint8]) -> bytes:
    """A block as ZIP compression has it: low and high bytes apart, differences, deflate; as it is when that is less."""
    apart = np.concatenate((raw[0::2], raw[1::2]))
    apart[1:] = apart[1:] - apart[:-1] + np.uint8(128)
    packed = zlib.compress(apart.data, 1)  # higher levels take far longer for little
    return packed if len(packed) < raw.size else raw.tobytes()


def _header(planes: Floats, text: Mapping[str, str]) -> bytes:
    height, width, count = planes.shape
    kind = _PIXEL_TYPES[planes.dtype.itemsize]
    channels = b"".join(
        name.encode("ascii") + b"\0" + struct.pack("<iB3xii", kind, 0, 1, 1) for name, _ in _CHANNELS[count]
    )
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    attributes = [
        ("channels", "chlist", channels + b"\0"),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),  # from top to bottom
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<ff", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
        *((name, "string", value.encode("utf-8", "replace")) for name, value in text.items()),
    ]
    parts = [struct.pack("<ii", _MAGIC, _VERSION)]
    for name, sort, value in attributes:
        encoded = name.encode("latin-1")
        if not 1 <= len(encoded) <= 31 or b"\0" in encoded:
            raise ValueError(f"not a name of an EXR attribute: {name!r}")
        parts.append(encoded + b"\0" + sort.encode("ascii") + b"\0" + struct.pack("<i", len(value)) + value)
    return b"".join(parts) + b"\0"

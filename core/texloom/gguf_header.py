# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, shapes and texts in the header of a GGUF file (github.com/ggml-org/ggml, docs/gguf.md); reads no weights."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

from .errors import ModelInvalidError

MAGIC: Final = b"GGUF"
SUFFIX: Final = ".gguf"

_VERSIONS: Final = (2, 3)
_LIMIT: Final = 64 * 1024 * 1024
"""Headers of models that draw are far smaller; those of language models hold their whole vocabulary."""
_MOST: Final = 1_000_000
_LONGEST: Final = 16 * 1024 * 1024
_DIMENSIONS: Final = 8
_STRING: Final = 8
_ARRAY: Final = 9
_NUMBERS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each kind of number that a header may hold."""


def is_gguf(path: Path) -> bool:
    """Whether a file begins as such files do; False for one that cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Names with shapes (as torch has them, in weights), and the texts of the metadata.

    Raises:
        ModelInvalidError: it is damaged, or of a version that is not known.
    """
    try:
        with open(path, "rb") as stream:
            return _Reader(stream, path).header()
    except OSError as error:
        raise ModelInvalidError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (struct.error, UnicodeDecodeError) as error:
        raise _damaged(path, "its header was cut off, perhaps") from error


class _Reader:
    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path

    def header(self) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
        if self._take(4) != MAGIC:
            raise _damaged(self._path, "it does not begin as one")
        (version,) = struct.unpack("<I", self._take(4))
        if version not in _VERSIONS:
            raise _damaged(self._path, f"its version {version} is not known")
        tensors, pairs = struct.unpack("<QQ", self._take(16))
        if tensors > _MOST or pairs > _MOST:
            raise _damaged(self._path, "it has too many parts")
        texts: dict[str, str] = {}
        for _ in range(pairs):
            name, kind = self._text(), self._number()
            if kind == _STRING:
                texts[name] = self._text()
            else:
                self._skip(kind)
        shapes: dict[str, tuple[int, ...]] = {}
        for _ in range(tensors):
            name, count = self._text(), self._number()
            if count > _DIMENSIONS:
                raise _damaged(self._path, f"its part {name[:60]!r} has {count} dimensions")
            # The first is the one that lies together in memory, torch's last.
            shapes[name] = tuple(reversed(struct.unpack(f"<{count}Q", self._take(8 * count))))
            self._take(4 + 8)  # how it is quantized, and where it begins
        if not shapes:
            raise _damaged(self._path, "it holds no weights")
        return shapes, texts

    def _take(self, count: int) -> bytes:
        if count > _LONGEST or self._stream.tell() + count > _LIMIT:
            raise _damaged(self._path, "its header is too long")
        data = self._stream.read(count)
        if len(data) < count:
            raise _damaged(self._path, "its header was cut off, perhaps")
        return data

    def _number(self) -> int:
        return int(struct.unpack("<I", self._take(4))[0])

    def _text(self) -> str:
        (length,) = struct.unpack("<Q", self._take(8))
        return self._take(length).decode("utf-8")

    def _skip(self, kind: int) -> None:
        if kind != _ARRAY:
            self._take(self._size(kind))
            return
        inner = self._number()
        (count,) = struct.unpack("<Q", self._take(8))
        if inner == _STRING:
            for _ in range(min(count, _MOST)):
                self._text()
        else:
            self._take(self._size(inner) * count)

    def _size(self, kind: int) -> int:
        if kind not in _NUMBERS:
            raise _damaged(self._path, f"it holds a value of the unknown kind {kind}")
        return _NUMBERS[kind]


def _damaged(path: Path, why: str) -> ModelInvalidError:
    return ModelInvalidError(f"{path.name} is no sound GGUF file: {why}.", advice="Download it again.")

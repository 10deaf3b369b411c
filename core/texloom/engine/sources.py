# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture that a request starts from: read once, and kept with the result, so that it can be made again."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import RequestError
from ..storage import storage_error, write_bytes_atomic

MAX_BYTES: Final = 1 << 30
"""Larger files are no pictures."""

_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSource:
    """A copy in the job's folder: ``file`` is its name there, ``name`` that of the original."""

    file: str
    name: str
    sha256: str

    def to_dict(self) -> dict[str, str]:
        """As it stands in the manifest."""
        return {"file": self.file, "name": self.name, "sha256": self.sha256}


def keep_source(path: Path, folder: Path, stem: str = "source") -> KeptSource:
    """Copy the bytes of ``path`` into ``folder`` as ``stem`` with its suffix.

    Raises:
        RequestError: there is no such file, or it is too large for a picture.
        StorageError: it may not be read, or the copy not be written.
    """
    data = read_bytes(path, stem)
    suffix = path.suffix.lower()
    name = f"{stem}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
    write_bytes_atomic(folder / name, data, durable=False)
    return KeptSource(file=name, name=path.name, sha256=hashlib.sha256(data).hexdigest())


@contextlib.contextmanager
def own_names(kept: Iterable[KeptSource]) -> Iterator[None]:
    """Errors about the copies in ``kept`` name the files that they were made of."""
    names = {copy.file: copy.name for copy in kept if "." in copy.file}
    try:
        yield
    except RequestError as error:
        if not names:
            raise
        pattern = rf"(?<!\w)({'|'.join(map(re.escape, names))})(?!\w)"
        message = re.sub(pattern, lambda found: names[found[0]], error.message)
        raise RequestError(message, advice=error.advice, download=error.download) from error


def read_bytes(path: Path, field: str = "source") -> bytes:
    """The whole file; ``field`` of the request names it in messages.

    Raises:
        RequestError: there is no such file, or it is too large for a picture.
        StorageError: it may not be read.
    """
    try:
        if path.is_dir():
            raise RequestError(f"{field}: {path} is a folder.", advice="Give the path of a picture.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RequestError(f"{field}: {path.name} has {size >> 20} MB; up to {MAX_BYTES >> 20} MB are read.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RequestError(f"{field}: there is no file {path}.", advice="Give the path of a picture.") from error
    except OSError as error:
        raise storage_error("read", path, error) from error

# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognises too little memory by what was raised, whatever library raised it; knows torch only by its names."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from .errors import TexloomError

MAY_SAY: Final = (RuntimeError, MemoryError, OSError)
"""What to catch before asking :func:`is_out_of_memory`."""

_NAMES: Final = ("OutOfMemoryError",)
"""Of torch's class for graphics cards, and of Texloom's own."""
_SIGNS: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "_status_alloc_failed",  # of cuBLAS, cuDNN, hipBLAS and their like
    "statusallocfailed",  # of MIOpen
    "out_of_device_memory",
    "out_of_host_memory",
    f"os error {errno.ENOMEM})",
    "os error 1455)",
)
_WINDOWS: Final = (8, 14, 1455)
"""Not enough memory, out of memory, and a paging file that is too small."""
_DEEP: Final = 8


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device; also where a library wrapped one that does.

    The processor's allocator, cuBLAS and others have no exceptions of their own, and mapping a file into memory fails
    with an ``OSError``.
    """
    return any(_says_so(found) for found in _chain(error))


def _says_so(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or not names.isdisjoint(_NAMES):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or getattr(error, "winerror", None) in _WINDOWS
    text = str(error).lower()
    return (isinstance(error, RuntimeError) or "SafetensorError" in names) and any(sign in text for sign in _SIGNS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was raised from or in place of; Texloom's own say all by themselves."""
    found: BaseException | None = error
    for _ in range(_DEEP):
        if found is None:
            return
        yield found
        if isinstance(found, TexloomError) or not isinstance(found, Exception):
            return
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)

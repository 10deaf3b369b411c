# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine has; nothing here needs Blender."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache


@cache
def memory_bytes() -> int | None:
    """Main memory in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return _windows_memory()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *(
            (name, ctypes.c_uint64)
            for name in ("total", "free", "page", "page_free", "virtual", "virtual_free", "more")
        ),
    )


def _windows_memory() -> int | None:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - other systems' Pythons have none
    return int(status.total) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None

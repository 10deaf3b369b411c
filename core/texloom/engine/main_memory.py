# SPDX-License-Identifier: GPL-3.0-or-later
"""How much main memory there is: the machine's, or less where a container may take only a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MEMINFO: Final = "/proc/meminfo"
_OWN_GROUPS: Final = "/proc/self/cgroup"
_GROUPS: Final = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Bytes that can be had without sending other programs to the disk; None where it cannot be known."""
    found = line(_MEMINFO, "MemAvailable")
    if found is None:
        found = _asked("available")
    left = (max(0, limit - used) for limit, used in _limits())
    return min((size for size in (found, *left) if size is not None), default=None)


def total() -> int | None:
    """Bytes that there are in all; None where it cannot be known."""
    found = line(_MEMINFO, "MemTotal")
    if found is None:
        found = _asked("total")
    return min((size for size in (found, *(limit for limit, _ in _limits())) if size is not None), default=None)


def line(path: str, name: str) -> int | None:
    """Bytes of a line of one of Linux's accounts of its memory."""
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for text in lines:
                if text.startswith(f"{name}:"):
                    return int(text.split()[1]) * 1024
    except OSError:
        pass
    return None


def _asked(name: str) -> int | None:
    """Of systems without such accounts."""
    try:
        import psutil
    except ImportError:
        return None
    return int(getattr(psutil.virtual_memory(), name))


def _limits() -> list[tuple[int, int]]:
    """Limit and use, in bytes, of the groups of processes that this one belongs to, where they have a limit.

    What is kept of files does not count as used: it makes way.
    """
    found: list[tuple[int, int]] = []
    for entry in _text(Path(_OWN_GROUPS)).splitlines():
        _, _, rest = entry.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, names, old = _GROUPS, ("memory.max", "memory.current"), False
        elif "memory" in controllers.split(","):
            base, names, old = _GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"), True
        else:
            continue
        # A container often sees its own group as the root, whatever its path is outside.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for count in range(len(parts), -1, -1):
            folder = base.joinpath(*parts[:count])
            limit, used = (_number(_text(folder / name)) for name in names)
            if limit is not None and used is not None:
                found.append((limit, max(0, used - _kept_of_files(_text(folder / "memory.stat"), old))))
    return found


def _kept_of_files(account: str, old: bool) -> int:
    names = ("total_inactive_file", "total_active_file") if old else ("inactive_file", "active_file")
    values = dict(entry.split(" ", 1) for entry in account.splitlines() if " " in entry)
    return sum(_number(values.get(name, "")) or 0 for name in names)


def _number(text: str) -> int | None:
    """None also for the word that means no limit."""
    text = text.strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

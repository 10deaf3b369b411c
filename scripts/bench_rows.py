# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the benchmark's tables: seconds by the clock, and the worker's largest memory.  Standard library only."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _support import say

PROMPTS = ("weathered red brick wall with white mortar", "mossy cobblestone, wet", "white marble with grey veins")


def head(session: Any) -> None:
    """The machine, and the table's first lines.  The engine must run."""
    say(f"{session.status.device_name or session.status.device}, {cores()} cores, {platform.system()},")
    say(f"Python {platform.python_version()}, torch {session.status.versions.get('torch')}")
    say("")
    say("| What | Seconds, median (smallest to largest) | Worker's largest memory |")
    say("|---|---|---|")


def cores() -> int:
    """How many this process and its children may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def row(session: Any, what: str, seconds: Sequence[float]) -> None:
    """One line of the table."""
    shown = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
    say(f"| {what} | {shown} | {peak(worker(session))} |")


def asked(repeats: int) -> list[tuple[str, int]]:
    """Prompts, each with seeds of its own: ``repeats`` times all of them."""
    return [(prompt, 10 * repeat + number) for repeat in range(repeats) for number, prompt in enumerate(PROMPTS)]


def timed(call: Callable[[], object]) -> float:
    """Seconds that ``call`` takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def worker(session: Any) -> int:
    """The process that draws."""
    backend: Any = session.table.backend
    return int(backend._session._child.pid)


def peak(pid: int) -> str:
    """The largest resident memory of a process so far; Linux tells it."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return f"{int(line.split()[1]) / 1e6:.2f} GB"
    except OSError:
        pass
    return "–"

# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands side by side, of which none outlives the script that began them.  Standard library only.

A command that is begun in another thread than the main one is in a group of processes of its own, with all that it
starts.  When the script is interrupted, those groups are ended: nothing goes on behind its back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS_TO_END = (10.0, 5.0, 5.0)
"""How long a group has to end after each of the signals, the gentlest first: tests clean up behind them."""
MODESTY = 10
"""What is made ahead leaves the processors to what is waited for."""

_lock = threading.Lock()
_groups: set[int] = set()
_ended = False


@contextlib.contextmanager
def side_by_side(most: int, *, modest: bool = False) -> Iterator[ThreadPoolExecutor]:
    """Threads for up to ``most`` commands at once; left by an exception, also by Ctrl+C, it ends them first."""
    pool = ThreadPoolExecutor(max(1, most), initializer=_step_back if modest else None)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        end_all()
        pool.shutdown(cancel_futures=True)
        raise


def start(words: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start a command; ``ended`` is to be called when it has ended.

    Raises:
        InterruptedError: the script has been interrupted, so nothing is begun any more.
    """
    if threading.current_thread() is threading.main_thread():
        return subprocess.Popen(words, text=True, errors="replace", **options)
    with _lock:
        if _ended:
            raise InterruptedError
        # A group of its own could not read from the terminal anyway.
        options |= {"stdin": subprocess.DEVNULL, "process_group": 0}
        process = subprocess.Popen(words, text=True, errors="replace", **options)
        _groups.add(process.pid)
    return process


def ended(process: subprocess.Popen[str]) -> None:
    """A command of ``start`` has ended by itself."""
    with _lock:
        _groups.discard(process.pid)


def end_all() -> None:
    """End what other threads run, with all that it started, and let them begin nothing more."""
    global _ended
    with _lock:
        _ended = True
        groups = set(_groups)
    signals = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM))
    for kind, seconds in zip(signals, SECONDS_TO_END, strict=True):
        until = time.monotonic() + seconds
        groups = {group for group in groups if _signal(group, kind)}
        while groups and time.monotonic() < until:
            time.sleep(0.05)
            groups = {group for group in groups if _signal(group, 0)}


def _signal(group: int, kind: int) -> bool:
    """Send a signal to a group; whether any of it is there."""
    try:
        if sys.platform == "win32":
            os.kill(group, signal.SIGTERM)  # no groups there; it ends at once
            return False
        os.killpg(group, kind)
    except OSError:
        return False
    return True


def _step_back() -> None:
    """On Linux, niceness is a thread's own, and the commands that it starts get it."""
    if sys.platform.startswith("linux"):
        os.nice(MODESTY)

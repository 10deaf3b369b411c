# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is shared out to the machine's cores, and that stops when its time is up."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ..engine.device import use_threads
from ..errors import ErrorCode, TexloomError

T = TypeVar("T")

_WINDOWS = 61
"""Processes that Windows waits for at once."""

MORE = 3
"""Exit status of a training that stopped before its end, to go on later."""


class OutOfTimeError(Exception):
    """The time is up; what is made already is kept."""


def deadline_in(minutes: float | None) -> float | None:
    """So many minutes from now, as :func:`time.time` counts, which all processes share; None for never."""
    return None if minutes is None else time.time() + 60.0 * minutes


def minutes_left(deadline: float | None) -> float | None:
    """Minutes until then, 0 where it is past; None for without end."""
    return None if deadline is None else max(0.0, (deadline - time.time()) / 60.0)


def check_time(deadline: float | None) -> None:
    """Raises OutOfTimeError after ``deadline``."""
    if deadline is not None and time.time() > deadline:
        raise OutOfTimeError


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    work: Callable[..., T], tasks: Sequence[tuple[Any, ...]], processes: int, deadline: float | None = None
) -> Iterator[tuple[int, T]]:
    """Call ``work`` with each task, in ``processes`` processes of one thread each; yields numbers and results.

    Args:
        work: a function of a module, so that other processes find it.
        tasks: its arguments.
        processes: with one, or for one task, all is done in this process, with the threads that it has.
        deadline: no task begins after it.

    Raises:
        OutOfTimeError: not all of them could be done.
        TexloomError: a process ended before its work was done.
    """
    if min(processes, len(tasks)) <= 1:
        for number, task in enumerate(tasks):
            check_time(deadline)
            yield number, work(*task)
        return
    with helpers(min(processes, len(tasks))) as pool:
        numbers = {pool.submit(_timed, work, task, deadline): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(numbers):
                yield numbers[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def helpers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, for a ``with`` block.

    Raises:
        TexloomError: one of them ended before its work was done.
    """
    # Not forked: a process that drew already has threads, whose locks a fork would copy as they are, and its card.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(
            at_most(processes), mp_context=context, initializer=use_threads, initargs=(1,)
        ) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise TexloomError(
            "A process that shared the work ended before it was done, usually for want of memory.",
            advice="Close other programs, or ask for fewer processes.",
            code=ErrorCode.WORKER_DIED,
        ) from error


def at_most(processes: int, system: str = os.name) -> int:
    """So many of them as one pool may have."""
    return min(processes, _WINDOWS) if system == "nt" else processes


def _timed(work: Callable[..., T], task: tuple[Any, ...], deadline: float | None) -> T:
    check_time(deadline)
    return work(*task)

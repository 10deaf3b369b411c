# SPDX-License-Identifier: GPL-3.0-or-later
"""The threads that draw: as many as torch would use, each doing its operations alone.

The fields of a band are too small to be shared out operation by operation: most of the time would go into waiting
for the slowest thread.  A band per thread keeps every processor busy, and since no operation is ever divided, the
last bit of the result does not depend on how many processors there are.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import torch

# Each band in work takes some 50 MB; more than this many would break the promise of bounded memory.
MOST_THREADS: Final = 8


def threads(device: torch.device) -> int:
    """How many bands are drawn at a time on ``device``; a graphics card fills itself with one."""
    return _size() if device.type == "cpu" else 1


@cache
def drawing_pool(workers: int) -> ThreadPoolExecutor:
    """The process's pool of ``workers`` threads, made when first needed."""
    if workers == 1 and torch.get_num_threads() == 1:
        return ThreadPoolExecutor(1, thread_name_prefix="texloom-draw")
    ready = threading.Barrier(workers + 1)

    def start() -> None:
        torch.get_num_threads()  # its first call in a thread sets what the process began with
        torch.set_num_threads(1)
        ready.wait()

    everywhere = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="texloom-draw", initializer=start)
    for _ in range(workers):
        pool.submit(int)
    ready.wait()
    # The number belongs to the thread that sets it, but it is also what threads made later begin with.
    torch.set_num_threads(everywhere)
    return pool


@cache
def _size() -> int:
    return max(1, min(MOST_THREADS, torch.get_num_threads()))

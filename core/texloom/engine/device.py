# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device the engine runs on, and settings that make its results repeatable."""

from __future__ import annotations

import gc
import os
import platform

import torch

from ..errors import EngineBrokenError
from ..shortage import is_out_of_memory as is_out_of_memory
from . import main_memory

KINDS = ("cuda", "xpu", "mps", "cpu")
"""Device types in order of preference.  torch calls AMD's ROCm ``cuda`` as well."""


def choose_device(wanted: str | None = None) -> str:
    """The device to run on: ``wanted``, else ``TEXLOOM_DEVICE``, else the best that is there.

    Returns:
        A name torch understands, such as ``cuda:1`` or ``cpu``.

    Raises:
        EngineBrokenError: the device asked for does not exist in this environment.
    """
    name = (wanted or os.environ.get("TEXLOOM_DEVICE") or "").strip().lower()
    if not name or name == "auto":
        return next(kind for kind in KINDS if _available(kind))
    kind, _, number = name.partition(":")
    advice = f"Choose one of {', '.join(k for k in KINDS if _available(k))}, or none for the best there is."
    if kind not in KINDS or (number and not number.isdecimal()):
        raise EngineBrokenError(f"There is no device {name!r}.", advice=advice)
    if not _available(kind) or (number and int(number) >= _count(kind)):
        raise EngineBrokenError(f"The device {name!r} is not available with this build of torch.", advice=advice)
    return name


def device_name(device: str) -> str:
    """What a person calls the device: the graphics card's name, or the processor's."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    if kind == "xpu":
        return str(torch.xpu.get_device_name(device))
    if kind == "mps":
        return f"Apple {platform.machine()} GPU"
    return _processor()


def free_memory(device: str) -> int | None:
    """Bytes free on the device (main memory for ``cpu`` and ``mps``), or None where it cannot be known.

    ``TEXLOOM_MEMORY_GB`` lets Texloom take so many gigabytes in all and no more.
    """
    free = _free(device)
    limit = memory_limit()
    if limit is None:
        return free
    left = max(0, limit - memory_used(device))
    return left if free is None else min(free, left)


def total_memory(device: str) -> int | None:
    """Bytes that the device has, or the limit that is set, whichever is less; None where it cannot be known."""
    kind = torch.device(device).type
    total: int | None
    if kind == "cuda":
        total = int(torch.cuda.mem_get_info(device)[1])
    elif kind == "xpu":
        total = int(torch.xpu.get_device_properties(device).total_memory)
    else:
        total = main_memory.total()
    found = [size for size in (total, memory_limit()) if size is not None]
    return min(found, default=None)


def memory_limit() -> int | None:
    """Bytes of ``TEXLOOM_MEMORY_GB``; None where it is not set or no positive number."""
    text = os.environ.get("TEXLOOM_MEMORY_GB", "").strip()
    try:
        limit = float(text) if text else 0.0
    except ValueError:
        return None
    return round(limit * 1e9) if 0.0 < limit < 1e6 else None


def memory_used(device: str) -> int:
    """Bytes that this process holds there: tensors on a graphics card, everything in main memory."""
    kind = torch.device(device).type
    if kind in ("cuda", "xpu"):
        return int(getattr(torch, kind).memory_allocated(device))
    return _status("VmRSS")


def reset_peak(device: str) -> None:
    """Let :func:`memory_peak` begin anew, where the system allows that."""
    kind = torch.device(device).type
    if kind in ("cuda", "xpu"):
        getattr(torch, kind).reset_peak_memory_stats(device)
        return
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
            control.write("5")
    except OSError:
        pass  # not Linux, or not allowed: the peak is that of the whole process's life


def memory_peak(device: str) -> int:
    """The most bytes of :func:`memory_used` since :func:`reset_peak`; 0 where it cannot be known."""
    kind = torch.device(device).type
    if kind in ("cuda", "xpu"):
        return int(getattr(torch, kind).max_memory_allocated(device))
    return _status("VmHWM")


def empty_cache(device: str) -> None:
    """Give memory that torch keeps for later back to the device."""
    kind = torch.device(device).type
    if kind in ("cuda", "xpu", "mps"):
        getattr(torch, kind).empty_cache()


def give_back(device: str) -> None:
    """Give back what is held by nothing but itself: hooks on networks hold them in circles.  Takes a moment."""
    gc.collect()
    empty_cache(device)


def use_threads(count: int) -> None:
    """For training: work in ``count`` threads, with numbers near zero as :func:`set_up` has them."""
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)


def set_up(device: str) -> None:
    """Once a process: threads that fit the processor, and the same result for the same request.

    Numbers below 1e-38 become 0.  Processors take a hundred times as long for each of them, and networks make many: a
    decoder whose SiLUs are far below zero took three times as long for a picture, and four for a step of training.
    Threads made later have this from the one that makes them.

    ``OMP_NUM_THREADS`` wins over the number of threads.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        # A container or a task set may have fewer processors than the machine; torch counts the machine's.
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if torch.get_num_threads() > allowed:
            torch.set_num_threads(allowed)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = False  # it times kernels and so may choose another one each run
    torch.backends.cudnn.deterministic = True
    if torch.device(device).type == "cuda":
        # cuBLAS needs this before its first call for repeatable sums.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def _free(device: str) -> int | None:
    kind = torch.device(device).type
    if kind == "cuda":
        # What torch keeps for later is free for it as well.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if kind == "xpu":
        try:
            return int(torch.xpu.mem_get_info(device)[0])
        except (AttributeError, RuntimeError):  # older drivers do not tell
            return None
    return main_memory.available()


def _status(name: str) -> int:
    return main_memory.line("/proc/self/status", name) or 0


def _available(kind: str) -> bool:
    if kind == "cpu":
        return True
    if kind == "mps":
        return torch.backends.mps.is_available()
    if kind == "xpu":
        return hasattr(torch, "xpu") and torch.xpu.is_available()
    return torch.cuda.is_available()


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count()
    if kind == "xpu":
        return int(torch.xpu.device_count())
    return 1


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"

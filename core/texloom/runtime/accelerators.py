# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build of torch fits this machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from enum import StrEnum
from pathlib import Path


class Accelerator(StrEnum):
    """Builds of torch."""

    CUDA = "cuda"
    ROCM = "rocm"
    MPS = "mps"
    XPU = "xpu"
    CPU = "cpu"


def detect_accelerator() -> Accelerator:
    """The build of torch that fits this machine, found out from its drivers; ``CPU`` when in doubt."""
    if sys.platform == "darwin":
        return Accelerator.MPS if platform.machine() == "arm64" else Accelerator.CPU
    if _runs("nvidia-smi", "-L"):
        return Accelerator.CUDA
    if sys.platform == "linux":
        # The driver of AMD's compute stack; without it torch could not use the card.
        if Path("/dev/kfd").exists() and _drm_vendor("0x1002"):
            return Accelerator.ROCM
        if _drm_vendor("0x8086", driver="xe"):
            return Accelerator.XPU
    return Accelerator.CPU


def _runs(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _drm_vendor(vendor: str, driver: str = "") -> bool:
    for card in Path("/sys/class/drm").glob("card*/device"):
        try:
            if (card / "vendor").read_text().strip() != vendor:
                continue
            if not driver or (card / "driver").resolve().name == driver:
                return True
        except OSError:
            continue
    return False

# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by the engine's Python to tell what it has: ``python -m texloom.runtime.probe`` prints one line of JSON.

It must stay readable by older Pythons up to the check of the version.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any

PACKAGES = ("torch", "transformers", "diffusers", "safetensors", "accelerate", "PIL", "numpy")


def main() -> None:
    """Import everything the worker needs; the exit status is 0 even when something is missing."""
    found = {"python": sys.version.split()[0]}
    missing = {}
    devices = []
    # Whatever the libraries print must not get between the caller and the line of JSON.
    with contextlib.redirect_stdout(sys.stderr):
        for name in PACKAGES:
            try:
                module = importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - boundary: broken installations raise anything
                missing[name] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
            else:
                found[name] = str(getattr(module, "__version__", ""))
        if "torch" in found:
            try:
                devices = _devices(sys.modules["torch"])
            except Exception as error:  # noqa: BLE001 - boundary: so do broken drivers
                missing["device"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
    sys.stdout.write(json.dumps({"versions": found, "missing": missing, "devices": devices}) + "\n")


def _devices(torch: Any) -> list[list[str]]:
    result = []
    if torch.cuda.is_available():
        # ROCm calls itself CUDA.
        result += [["cuda:%d" % i, torch.cuda.get_device_name(i)] for i in range(torch.cuda.device_count())]  # noqa: UP031
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        result += [["xpu:%d" % i, torch.xpu.get_device_name(i)] for i in range(torch.xpu.device_count())]  # noqa: UP031
    if hasattr(torch.backends, "mps") and torch.backends.mps.is_available():
        result.append(["mps", "Apple GPU"])
    result.append(["cpu", "CPU"])
    # A device that is listed may still not work: a driver too old, a card too new for this build.
    torch.zeros(8, device=result[0][0]).add_(1).sum().item()
    return result


if __name__ == "__main__":
    main()

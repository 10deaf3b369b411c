# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes which operators of the extension have done what they are for while the tests ran."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FINISHED: set[str] = set()
"""Operators that have returned ``FINISHED``, by their names without ``texloom.``."""

_left_out: list[str] = []
_files: set[str] = set()


def watch(package: str) -> None:
    """Note from now on what the operators return; those that are watched already stay as they are."""
    operators = sys.modules.get(f"{package}.operators")
    for owner in operators.CLASSES if operators is not None else ():
        execute = getattr(owner, "execute", None)
        if execute is not None and not hasattr(execute, "watched"):
            # Blender looks the method up whenever it runs an operator, so this counts after registration as well.
            owner.execute = _noting(owner.bl_idname.partition(".")[2], execute)


def _noting(name: str, execute: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(execute)
    def noting(self: Any, context: Any) -> Any:
        import bpy

        answer = execute(self, context)
        # Called by hand with something else in its place, it was not run by Blender.
        if "FINISHED" in answer and isinstance(self, bpy.types.Operator):
            FINISHED.add(name)
        return answer

    noting.watched = True  # type: ignore[attr-defined]
    return noting


def selected(items: list[Any], deselected: int) -> None:
    """What of the tests is run."""
    _files.update(Path(str(item.path)).name for item in items)
    if deselected:
        _left_out.append(f"{deselected} tests")


def left_out() -> str:
    """What of the tests was not selected; empty when all were."""
    missing = len({path.name for path in FOLDER.glob("test_*.py")} - _files)
    return ", ".join([*_left_out, *([f"{missing} files"] if missing else [])])

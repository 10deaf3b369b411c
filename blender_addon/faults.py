# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that nobody has thought of, where a thread ends with one: the console has all of it, the panel a line.

Asks nothing of Blender, so that any thread may use it.
"""

from __future__ import annotations

import traceback


def told(error: Exception) -> str:
    """Print an error with its traceback to Blender's console; kind and words of it in one line."""
    traceback.print_exception(error)
    return traceback.format_exception_only(error)[-1].strip()

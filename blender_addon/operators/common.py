# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators share."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.texloom.errors import TexloomError
from ..translations import message


def failed(operator: bpy.types.Operator, error: TexloomError) -> set[Any]:
    """End an operator with an error that says what went wrong and the way out."""
    return refused(operator, str(error))


def refused(operator: Any, *sentences: str) -> set[Any]:
    """End an operator with an error in sentences of the core, in the language of the interface."""
    operator.report({"ERROR"}, message(" ".join(sentences).strip()))
    return {"CANCELLED"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators share."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.texloom.errors import TexloomError


def failed(operator: bpy.types.Operator, error: TexloomError) -> set[Any]:
    """End an operator with an error that says what went wrong and the way out."""
    operator.report({"ERROR"}, str(error))
    return {"CANCELLED"}

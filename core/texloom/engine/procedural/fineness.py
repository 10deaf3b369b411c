# SPDX-License-Identifier: GPL-3.0-or-later
"""How wide a tile may be drawn: what is finer than a pixel costs time and memory, and nobody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .family import Family
from .parameters import Value

FINEST_PIXELS: Final = 2.0
"""Pieces smaller than this many pixels blur into one tone."""

MOST_PIECES: Final = 1024
"""Pieces side by side in the largest pictures; their random numbers take memory."""

# Families whose main feature has no size of its own show about as many of them across their natural tile.
_USUAL_PIECES = 16


def drawn_width(family: Family, values: Mapping[str, Value], width: int, width_m: float) -> float:
    """Metres that are drawn for a tile of ``width`` pixels and ``width_m`` metres: fewer where it would be too fine.

    A tile of natural width is always drawn as it is.
    """
    size = values.get("scale")
    piece = size if isinstance(size, float) else family.tile_width_m / _USUAL_PIECES
    most = min(width / FINEST_PIXELS, MOST_PIECES)
    return min(width_m, max(family.tile_width_m, piece * most))

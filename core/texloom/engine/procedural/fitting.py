# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkerboard floor is laid of tiles of two colors: its checks are as large as the tiles and lie on them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from .family import Family
from .parameters import Number, Value

CHECKS: Final = "checks"


@dataclass(frozen=True)
class _Layout:
    """The choice that lays out a family, and its options for squares: straight, and on their corners if there are."""

    choice: str
    straight: str
    diagonal: str = ""


_LAYOUTS: Final[Mapping[str, _Layout]] = {
    "ceramic_tiles": _Layout("shape", "square", "diamond"),
    "paving": _Layout("pattern", "grid"),
}


def fit_checks(
    form: Family,
    values: Mapping[str, Value],
    checks: Mapping[str, Value],
    said: Collection[str],
    size: tuple[float, float],
) -> tuple[dict[str, Value], dict[str, Value]]:
    """What changes of a form's values and of those of the checks printed on it, so that whole tiles get a color.

    Nothing does where the form has no squares, or another layout was asked for.

    Args:
        form: the family of the tiles; ``values`` all of its own.
        checks: all values of the checks.
        said: names of the form's parameters that were asked for; a tile size among them stays.
        size: (across, down) metres of the picture.
    """
    layout = _LAYOUTS.get(form.name)
    if layout is None:
        return {}, {}
    harlequin = checks["pattern"] == "diamond" and bool(layout.diagonal)
    shape = values[layout.choice] if layout.choice in said else layout.diagonal if harlequin else layout.straight
    if shape not in (layout.straight, layout.diagonal):
        return {}, {}
    side = values["scale"]
    assert isinstance(side, float)
    if shape == layout.diagonal:
        # Squares on their corners close with any number of them; a check is told by half its diagonal there.
        across = max(1, round(size[0] / (side * math.sqrt(2.0))))
        return {layout.choice: shape}, {"pattern": "diamond", "scale": size[0] / across / 2.0}
    if "scale" not in said:
        scale = form.parameter("scale")
        assert isinstance(scale, Number)
        side = _even(side, size, scale)
    return {layout.choice: shape, "scale": side}, {"pattern": "checker", "scale": side}


def _even(side: float, size: tuple[float, float], scale: Number) -> float:
    """The size nearest to ``side`` of which an even number fits both ways; two colors do not close with an odd one."""
    most = 2 * round(size[0] / side) + 4
    sides = [size[0] / count for count in range(2, most + 1, 2) if scale.low <= size[0] / count <= scale.high]
    # Clear of the point where rounding would go the other way.
    fitting = [one for one in sides if abs(size[1] / one / 2 - round(size[1] / one / 2)) < 0.24]
    return min(fitting, key=lambda one: abs(math.log(one / side)), default=side)

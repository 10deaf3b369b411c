# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors that depend on a choice: a zebra is black and white, a leopard is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .color import hex_to_lab
from .parameters import Color, Parameter, Rng, Value, jitter_color


def suited(
    parameters: Sequence[Parameter],
    values: Mapping[str, Value],
    given: Mapping[str, Value] | None,
    palettes: Sequence[Mapping[str, str]],
    rng: Rng,
) -> dict[str, Value]:
    """``values`` with its colors from one of ``palettes``, unless the prompt named a color.

    Draws as many random numbers in either case: what a prompt says must not change what it leaves open.

    Args:
        parameters: the family's own; ``values`` a natural sample of them; ``given`` what the prompt said.
        palettes: sets of colors by parameter name, at least one, each with all of the family's colors.
    """
    picked = palettes[int(rng.random() * len(palettes))]
    colors = [item for item in parameters if isinstance(item, Color)]
    natural = {item.name: jitter_color(hex_to_lab(picked[item.name]), item.spread, rng) for item in colors}
    if given and any(name in given for name in natural):
        return dict(values)
    return {**values, **natural}

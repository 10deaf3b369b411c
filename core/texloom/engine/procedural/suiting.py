# SPDX-License-Identifier: GPL-3.0-or-later
"""Natural colors that go by a choice: zinc is grey and paint is not, cedar is brown and grit is slate."""

from __future__ import annotations

from collections.abc import Mapping

from .color import hex_to_lab
from .parameters import Rng, Value, jitter_color


def suit_color(
    values: dict[str, Value], given: Mapping[str, Value], choice: str, colors: Mapping[str, tuple[str, ...]], rng: Rng
) -> None:
    """Give ``values["color"]`` a natural color of the chosen option, in place, unless a color was asked for.

    Args:
        values: all parameters of a family, the main ``color`` among them.
        given: those that were asked for.
        choice: name of the choice that decides.
        colors: for its options the natural colors (``#rrggbb``); options left out keep what they have.
        rng: drawn from equally often whatever is given.
    """
    suiting = colors.get(str(values[choice]), ())
    # Drawn even when given: what a prompt says must not change what it leaves open.
    at = float(rng.random())
    natural = jitter_color(hex_to_lab(suiting[int(at * len(suiting))] if suiting else "#808080"), 0.014, rng)
    if suiting and "color" not in given:
        values["color"] = natural

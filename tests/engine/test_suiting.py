# SPDX-License-Identifier: GPL-3.0-or-later
"""Natural colors that go by a choice."""

from __future__ import annotations

import numpy as np
from texloom.engine.procedural.color import hex_to_lab
from texloom.engine.procedural.family import families
from texloom.engine.procedural.parameters import Value


def samples(name: str, given: dict[str, Value]) -> list[dict[str, Value]]:
    return [families()[name].sample(np.random.default_rng(seed), given) for seed in range(40)]


def chroma(value: Value) -> float:
    assert isinstance(value, tuple)
    return float(np.hypot(value[1], value[2]))


def test_bare_sheets_are_grey_and_painted_ones_are_not_all() -> None:
    assert max(chroma(values["color"]) for values in samples("corrugated_metal", {"finish": "bare"})) < 0.03
    assert max(chroma(values["color"]) for values in samples("corrugated_metal", {"finish": "painted"})) > 0.05


def test_a_colored_sheet_is_painted_unless_it_is_said_to_be_bare() -> None:
    red = hex_to_lab("#a01818")
    assert {values["finish"] for values in samples("corrugated_metal", {"color": red})} == {"painted"}
    bare = samples("corrugated_metal", {"color": red, "finish": "bare"})
    assert {values["finish"] for values in bare} == {"bare"} and all(values["color"] == red for values in bare)
    grey = samples("corrugated_metal", {"color": hex_to_lab("#a9acaf")})
    assert {values["finish"] for values in grey} == {"bare", "painted"}


def test_a_color_that_is_asked_for_stays_and_leaves_the_rest() -> None:
    green = hex_to_lab("#2f6f3a")
    for name in ("foam", "shingles"):
        for free, asked in zip(samples(name, {}), samples(name, {"color": green}), strict=True):
            assert asked["color"] == green
            assert {key: free[key] for key in free if key != "color"} == {
                key: asked[key] for key in asked if key != "color"
            }


def test_grit_is_duller_than_cedar() -> None:
    def mean(kind: str) -> float:
        return float(np.mean([chroma(values["color"]) for values in samples("shingles", {"kind": kind})]))

    assert mean("tabs") < 0.6 * mean("sawn")

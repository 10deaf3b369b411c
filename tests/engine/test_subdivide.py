# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces cut into smaller ones: they fill the piece, keep the minimum, lie on the lattice and close over the tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from texloom.engine.procedural.layout import courses
from texloom.engine.procedural.subdivide import subdivide
from texloom.engine.procedural.tile import Canvas, Tile

SIZE = 256


def canvas(seed: int = 3, phase: tuple[float, float] = (0.0, 0.0)) -> Canvas:
    return Canvas(Tile(SIZE, SIZE, 1.0, 1.0, seed, phase=phase), 0, SIZE)


@pytest.mark.parametrize("unit", [None, (1 / 64, 1 / 64)])
def test_the_parts_fill_their_piece_and_are_no_smaller_than_allowed(unit: tuple[float, float] | None) -> None:
    whole = courses(canvas(), "plates", 0.25, 0.5, shift=0.0)
    parts = subdivide(whole, "parts", 4, minimum=0.05, unit=unit)
    areas = {}
    for index in parts.index.unique():
        here = parts.index == index
        width, height = 2.0 * parts.half_x[here], 2.0 * parts.half_y[here]
        assert float(width.max() - width.min()) < 1e-5 and float(height.max() - height.min()) < 1e-5
        assert float(width.min()) > 0.0499 and float(height.min()) > 0.0499
        assert len(whole.index[here].unique()) == 1
        areas[int(index)] = float(width[0] * height[0])
        # As many pixels as its sides say.
        assert abs(float(here.double().mean()) - areas[int(index)]) < 0.06 * areas[int(index)] + 2.0 / SIZE
        if unit is not None:
            assert abs(float(width[0]) * 64 - round(float(width[0]) * 64)) < 1e-3
    assert len(areas) > 8 * 2 and abs(sum(areas.values()) - 1.0) < 1e-3
    assert bool((parts.x.abs() <= parts.half_x + 1e-5).all() and (parts.y.abs() <= parts.half_y + 1e-5).all())
    assert int(parts.index.max()) < parts.number


def test_it_closes_over_the_tile() -> None:
    def edge(phase: tuple[float, float]) -> torch.Tensor:
        whole = courses(canvas(phase=phase), "plates", 0.3, 0.2, shift=0.5, jitter=0.3, row_jitter=0.3)
        return subdivide(whole, "parts", 3, minimum=0.03).edge(0.01, 0.002)

    rolled = torch.roll(edge((0.0, 0.0)), (-40, -96), (0, 1))
    assert np.quantile((rolled - edge((96 / SIZE, 40 / SIZE))).abs().numpy(), 0.999) < 1e-4

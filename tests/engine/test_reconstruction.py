# SPDX-License-Identifier: GPL-3.0-or-later
"""What the learned model's autoencoder is trained by, and what its judge's distances are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from texloom.training.learned_look import distances
from texloom.training.reconstruction import grid_cost, reconstruction_loss
from torch import Tensor

SIDE = 8


def _grain(seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(1, 6, 256, 256)


def test_local_spectra_do_not_care_where_grain_lies() -> None:
    grain = _grain()
    spectra = reconstruction_loss(grain.roll(8, -1), grain, 1.0)["spectra"]
    flat = reconstruction_loss(torch.zeros_like(grain), grain, 1.0)["spectra"]
    assert float(spectra) < 0.7 * float(flat)


class TestGrid:
    def test_grain_elsewhere_costs_little_and_blur_much(self) -> None:
        grain = _grain()
        assert float(grid_cost(grain, grain)) == 0.0
        # Another grain of the same kind is as good.
        other, soft = grid_cost(_grain(1), grain), grid_cost(grain * 0.5, grain)
        assert float(other) < 0.1 < 0.4 < float(soft)

    @pytest.mark.parametrize("axis", [-1, -2])
    def test_borders_of_blocks_cost_more_than_the_same_steps_anywhere(self, axis: int) -> None:
        fine = 0.1 * _grain()
        place = torch.arange(256)
        steps = 0.2 * ((place // SIDE) % 2).float()
        # As many steps of that size, one in each block, at every place within it in turn.
        spread = 0.2 * (((place + place // SIDE) // SIDE) % 2).float()
        shape = (1, 1, 1, 256) if axis == -1 else (1, 1, 256, 1)
        on_borders, anywhere = (float(grid_cost(fine + one.view(shape), fine)) for one in (steps, spread))
        assert on_borders > 1.3 * anywhere
        # A soft picture is not made better by a grid.
        on_borders, anywhere = (float(grid_cost(0.5 * (fine + one.view(shape)), fine)) for one in (steps, spread))
        assert on_borders > anywhere

    def test_a_weave_of_all_blocks_costs_more_than_grain(self) -> None:
        """Every step of it is of one size, at whatever place."""
        fine = 0.1 * _grain()
        weave = 0.1 * torch.tensor([1.0, -1.0]).repeat(128)
        woven, grainy = (grid_cost(fine + one, fine) for one in (weave, 0.1 * _grain(1)[:1, :1, :1]))
        assert float(woven) > 1.3 * float(grainy)


def test_distances_do_not_depend_on_how_large_a_judges_numbers_are() -> None:
    """Beside what they are far from, and of themselves."""
    rng = np.random.default_rng(0)
    reference, near, far = rng.normal(size=(60, 8)), rng.normal(size=(60, 8)), rng.normal(1.0, 1.5, size=(60, 8))
    found, scaled = (
        distances({name: one * size + size for name, one in (("near", near), ("far", far))}, reference * size + size)
        for size in (1.0, 40.0)
    )
    for kind in ("frechet", "kernel"):
        assert scaled[kind]["far"].mean == pytest.approx(found[kind]["far"].mean, rel=1e-6)
        assert found[kind]["near"].high < found[kind]["far"].low

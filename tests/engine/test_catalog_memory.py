# SPDX-License-Identifier: GPL-3.0-or-later
"""What rows of the catalogue say of memory before a download, beside the plans for models of that size."""

from __future__ import annotations

from pathlib import Path

import pytest
import sized_folders
from texloom import catalog_rows
from texloom.engine import memory_plan
from texloom.engine.memory_plan import BFLOAT16, GROUPS, Demand


@pytest.mark.parametrize(
    ("name", "row_id"),
    [("sd-1.5", "sd-1.5"), ("sdxl", "sdxl"), ("z-image", "z-image"), ("flux2-klein", "flux-2-klein-4b")],
)
def test_a_row_promises_what_the_engine_can_do(
    name: str, row_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least that a graphics card must have needs no package that somebody would have to install."""
    monkeypatch.setattr(memory_plan, "_installed", lambda package: False)
    row = catalog_rows.find(row_id)
    assert row is not None
    model = sized_folders.planned(sized_folders.hollow(name, tmp_path / name))
    side = row.size
    demand = Demand(width=side, height=side, decoded_width=side, decoded_height=side)
    plans = memory_plan.plans(model, demand, device="cuda", precision=BFLOAT16)
    whole, least = plans[0], plans[-1]
    assert whole.weights == pytest.approx(row.weight_bytes("bfloat16"), rel=0.15)
    assert least.offload == GROUPS and not least.quantization
    assert least.forecast < row.least_bytes < least.forecast + 2 * 10**9

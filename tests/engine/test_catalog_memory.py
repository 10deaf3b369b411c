# SPDX-License-Identifier: GPL-3.0-or-later
"""What rows of the catalogue say of memory before a download, beside the plans for models of that size."""

from __future__ import annotations

from pathlib import Path

import pytest
import sized_folders
import tiny_families
from texloom import catalog_rows
from texloom.engine import memory_keeper, memory_plan
from texloom.engine.memory_plan import BFLOAT16, GROUPS, Demand
from texloom.engine.model_folder import read_folder


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


@pytest.mark.parametrize(
    ("name", "row_id"),
    [("sd-1.5", "sd-1.5"), ("sdxl", "sdxl"), ("z-image", "z-image"), ("flux2-klein", "flux-2-klein-4b")],
)
def test_a_row_foretells_the_plan(name: str, row_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that the model will be kept is the same before its download and after it."""
    monkeypatch.setattr(memory_plan, "_installed", lambda package: False)
    row = catalog_rows.find(row_id)
    assert row is not None
    model = sized_folders.planned(sized_folders.hollow(name, tmp_path / name))
    demand = Demand(width=row.size, height=row.size, decoded_width=row.size, decoded_height=row.size)
    found = memory_plan.plans(model, demand, device="cuda", precision=BFLOAT16)
    # A row is rough: near the least that a way needs it may tell its neighbour.
    for free in (48, 24, 16, 10, 8, 5, 4, 2):
        told, later = memory_plan.row_plan(row, free=free * 10**9), memory_plan.choose(found, free * 10**9)
        assert told.same_way(later), (free, told.way, later.way)
        assert told.forecast == pytest.approx(later.forecast, rel=0.15, abs=10**9)


def test_a_row_foretells_stripes_only_where_its_decoder_knows_them(tmp_path: Path) -> None:
    seen = set()
    for row in catalog_rows.rows():
        if row.part or row.family in seen or row.family not in tiny_families.NAMES:
            continue
        seen.add(row.family)
        vae = read_folder(tiny_families.save(row.family, tmp_path / row.family)).component("vae")
        striped = vae is not None and vae.class_name in memory_keeper.STRIPED
        told = [memory_plan.row_plan(row, free=free * 10**9).striped for free in (1, 4, 8, 16, 24, 48)]
        assert any(told) == striped, row.family
    assert {"qwen-image", "sana", "z-image"} <= seen

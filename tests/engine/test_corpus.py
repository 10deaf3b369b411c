# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus for learned models: captioned, repeatable, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from texloom.engine.procedural.family import families
from texloom.training import corpus


def test_a_sample_depends_on_seed_and_number_alone() -> None:
    first, again, other = (corpus.sample(number, size=32, seed=4) for number in (7, 7, 8))
    assert first.caption == again.caption and torch.equal(first.maps.base_color, again.maps.base_color)
    assert other.caption != first.caption and first.family in families() and first.width_m > 0


def test_shards_are_whole_and_a_run_goes_on(tmp_path: Path) -> None:
    words = ["--count", "5", "--shard", "2", "--size", "32", "--out", str(tmp_path)]
    assert corpus.main(words) == 0
    rows = [json.loads(line) for path in sorted(tmp_path.glob("*.jsonl")) for line in path.read_text().splitlines()]
    assert len(rows) == 5 and all(row["caption"] and row["parameters"] for row in rows)
    maps = load_file(tmp_path / "000001.safetensors")
    assert maps["base_color"].shape == (2, 3, 32, 32) and maps["height"].dtype == torch.float32
    before = (tmp_path / "000000.safetensors").stat().st_mtime_ns
    (tmp_path / "000002.jsonl").unlink()
    assert corpus.main(words) == 0
    assert (tmp_path / "000000.safetensors").stat().st_mtime_ns == before and (tmp_path / "000002.jsonl").is_file()

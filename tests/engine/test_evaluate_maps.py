# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables about the map estimator: they say the command that makes them, and how sure their numbers are."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from texloom.engine.map_estimator import MapEstimator
from texloom.engine.map_net import MapNet, NetConfig
from texloom.engine.procedural.family import families
from texloom.training import evaluate_maps, evaluate_relit
from texloom.training.maps import save_model
from texloom.training.statistics import Estimate, seam_ratio


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("maps") / "tiny"
    save_model(MapNet(NetConfig(channels=(8, 12), blocks=(1, 1))), folder, {"steps": 0})
    return folder


def test_the_ratio_of_seams_has_an_interval() -> None:
    rng = np.random.default_rng(1)
    materials = [[rng.random((16, 16)) * scale for _ in range(2)] for scale in (1.0, 0.3, 0.1, 0.5)]
    for maps in materials[:2]:
        maps[0][:, -1] += 1.0
    pairs = [evaluate_maps.border_and_inside(maps) for maps in materials]
    found = evaluate_maps.ratio(pairs)
    assert found is not None and found.count == 4
    assert found.mean == pytest.approx(seam_ratio([one for maps in materials for one in maps]))
    assert found.low < found.mean < found.high
    assert evaluate_maps.ratio([(0.0, 0.0), (0.0, 0.0)]) is None


def test_the_table_says_with_which_arguments_it_was_made() -> None:
    options = argparse.Namespace(draws=evaluate_maps.DRAWS, size=64)
    assert evaluate_maps.command(options) == "texloom evaluate maps --write --size 64"
    results = {way: {name: [1.0, 2.0] for name in evaluate_maps.ERRORS} for way in evaluate_maps.WAYS}
    borders = {"height": Estimate(1.02, 0.98, 1.07, 74)}
    text = evaluate_maps.table(results, borders, "2 materials", evaluate_maps.command(options))
    assert text.startswith("Made by `texloom evaluate maps --write --size 64`: 2 materials.")
    assert "height 1.020 (0.980 to 1.070)" in text


def test_materials_are_taken_from_all_families() -> None:
    every = list(families())
    assert evaluate_relit.chosen(0) == every
    some = evaluate_relit.chosen(3)
    assert some[0] == every[0] and len(set(some)) == 3 and every.index(some[2]) > len(every) // 2
    assert evaluate_relit.chosen(len(every) + 2)[-2:] == every[:2]


def test_maps_are_exported_and_the_table_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "maps"
    assert evaluate_relit.main(["export", str(folder), "--model", str(model), "--count", "2", "--size", "64"]) == 0
    places = sorted(path.name for path in folder.iterdir())
    assert [name[:3] for name in places] == ["000", "001"]
    names = {"base_color.png", "normal.png", "roughness.png", "metallic.png"}
    for way in ("truth", *evaluate_maps.WAYS):
        assert {path.name for path in (folder / places[0] / way).iterdir()} == names
    errors = [{"estimator": 1.0, "heuristic": 3.0, "flat": 2.0}, {"estimator": 2.0, "heuristic": 1.0, "flat": 4.0}]
    found = {"blender": "5.0.1", "samples": 8, "size": 64, "lights": 2}
    file = folder / "relit.json"
    file.write_text(json.dumps(found | {"materials": dict(zip(places, errors, strict=True))}), encoding="utf-8")
    capsys.readouterr()
    assert evaluate_relit.main(["table", str(file), "--command", "relight"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Made by `relight`: 2 materials of 64² under 2 new lights")
    assert "| Rendered | 1.5 (1.0 to 2.0) | 2.0 (1.0 to 3.0) | 3.0 (2.0 to 4.0) |" in said
    assert "nearest to the truth for 1 of 2" in said
    file.write_text("{", encoding="utf-8")
    assert evaluate_relit.main(["table", str(file), "--command", "relight"]) == 1


def test_the_card_has_both_places() -> None:
    card = (MapEstimator().folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert evaluate_maps.BEGIN in card and evaluate_relit.BEGIN in card

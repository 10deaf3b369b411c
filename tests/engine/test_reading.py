# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manifest tells of a reading: enough for sliders, and drawing the same again; locked values; thumbnails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_service import engine, manifest, run
from texloom.engine.results import THUMBNAIL_SIDE
from texloom.engine.service import Engine
from texloom.errors import RequestError

__all__ = ["engine"]  # a fixture


def reading(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in found["results"][0]["reading"]["parameters"]}


def test_words_stand_beside_what_they_set(engine: Engine, tmp_path: Path) -> None:
    found = manifest(run(engine, tmp_path, prompt="mossy red brick wall with white mortar, running bond"))
    result = found["results"][0]
    family = result["reading"]["family"]
    assert (family["name"], family["title"], family["source"]) == ("bricks", "Brick wall", "prompt")
    assert "brick" in family["words"]
    entries = reading(found)
    assert entries["moss"]["words"] == ["mossy"] and entries["moss"]["attribute"] is True
    assert entries["color"]["words"] == ["red"] and entries["color"]["kind"] == "color"
    assert "white" in entries["second_color"]["words"]
    bond = entries["bond"]
    assert bond["kind"] == "choice" and "running" in bond["options"] and bond["source"] == "prompt"
    width = entries["joint_width"]
    assert width["unit"] == "m" and width["low"] < result["parameters"]["joint_width"] < width["high"]
    assert width["source"] == "seed" and width["words"] == [] and width["label"]
    assert set(entries) | {"family"} == set(result["parameters"])


def test_locked_values_fit_whatever_the_prompt_names(engine: Engine, tmp_path: Path) -> None:
    locked = {"joint_width": 0.039, "color": "#336699", "bond": "stack", "moss": 0.4}
    bricks = manifest(run(engine, tmp_path, prompt="brick wall", parameters=locked))
    assert {key: bricks["results"][0]["parameters"][key] for key in locked} == locked
    # Parquet has narrower joints and no bond, but a color.
    parquet = manifest(run(engine, tmp_path, prompt="herringbone parquet", parameters=locked))
    values, entries = parquet["results"][0]["parameters"], reading(parquet)
    assert values["family"] == "parquet" and values["color"] == "#336699" and "bond" not in values
    if "joint_width" in values:
        assert values["joint_width"] <= entries["joint_width"]["high"]
    assert any(warning["code"] == "parameter_ignored" for warning in parquet["warnings"])
    # Who names the family means the values exactly.
    with pytest.raises(RequestError, match="scale"):
        run(engine, tmp_path, prompt="brick wall", parameters={"family": "bricks", "scale": 50.0})


def test_thumbnails_are_small_and_of_each_variation(engine: Engine, tmp_path: Path) -> None:
    events = run(engine, tmp_path, prompt="red bricks", width=1024, height=512, count=2)
    found = manifest(events)
    for result in found["results"]:
        with Image.open(Path(events[-1].folder) / result["thumbnail"]) as picture:  # type: ignore[attr-defined]
            assert picture.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2) and picture.mode == "RGB"
            small = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        with Image.open(Path(events[-1].folder) / result["maps"]["base_color"]["file"]) as picture:  # type: ignore[attr-defined]
            whole = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        assert max(abs(a - b) for a, b in zip(small, whole, strict=True)) <= 2  # type: ignore[arg-type]

# SPDX-License-Identifier: GPL-3.0-or-later
"""As many variations as a job can have: all in sight, all to be reached, and one step back takes them away."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Here, Nested, buttons, nested, texts
from test_addon import api, fake, module, turn

__all__ = ["api", "fake"]  # fixtures

MOST = 16


@pytest.fixture
def steps(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The undo steps that results bring: without a window Blender makes none, so they are made here."""
    found: list[str] = []

    def push(message: str) -> None:
        found.append(message)
        bpy.ops.ed.undo_push(message=message)

    monkeypatch.setattr(module(texloom, "bridge"), "push_undo", push)
    return found


@pytest.fixture
def entry(fake: Any, cube: Any, texloom: ModuleType, steps: list[str]) -> Any:
    """A job of sixteen variations that Generate has made for the active cube."""
    obj = cube()
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    settings = bpy.context.scene.texloom
    settings.prompt, settings.count, settings.size = "red bricks", MOST, "512"
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    (found,) = module(texloom, "bridge").get().entries.values()
    return found


def cells(layout: Nested) -> list[Nested]:
    """The variations of the one result."""
    (grid,) = [place for place in layout.places() if place.kind == "grid_flow"]
    return [item for item in grid.inside if isinstance(item, Nested)]


def test_it_is_the_end_of_the_range(texloom: ModuleType) -> None:
    settings = bpy.context.scene.texloom
    settings.count = 99
    assert settings.count == settings.bl_rna.properties["count"].hard_max == MOST


def test_all_stand_in_the_grid(texloom: ModuleType, entry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [number for number, _ in entry.pictures] == list(range(MOST))
    assert len({path for _, path in entry.pictures if Path(path).is_file()}) == MOST
    nested(texloom, "results.Results", Here())
    previews = module(texloom, "panels.common")._previews
    assert {path for _, path in entry.pictures} <= set(previews)
    # In the background Blender makes no icons of the pictures that it was given.
    shown: list[int] = []
    pictures = module(texloom, "panels.job_pictures")
    monkeypatch.setattr(pictures, "variation", lambda of, index, path: shown.append(index) or 1000 + index)
    layout = nested(texloom, "results.Results", Here())
    assert shown == list(range(MOST))
    for number, cell in enumerate(cells(layout)):
        assert [call["icon_value"] for kind, call in cell.all() if kind == "template_icon"] == [1000 + number]
        assert buttons(cell.all()) == ["apply", "pin", "delete_variation"]
        assert {call["index"] for kind, call in cell.all() if kind == "operator"} == {number}
    assert len(cells(layout)) == MOST and "1 of 16" in texts(layout.all())
    # A narrow sidebar has fewer in a row, and all of them none the less.
    grid = next(place for place in layout.places() if place.kind == "grid_flow")
    assert 1 <= grid.options["columns"] < MOST


def test_a_click_and_the_arrows_reach_the_last(texloom: ModuleType, entry: Any) -> None:
    material = bpy.data.objects["Cube"].active_material
    assert entry.used == 0
    last = cells(nested(texloom, "results.Results", Here()))[-1]
    press = next(call for kind, call in last.all() if kind == "operator" and call["arguments"][0] == "texloom.apply")
    assert bpy.ops.texloom.apply(job=press["job"], index=press["index"]) == {"FINISHED"}
    assert entry.used == MOST - 1 and "16 of 16" in texts(nested(texloom, "results.Results", Here()).all())
    # Onwards from the last is the first, and from there one by one to the last again.
    seen = []
    for _ in range(MOST):
        assert bpy.ops.texloom.step_variation(job=entry.id) == {"FINISHED"}
        seen.append(entry.used)
    assert seen == list(range(MOST))
    assert bpy.ops.texloom.step_variation(job=entry.id, back=True) == {"FINISHED"} and entry.used == MOST - 2
    # All this in one material, with no images left over of those that went by.
    assert bpy.data.objects["Cube"].active_material == material and len(bpy.data.materials) == 1
    assert len(bpy.data.images) == len(entry.built.images)


def test_the_last_is_pinned_and_one_is_deleted(texloom: ModuleType, entry: Any, api: Any) -> None:
    bridge = module(texloom, "bridge").get()
    folder = Path(entry.view.folder)
    assert bpy.ops.texloom.pin(job=entry.id, index=MOST - 1) == {"FINISHED"} and entry.pinned == {MOST - 1}
    gone = Path(entry.pictures[7][1])
    assert bpy.ops.texloom.delete_variation(job=entry.id, index=7) == {"FINISHED"}
    assert not gone.exists() and folder.is_dir()
    kept = [number for number in range(MOST) if number != 7]
    assert [number for number, _ in entry.pictures] == kept and entry.pinned == {MOST - 1}
    layout = nested(texloom, "results.Results", Here())
    assert len(cells(layout)) == MOST - 1 and "1 of 15" in texts(layout.all())
    # The arrows leave out the gap.
    assert bpy.ops.texloom.apply(job=entry.id, index=6) == {"FINISHED"}
    bpy.ops.texloom.step_variation(job=entry.id)
    assert entry.used == 8
    # Pinned, it stays in the list whatever else is made.
    for number in range(module(texloom, "bridge").KEEP + 1):
        api.generate(f"image {number}", output="IMAGE")
    assert entry.id in bridge.entries


def test_one_step_back_takes_the_result_away(texloom: ModuleType, entry: Any, steps: list[str]) -> None:
    assert steps == ["Texloom: red bricks 1"]
    assert bpy.data.objects["Cube"].active_material is not None
    bpy.ops.ed.undo()
    assert bpy.data.objects["Cube"].active_material is None
    assert not bpy.data.materials and not bpy.data.node_groups and entry.used is None
    assert bpy.context.scene.texloom.prompt == "red bricks"  # the settings were there before
    # The files are all there still, and the last one can be used from the list.
    assert len(entry.pictures) == MOST
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    assert bpy.ops.texloom.apply(job=entry.id, index=MOST - 1) == {"FINISHED"}
    assert bpy.data.objects["Cube"].active_material is not None and entry.used == MOST - 1


def test_a_timer_brings_them_in_one_step_as_well(
    fake: Any, api: Any, cube: Any, texloom: ModuleType, steps: list[str]
) -> None:
    bridge = module(texloom, "bridge").get()
    job = api.submit("red bricks", target=cube(), count=MOST, size=256)
    turn(bridge, lambda: job.done)
    assert len(steps) == 1 and len(bridge.entries[job.id].pictures) == MOST

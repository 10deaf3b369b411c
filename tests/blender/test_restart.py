# SPDX-License-Identifier: GPL-3.0-or-later
"""The library belongs to no session: another Blender finds what this one has made, and the other way round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from test_addon import api, fake
from test_library import drawn, module, operators, wait

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def library(fake: Any, tmp_path: Path, texloom: ModuleType) -> Any:
    """The library of the scripted engine, which both Blenders use."""
    yield tmp_path / "library"
    module(texloom, "library_view").watcher().close()


@pytest.fixture
def another(library: Path, texloom: ModuleType) -> Callable[..., dict[str, Any]]:
    """``another(*commands)``: what a Blender of its own shows, see ``another_blender.py``."""

    def start(*commands: str) -> dict[str, Any]:
        script = Path(__file__).with_name("another_blender.py")
        done = subprocess.run(
            [sys.executable, str(script), str(library), *commands],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        line = [line for line in done.stdout.splitlines() if line.startswith('{"panel"')][-1]
        found: dict[str, Any] = json.loads(line)
        return found

    return start


def panel(texloom: ModuleType) -> list[str]:
    """The captions of the pictures that the panel shows here."""
    watcher = module(texloom, "library_view").watcher()
    watcher.look_again()
    wait(lambda: watcher.index is not None and not watcher.busy)
    return [call["text"] for call in operators(drawn(texloom), "library_select")]


def test_results_survive_restarts(
    library: Path, another: Any, api: Any, texloom: ModuleType, cube: Any, tmp_path: Path
) -> None:
    # Nothing was started here yet: what another Blender has made is there.
    first = another("make", "red bricks", "make", "老橡木地板")
    assert first["panel"] == ["老橡木地板", "red bricks"]
    assert panel(texloom) == first["panel"]
    # Both are whole: this one uses what the other has made.
    (oak, bricks) = api.library()
    obj = cube()
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    assert bpy.ops.texloom.library_apply(folder=bricks.name, index=1) == {"FINISHED"}
    assert obj.active_material.name == "red bricks 2" and bpy.data.images
    # What is noted and made here is there after the next start, and what is deleted is gone.
    assert bpy.ops.texloom.library_tags(folder=bricks.name, tags="wall, outside") == {"FINISHED"}
    assert bpy.ops.texloom.library_favourite(folder=bricks.name, favourite=True) == {"FINISHED"}
    assert bpy.ops.texloom.library_delete(folder=oak.name) == {"FINISHED"}
    made = api.generate("white marble", output="LIBRARY").folder
    second = another()
    assert second["results"] == [
        [Path(made).name, "white marble", [], False, ""],
        [bricks.name, "red bricks", ["wall", "outside"], True, ""],
    ]
    assert second["panel"] == ["white marble", "red bricks"]
    # The material in this file does not hang on it.
    assert obj.active_material is not None and all(image.packed_file for image in bpy.data.images)


def test_a_second_blender_beside_this_one(library: Path, another: Any, api: Any, texloom: ModuleType) -> None:
    folder = Path(api.generate("red bricks", output="LIBRARY").folder)
    assert panel(texloom) == ["red bricks"]
    found = another("make", "white marble", "tag", "old, wet", folder.name)
    assert found["panel"] == ["white marble", "red bricks"]
    # This one goes on looking, and sees both the new result and the notes.
    assert panel(texloom) == ["white marble", "red bricks"]
    card = next(card for card in api.library("wet") if card.name == folder.name)
    assert list(card.notes.tags) == ["old", "wet"] and card.notes.favourite
    assert [card.prompt for card in api.library(favourites=True)] == ["red bricks"]


def test_a_file_that_another_blender_has_saved(
    library: Path, another: Any, api: Any, texloom: ModuleType, tmp_path: Path
) -> None:
    folder = Path(api.generate("red bricks", output="LIBRARY").folder)
    another("use", folder.name, "save", str(tmp_path / "wall.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "wall.blend"))
    material = bpy.data.objects["Cube"].active_material
    assert material.name == "red bricks" and len(material.node_tree.nodes) > 4
    assert all(image.packed_file is not None for image in bpy.data.images if image.source == "FILE")
    # Its settings come back as well, though this Blender has not generated it in this file.
    assert bpy.ops.texloom.library_settings(folder=folder.name) == {"FINISHED"}
    assert bpy.context.scene.texloom.prompt == "red bricks"

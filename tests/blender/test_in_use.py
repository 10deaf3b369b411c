# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made is known again after it got another name, and called in use only while something shows it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import drawn, texts
from test_addon import api, fake

__all__ = ["api", "fake"]


@pytest.fixture
def said(texloom: ModuleType) -> Any:
    """How many variations the panel calls in use."""
    return lambda: texts(drawn(texloom, "results.Results")).split("\n").count("In use")


def test_a_renamed_material_gets_the_next_variation(fake: Any, cube: Any, api: Any, said: Any) -> None:
    obj = cube()
    job = api.submit("bricks", target=obj, count=2)
    job.wait()
    material = obj.active_material
    material.name = "Facade"
    # Another one takes the name that it had.
    bpy.data.materials.new(job.result().material or "bricks")
    own = material.node_tree.nodes.new("ShaderNodeValue")
    own.name = "Mine"
    count = len(bpy.data.materials)
    assert said() == 1
    assert bpy.ops.texloom.apply(job=job.id, index=1) == {"FINISHED"}
    assert obj.active_material == material and material["texloom_index"] == 1
    assert "Mine" in material.node_tree.nodes and len(bpy.data.materials) == count
    assert said() == 1


def test_another_material_in_its_place_ends_its_use(fake: Any, cube: Any, api: Any, said: Any) -> None:
    obj = cube()
    api.submit("bricks", target=obj).wait()
    assert said() == 1
    api.submit("moss", target=obj).wait()
    assert said() == 1  # of two results
    obj.active_material = None
    assert said() == 0


def test_a_deleted_plane_is_not_in_use(fake: Any, api: Any, said: Any) -> None:
    made = api.submit("a door", output="PLANE").wait()
    plane = bpy.data.objects[made.object]
    plane.name = "Door"
    assert said() == 1
    bpy.context.scene.collection.children["References"].objects.unlink(plane)
    assert said() == 0
    bpy.data.objects.remove(plane)
    assert said() == 0


def test_an_image_is_in_use_while_it_is_there(fake: Any, api: Any, said: Any) -> None:
    made = api.submit("sky", output="IMAGE").wait()
    assert said() == 1
    bpy.data.images.remove(bpy.data.images[made.images[0]])
    assert said() == 0

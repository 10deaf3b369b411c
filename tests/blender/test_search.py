# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever presses F3 finds every operator, by a name that says what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from test_addon import module
from test_library import add, library

__all__ = ["add", "library"]  # fixtures

NOT_FOUND = {
    "generate_on_enter": "belongs to the release of a key in a text field",
    "library_select": "stands for the picture that was pressed; the library has a search of its own",
    "library_page": "which page comes next depends on how many pictures the panel has room for",
    "model_select": "stands for the line that was pressed; the list has a search of its own",
    "models_page": "its arrows know the page before and the page after",
}
"""Operators that no search shows, and why."""


def registered() -> Iterator[tuple[str, Any]]:
    """Name and class of every operator of the extension that Blender knows."""
    for name in dir(bpy.ops.texloom):
        yield name, getattr(bpy.types, f"TEXLOOM_OT_{name}")


def test_every_operator_is_found_by_search(texloom: ModuleType) -> None:
    found = dict(registered())
    # No class is left out: neither here nor in the package, whichever module it stands in.
    assert {owner.bl_idname for owner in module(texloom, "operators").CLASSES} == {f"texloom.{name}" for name in found}
    hidden = {name for name, owner in found.items() if "INTERNAL" in getattr(owner, "bl_options", ())}
    assert hidden == set(NOT_FOUND)


def test_no_two_of_them_have_one_name(texloom: ModuleType) -> None:
    labels = [owner.bl_label for name, owner in registered() if name not in NOT_FOUND]
    assert len(labels) == len(set(labels)), sorted(label for label in labels if labels.count(label) > 1)


def test_names_begin_as_blender_s_do(texloom: ModuleType) -> None:
    for name, owner in registered():
        label = owner.bl_label
        assert label == label.strip() and label[0].isupper() and not label.endswith((".", "…")), name


def test_a_result_is_closed_from_a_search(texloom: ModuleType, add: Any) -> None:
    view = bpy.context.window_manager.texloom_library
    assert not bpy.ops.texloom.library_close.poll()
    with pytest.raises(RuntimeError, match="Choose a result in the library first"):
        bpy.ops.texloom.library_close()
    folder: Path = add("20260101-120000-bricks")
    assert bpy.ops.texloom.library_select(folder=folder.name) == {"FINISHED"} and view.selected
    assert bpy.ops.texloom.library_close() == {"FINISHED"} and not view.selected


def test_a_message_of_models_is_dismissed_from_a_search(texloom: ModuleType) -> None:
    state = module(texloom, "model_job").state()
    state.clear()
    with pytest.raises(RuntimeError, match="There is no message"):
        bpy.ops.texloom.model_dismiss()
    state.error = "The connection broke."
    assert bpy.ops.texloom.model_dismiss() == {"FINISHED"} and not state.error

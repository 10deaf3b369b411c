# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever can be pointed at says what it is: operators, their properties, those of panels, the options of menus."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import bpy

# Blender writes these tooltips itself; its own properties are not ours to describe.
KINDS = (bpy.types.PropertyGroup, bpy.types.AddonPreferences, bpy.types.Operator)


def owners(texloom: ModuleType) -> list[Any]:
    """All classes of the add-on that are registered and have properties, also those below classes of Blender's own."""
    prefix = f"{texloom.__name__}."
    found, left = set(), list(KINDS)
    while left:
        for owner in left.pop().__subclasses__():
            left.append(owner)
            # A class of an earlier registration may be around still.
            if owner.__module__.startswith(prefix) and getattr(owner, "is_registered", False):
                found.add(owner)
    return sorted(found, key=lambda owner: owner.__name__)


def properties(texloom: ModuleType) -> Iterator[tuple[str, Any]]:
    """Name and property, of all that somebody may see."""
    for owner in owners(texloom):
        named = {name for base in owner.__mro__ for name in getattr(base, "__annotations__", {})}
        if issubclass(owner, bpy.types.Operator):
            shown = getattr(bpy.ops.texloom, owner.bl_idname.partition(".")[2]).get_rna_type().properties
        else:
            shown = owner.bl_rna.properties
        for item in shown:
            if item.identifier in named and not item.is_hidden:
                yield f"{owner.__name__}.{item.identifier}", item


def test_every_property_has_a_tooltip(texloom: ModuleType) -> None:
    found = dict(properties(texloom))
    # Some of each kind are among them.
    known = (
        "TexloomSettings.tiling",
        "TexloomParameter.amount",
        "TEXLOOM_OT_generate.seed",
        "TEXLOOM_OT_save_style.name",
    )
    assert set(known) <= set(found) and len(found) > 150
    assert [name for name, item in found.items() if not item.description.strip()] == []


def test_every_option_of_a_menu_has_one(texloom: ModuleType) -> None:
    options = [
        (f"{name}: {option.name}", option.description)
        for name, item in properties(texloom)
        if item.type == "ENUM"
        for option in item.enum_items
    ]
    assert len(options) > 100
    assert [name for name, description in options if not description.strip()] == []


def test_tooltips_say_more_than_the_name(texloom: ModuleType) -> None:
    same = [
        name
        for name, item in properties(texloom)
        if item.description.strip(". ").casefold() == item.name.strip(". ").casefold()
    ]
    assert same == []


def test_every_operator_has_one_and_does_not_end_with_a_point(texloom: ModuleType) -> None:
    operators = importlib.import_module(f"{texloom.__name__}.operators").CLASSES
    assert len(operators) > 60
    for owner in operators:
        text = getattr(bpy.ops.texloom, owner.bl_idname.partition(".")[2]).get_rna_type().description
        assert text.strip() and not text.endswith("."), owner.bl_idname

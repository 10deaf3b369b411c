# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are kept while the prompt or the seed changes; they belong to the scene, as the prompt does."""

from __future__ import annotations

import json
from typing import Any

import bpy
from bpy.app.handlers import persistent
from bpy.props import CollectionProperty, StringProperty

from . import parameters
from .core.texloom.request import ParameterValue


class TexloomLock(bpy.types.PropertyGroup):
    """One kept value; ``name`` is the parameter's key in requests."""

    label: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    value: StringProperty(description="JSON", options={"HIDDEN"})  # type: ignore[valid-type]


def of(scene: Any) -> dict[str, ParameterValue]:
    """The kept values of a scene, as they stand in requests."""
    return {item.name: json.loads(item.value) for item in scene.texloom_locks}


def keep(scene: Any, name: str, label: str, value: ParameterValue) -> None:
    """Keep a value from now on."""
    item = scene.texloom_locks.get(name) or scene.texloom_locks.add()
    item.name, item.label, item.value = name, label, json.dumps(value)


def drop(scene: Any, name: str = "") -> None:
    """Keep a value no longer; without a name, none."""
    if not name:
        scene.texloom_locks.clear()
    elif (place := scene.texloom_locks.find(name)) >= 0:
        scene.texloom_locks.remove(place)


def show(scene: Any) -> None:
    """Let the locks that materials show agree with the scene's."""
    kept = of(scene)
    for material in bpy.data.materials:
        parameters.show_locks(material, kept)


def _changed(item: Any, toggled: bool) -> None:
    scene = bpy.context.scene
    if isinstance(item, parameters.TexloomMaterial):
        name, label, value, locked = parameters.FAMILY, item.family_title, item.family, item.family_locked
    else:
        name, label, value, locked = item.name, item.label, item.json_value(), item.locked
    if not locked:
        drop(scene, name)
    elif toggled or name in of(scene):  # else it is a lock of another scene, or of another file
        keep(scene, name, label, value)
    show(scene)


@persistent  # type: ignore[misc]
def _file_loaded(*arguments: object) -> None:
    show(bpy.context.scene)


def register() -> None:
    """Give every scene the list."""
    bpy.app.handlers.load_post.append(_file_loaded)
    bpy.utils.register_class(TexloomLock)
    scene_type: Any = bpy.types.Scene
    scene_type.texloom_locks = CollectionProperty(type=TexloomLock)  # type: ignore[func-returns-value]
    parameters.on_lock.append(_changed)


def unregister() -> None:
    """Take it back."""
    if _file_loaded in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_file_loaded)
    parameters.on_lock.remove(_changed)
    scene_type: Any = bpy.types.Scene
    del scene_type.texloom_locks
    bpy.utils.unregister_class(TexloomLock)

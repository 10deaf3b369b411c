# SPDX-License-Identifier: GPL-3.0-or-later
"""Dialogs without a window: what an operator asks, and a file that nobody's answer has changed.

In the background Blender runs ``execute`` where a window would run ``invoke``, and opens no dialog.  Here a real
operator, with properties of Blender's own making, has its ``invoke`` run with a window manager that notes what is
asked and draws it; then nobody answers, as when Escape is pressed.  What a key does in a window, tests/gui tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
from test_library import Context, Layout, Strict

_NOT_THE_FILE = ("window_managers", "screens", "workspaces")


@dataclass
class Asked:
    """What an operator has asked: the kind of question, how it was put, and what its dialog shows."""

    kind: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    shown: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answer: set[str] = field(default_factory=set)


class _Manager:
    """Stands for the window manager: every question is noted and stays open."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context.window_manager, name)

    def _open(self, kind: str, given: dict[str, Any]) -> set[str]:
        assert not self._asked.kind, "it asks twice"
        self._asked.kind, self._asked.given = kind, given
        return {"RUNNING_MODAL"}

    def invoke_props_dialog(self, operator: Any, **given: Any) -> set[str]:
        return self._open("dialog", given)

    def invoke_confirm(self, operator: Any, event: Any, **given: Any) -> set[str]:
        return self._open("confirm", given)

    def fileselect_add(self, operator: Any) -> None:
        self._open("browser", {})

    def invoke_search_popup(self, operator: Any) -> None:
        self._open("search", {})


class _Here(Context):
    """Blender's context, with a window manager that notes what is asked."""

    def __init__(self, manager: _Manager) -> None:
        super().__init__(300)
        self.window_manager = manager
        del self.preferences  # Blender's own will do

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


class _Drawing:
    """Stands for an operator that draws its dialog, whose layout cannot be had without a window."""

    def __init__(self, operator: Any, layout: Any) -> None:
        self._operator, self.layout = operator, layout

    def __getattr__(self, name: str) -> Any:
        found = getattr(type(self._operator), name, None)
        return found.__get__(self) if callable(found) and hasattr(found, "__code__") else getattr(self._operator, name)


class _Dialog(Layout):
    """A layout that knows the properties of operators, which are not those of their classes."""

    def prop(self, data: Any, name: str, **named: Any) -> Any:
        assert hasattr(data, name), name
        self.drawn.append(("prop", named | {"arguments": (data, name)}))

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)

        def inner(*arguments: Any, **named: Any) -> Any:
            made = call(*arguments, **named)
            return made if isinstance(made, Strict) else _Dialog(self.drawn)

        return inner


def ask(name: str, **properties: Any) -> Asked:
    """Have an operator ask, and leave without an answer."""
    owner = getattr(bpy.types, f"TEXLOOM_OT_{name}")
    asked = Asked()

    def execute(self: Any, context: Any) -> set[str]:
        assert not asked.answer and not asked.kind, "it goes on without an answer"
        here = _Here(_Manager(asked))
        asked.answer = {"ASKING"}
        asked.answer = set(self.invoke(here, None))
        draws = [base.__dict__["draw"] for base in type(self).__mro__ if "draw" in base.__dict__]
        if asked.kind in ("dialog", "browser") and draws:
            draws[0](_Drawing(self, _Dialog(asked.shown)), here)
        return {"CANCELLED"}  # what leaving a dialog comes to

    own = owner.__dict__.get("execute")
    # Blender looks the method up when it runs the operator.
    owner.execute = execute
    try:
        answer = getattr(bpy.ops.texloom, name)("EXEC_DEFAULT", True, **properties)
    finally:
        if own is not None:
            owner.execute = own
        else:
            del owner.execute
    assert answer == {"CANCELLED"}
    return asked


def everything() -> dict[str, Any]:
    """What the file holds: names of all datablocks, settings of the extension, nodes and their values, objects.

    In the background Blender calls every file changed, so that cannot be asked.
    """
    kinds = [item.identifier for item in bpy.data.bl_rna.properties if item.type == "COLLECTION"]
    found: dict[str, Any] = {
        kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds if kind not in _NOT_THE_FILE
    }
    for owner in (bpy.context.scene, *bpy.data.materials, *bpy.data.objects, *bpy.data.images):
        for name in dir(owner):
            if name.startswith("texloom"):
                found[f"{owner.name}.{name}"] = values(getattr(owner, name))
    for material in bpy.data.materials:
        nodes = material.node_tree.nodes if material.node_tree is not None else ()
        found[f"nodes of {material.name}"] = [
            (node.name, tuple(node.location), [values(getattr(item, "default_value", None)) for item in node.inputs])
            for node in nodes
        ]
    for obj in bpy.data.objects:
        slots = [slot.material.name if slot.material else "" for slot in obj.material_slots]
        found[f"object {obj.name}"] = (tuple(obj.location), obj.select_get(), slots)
    return found


def values(data: Any) -> Any:
    """A value of Blender's as one that can be compared, with all that is below it."""
    if isinstance(data, bpy.types.PropertyGroup):
        names = [item.identifier for item in data.bl_rna.properties if item.identifier != "rna_type"]
        return {name: values(getattr(data, name)) for name in names}
    if isinstance(data, bpy.types.ID):
        return data.name
    if isinstance(data, (str, int, float, bool, set)) or data is None:
        return data
    if isinstance(data, bpy.types.bpy_struct):
        return str(data.bl_rna.identifier)
    return [values(item) for item in data]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels drawn without a window: layouts that note what they are told and know which properties there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import bpy
from test_addon import module
from test_library import Context, Layout

Noted = list[tuple[str, dict[str, Any]]]


class Here(Context):
    """A context with a sidebar of 300 pixels; ``space`` is the editor it stands in, an image editor when given."""

    def __init__(self, image: Any = None, *, editor: bool = False) -> None:
        super().__init__(300)
        self.space_data = type("Space", (), {"type": "IMAGE_EDITOR" if editor else "VIEW_3D", "image": image})
        self.space_data.show_repeat = False
        self.space_data.shading = type("Shading", (), {"type": "SOLID", "color_type": "MATERIAL"})
        self.screen = None
        self.view_layer = bpy.context.view_layer
        self.selected_objects = [obj for obj in bpy.context.scene.objects if obj.select_get()]
        self.active_object = self.object = bpy.context.view_layer.objects.active


def drawn(texloom: ModuleType, part: str, context: Any = None) -> Noted:
    """What ``panels.<module>.<class>`` draws."""
    name, _, kind = part.rpartition(".")
    panel = getattr(module(texloom, f"panels.{name}"), kind)()
    noted: Noted = []
    panel.layout = Layout(noted)
    panel.draw(context or Here())
    return noted


class Nested(Layout):
    """A layout that knows what stands in it: ``inside`` has layouts and, as ``(kind, call)``, what is drawn."""

    def __init__(self, kind: str = "layout", **options: Any) -> None:
        super().__init__([])
        self.kind, self.options, self.inside = kind, options, []

    def __getattr__(self, name: str) -> Any:
        if name in _PLACES:

            def place(**options: Any) -> Nested:
                found = Nested(name, **options)
                self.inside.append(found)
                return found

            return place
        note = super().__getattr__(name)

        def call(*arguments: Any, **named: Any) -> Any:
            made = note(*arguments, **named)
            self.inside.append((name, self.drawn[-1][1]))
            return made

        return call

    def all(self) -> Noted:
        """All that is drawn, from the first to the last."""
        found: Noted = []
        for item in self.inside:
            found += item.all() if isinstance(item, Nested) else [item]
        return found

    def places(self) -> Iterator[Nested]:
        """This layout and all in it."""
        yield self
        for item in self.inside:
            if isinstance(item, Nested):
                yield from item.places()

    def around(self, kind: str, wanted: Callable[[dict[str, Any]], bool]) -> list[Nested]:
        """The layouts around the first thing of a kind that is wanted, the closest first."""
        for item in self.inside:
            if isinstance(item, Nested):
                if found := item.around(kind, wanted):
                    return [*found, self]
            elif item[0] == kind and wanted(item[1]):
                return [self]
        return []


_PLACES = ("row", "column", "box", "split", "grid_flow")


def nested(texloom: ModuleType, part: str, context: Any = None) -> Nested:
    """What ``panels.<module>.<class>`` draws, as it stands in each other."""
    name, _, kind = part.rpartition(".")
    panel = getattr(module(texloom, f"panels.{name}"), kind)()
    panel.layout = Nested()
    panel.draw(context or Here())
    return panel.layout


def buttons(noted: Noted) -> list[str]:
    """The operators that are drawn, by their names without ``texloom.``."""
    return [str(call["arguments"][0]).removeprefix("texloom.") for kind, call in noted if kind == "operator"]


def button(noted: Noted, name: str) -> dict[str, Any]:
    """The first such button with its properties."""
    return next(call for kind, call in noted if kind == "operator" and call["arguments"][0] == f"texloom.{name}")


def fields(noted: Noted) -> list[str]:
    """The properties that are drawn."""
    return [call["arguments"][1] for kind, call in noted if kind == "prop"]


def texts(noted: Noted) -> str:
    """All that can be read, a line each."""
    return "\n".join(str(call.get("text", "")) for _, call in noted)

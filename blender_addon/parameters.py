# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words of a prompt became, kept with its material: sliders, colors and options that stay editable.

A material remembers the whole recipe (``texloom_request``, JSON), so it can be drawn again without its result's
folder, also from a .blend of somebody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    PointerProperty,
    StringProperty,
)

from .core.texloom.errors import RequestError
from .core.texloom.request import GenerationRequest, ParameterValue
from .scene import adjust
from .scene.objects import metres_per_unit
from .scene.result import ResultImages
from .translations import iface

REQUEST: Final = "texloom_request"
FAMILY: Final = "family"
"""Name of the family among the parameters of a request."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")

on_change: list[Callable[[bpy.types.Material], None]] = []
"""Called after the user has changed a value."""
on_fill: list[Callable[[bpy.types.Material], None]] = []
"""Called after a material has got the recipe of another result, or none."""
on_lock: list[Callable[[Any, bool], None]] = []
"""Called with the parameter (for the family: the recipe), and whether it was locked or unlocked just now; else its
value has changed while it shows a lock."""

_filling = False
# Blender keeps no reference to the texts of a dynamic menu.
_menus: dict[tuple[str, str], list[tuple[str, str, str]]] = {}


def _changed(self: Any, context: bpy.types.Context) -> None:
    if _filling:
        return
    self.source = "request"
    if self.locked:
        for told in on_lock:
            told(self, False)
    for listener in on_change:
        listener(self.id_data)


def _tell_lock(self: Any, context: bpy.types.Context) -> None:
    if not _filling:
        for listener in on_lock:
            listener(self, True)


def _options(self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    key = (self.options, bpy.app.translations.locale)
    if key not in _menus:
        names = json.loads(self.options or "[]") or ["none"]
        _menus[key] = [(name, iface(option_label(name)), "") for name in names]
    return _menus[key]


def option_label(name: str) -> str:
    """An option's name as words."""
    return name.replace("_", " ").replace("-", " ").capitalize()


def _get_amount(self: Any) -> float:
    return float(self.value)


def _set_amount(self: Any, value: float) -> None:
    self.value = min(max(value, self.low), self.high)


def _get_length(self: Any) -> float:
    return float(self.value) / _unit()


def _set_length(self: Any, value: float) -> None:
    self.value = min(max(value * _unit(), self.low), self.high)


def _unit() -> float:
    return metres_per_unit(bpy.context.scene)


class TexloomParameter(bpy.types.PropertyGroup):
    """One typed parameter of an instant material; ``name`` is its key in requests."""

    label: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    kind: StringProperty(description="color, number or choice", options={"HIDDEN"})  # type: ignore[valid-type]
    unit: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    source: StringProperty(description="prompt, negative prompt, style image, request or seed", options={"HIDDEN"})  # type: ignore[valid-type]
    words: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    attribute: BoolProperty(description="Whether it lies on any material, as dirt does", options={"HIDDEN"})  # type: ignore[valid-type]
    low: FloatProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    high: FloatProperty(default=1.0, options={"HIDDEN"})  # type: ignore[valid-type]
    options: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    value: FloatProperty(update=_changed, options={"HIDDEN"})  # type: ignore[valid-type]
    amount: FloatProperty(
        name="Amount",
        description="How much of it there is; the images follow",
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        get=_get_amount,
        set=_set_amount,
    )  # type: ignore[valid-type]
    length: FloatProperty(
        name="Size",
        description="Its real size, whatever the size of the tile; the images follow",
        subtype="DISTANCE",
        unit="LENGTH",
        precision=4,
        step=1,
        get=_get_length,
        set=_set_length,
    )  # type: ignore[valid-type]
    color: FloatVectorProperty(
        name="Color",
        description="The color that most of it has; the images follow",
        subtype="COLOR_GAMMA",
        size=3,
        min=0.0,
        max=1.0,
        update=_changed,
    )  # type: ignore[valid-type]
    choice: EnumProperty(
        name="Choice",
        description="Which of several ways it is made in; the images follow",
        items=_options,
        update=_changed,
    )  # type: ignore[valid-type]
    locked: BoolProperty(
        name="Lock", description="Keep this value while the prompt or the seed changes", update=_tell_lock
    )  # type: ignore[valid-type]

    def json_value(self) -> ParameterValue:
        """The value as it stands in requests."""
        if self.kind == "color":
            return "#" + "".join(f"{round(part * 255):02x}" for part in self.color)
        if self.kind == "choice":
            return str(self.choice)
        # Blender's numbers have 32 bits; requests and manifests hold five digits.
        return float(f"{min(max(self.value, self.low), self.high):.5g}")

    def fault(self, value: object) -> str:
        """What is wrong with a value for this parameter, to follow its name; empty when nothing is."""
        if self.kind == "color":
            return "" if isinstance(value, str) and _COLOR.fullmatch(value) else "must be a color written as #rrggbb"
        if self.kind == "choice":
            options = json.loads(self.options or "[]")
            return "" if value in options else f"must be one of {', '.join(options)}"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "must be a number"
        # The ends of a range may have been rounded to 32 bits.
        near = 1e-6 * max(abs(self.low), abs(self.high))
        return "" if self.low - near <= value <= self.high + near else f"must be from {self.low:g} to {self.high:g}"

    def set_json(self, value: object) -> None:
        """Take a value from a request or manifest; one that :meth:`fault` finds wrong changes nothing."""
        if self.fault(value):
            return
        if isinstance(value, str) and self.kind == "color":
            self.color = [int(value[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        elif isinstance(value, str):
            self.choice = value
        elif isinstance(value, (int, float)):
            self.value = min(max(float(value), self.low), self.high)


class TexloomMaterial(bpy.types.PropertyGroup):
    """The recipe of an instant material; ``family`` is empty for every other."""

    family: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    family_title: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    family_words: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    # Of a prompt that names two materials; what the sliders change is the first.
    second_title: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    family_locked: BoolProperty(
        name="Lock", description="Keep this kind of material whatever the prompt says", update=_tell_lock
    )  # type: ignore[valid-type]
    parameters: CollectionProperty(type=TexloomParameter, options={"HIDDEN"})  # type: ignore[valid-type]


@contextmanager
def _silently() -> Iterator[None]:
    global _filling
    before, _filling = _filling, True
    try:
        yield
    finally:
        _filling = before


def of(material: Any) -> Any:
    """The recipe of a material, or None when it is no instant one."""
    recipe = getattr(material, "texloom", None) if material is not None else None
    return recipe if recipe is not None and recipe.family else None


def fill(material: Any, result: ResultImages, locked: Mapping[str, Any] | None = None) -> None:
    """Note on ``material`` what ``result`` was made of; a result of another model leaves no recipe.

    Args:
        locked: names of the parameters that are locked in the scene.
    """
    _note(material, result, locked or {})
    if of(material) is not None:
        adjust.note_drawn(material, result.maps, digest(material))
    for listener in on_fill:
        listener(material)


def _note(material: Any, result: ResultImages, locked: Mapping[str, Any]) -> None:
    recipe = material.texloom
    reading = result.extra.get("reading")
    with _silently():
        recipe.parameters.clear()
        recipe.family = recipe.family_title = recipe.family_words = recipe.second_title = ""
        if REQUEST in material:
            del material[REQUEST]
        if not isinstance(reading, Mapping) or not isinstance(reading.get("family"), Mapping):
            return
        family = reading["family"]
        recipe.family_locked = locked.get(FAMILY) == str(family.get("name", ""))
        recipe.family, recipe.family_title = str(family.get("name", "")), str(family.get("title", ""))
        recipe.family_words = ", ".join(map(str, family.get("words", ())))
        second = reading.get("second")
        recipe.second_title = str(second.get("title", "")) if isinstance(second, Mapping) else ""
        values = result.extra.get("parameters", {})
        for entry in reading.get("parameters", ()):
            _add(recipe.parameters.add(), entry, values.get(entry["name"]), locked)
        material[REQUEST] = json.dumps(result.extra.get("request", {}), ensure_ascii=False)


def _add(item: Any, entry: Mapping[str, Any], value: object, locked: Mapping[str, Any]) -> None:
    item.name, item.kind = str(entry["name"]), str(entry.get("kind", ""))
    item.label, item.unit = str(entry.get("label", item.name)), str(entry.get("unit", ""))
    item.source, item.words = str(entry.get("source", "")), ", ".join(map(str, entry.get("words", ())))
    item.attribute = entry.get("attribute") is True
    item.low, item.high = float(entry.get("low", 0.0)), float(entry.get("high", 1.0))
    item.options = json.dumps(entry.get("options", []))
    item.set_json(value)
    item.locked = _shows(item, locked)


def _shows(item: Any, kept: Mapping[str, Any]) -> bool:
    """Whether the value of a parameter is the one that is kept: a closed lock beside another would lie."""
    return item.name in kept and item.json_value() == kept[item.name]


def show_locks(material: Any, kept: Mapping[str, Any]) -> None:
    """Show which of a material's parameters are kept."""
    recipe = of(material)
    if recipe is None:
        return
    with _silently():
        recipe.family_locked = kept.get(FAMILY) == recipe.family
        for item in recipe.parameters:
            if item.locked != _shows(item, kept):
                item.locked = not item.locked


def values(material: Any) -> dict[str, ParameterValue]:
    """Family and all parameters as they stand in requests; empty for a material of another model."""
    recipe = of(material)
    if recipe is None:
        return {}
    return {FAMILY: recipe.family, **{item.name: item.json_value() for item in recipe.parameters}}


def digest(material: Any) -> str:
    """A text that is the same exactly for the same family and values."""
    return digest_of(values(material))


def digest_of(given: Mapping[str, Any]) -> str:
    """:func:`digest` of values as they stand in requests."""
    return repr(sorted(given.items()))


def set_values(material: Any, new: Mapping[str, Any]) -> None:
    """Set parameters by name, all or none, without telling anybody.

    Raises:
        RequestError: the material has no such parameter, or a value is of another kind or out of range.
    """
    recipe = of(material)
    known = {item.name: item for item in recipe.parameters} if recipe is not None else {}
    for name, value in new.items():
        if name not in known:
            raise RequestError(f"parameters: unknown {name}; allowed are {', '.join(known)}.")
        if fault := known[name].fault(value):
            raise RequestError(f"parameters: {name} {fault}, got {value!r}.")
    with _silently():
        for name, value in new.items():
            if known[name].json_value() != value:
                known[name].set_json(value)
                known[name].source = "request"


def original(material: Any) -> dict[str, ParameterValue]:
    """The values that the words and the seed made; sliders have moved since."""
    try:
        noted = json.loads(material.get(REQUEST, "{}"))
    except ValueError:
        return {}
    found = noted.get("parameters", {}) if isinstance(noted, dict) else {}
    return {name: value for name, value in found.items() if name != FAMILY}


def request_of(material: Any) -> GenerationRequest | None:
    """The request that draws this material as its sliders stand now; None for one of another model.

    Raises:
        RequestError: what is noted on the material was damaged, or comes from a newer version.
    """
    text = material.get(REQUEST)
    if of(material) is None or not isinstance(text, str):
        return None
    request = GenerationRequest.from_json(text)
    return request.replace(count=1, parameters=values(material), preview_interval=0)


def title(recipe: Any) -> str:
    """What kind of material it is, in the user's language; both where there are two."""
    titles = [recipe.family_title or recipe.family, *([recipe.second_title] if recipe.second_title else [])]
    return " + ".join(iface(one) for one in titles)


_CLASSES = (TexloomParameter, TexloomMaterial)


def register() -> None:
    """Give every material the properties."""
    for item in _CLASSES:
        bpy.utils.register_class(item)
    material_type: Any = bpy.types.Material
    material_type.texloom = PointerProperty(type=TexloomMaterial)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take them back."""
    material_type: Any = bpy.types.Material
    del material_type.texloom
    for item in reversed(_CLASSES):
        bpy.utils.unregister_class(item)

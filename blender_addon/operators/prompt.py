# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the prompt: text datablocks, history, styles, first steps."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import history, preferences, presets, properties, windows
from ..core.texloom.errors import TexloomError
from ..translations import iface
from .common import called, failed

_ops: Any = bpy.ops
_ENTER_RELEASED = 1.0  # seconds after the field took the press
_items: list[tuple[str, str, str]] = []


class TEXLOOM_OT_prompt_as_text(bpy.types.Operator):
    """Write the prompt in a text editor, with room for long descriptions and notes"""

    bl_idname = "texloom.prompt_as_text"
    bl_label = "Prompt as Text"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender's own form

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        if settings.prompt_text is None:
            text = bpy.data.texts.new(iface("Prompt"))
            note = iface("Lines that begin with # are left out of the prompt.")
            text.write(f"# {note}\n" + "\n".join(textwrap.wrap(settings.prompt, 72)))
            settings.prompt_text = text
        if not bpy.app.background:
            _show(context, settings.prompt_text)
        return {"FINISHED"}


def _show(context: Any, text: bpy.types.Text) -> None:
    """Show a text in a text editor: one that is open, or else a window of its own."""
    manager = context.window_manager
    areas = [area for window in manager.windows for area in window.screen.areas]
    area = next((area for area in areas if area.type == "TEXT_EDITOR"), None)
    if area is None:
        bpy.ops.wm.window_new()
        area = manager.windows[-1].screen.areas[0]
        area.type = "TEXT_EDITOR"
    space: Any = area.spaces.active
    space.text = text
    space.show_word_wrap = True
    space.top = 0


class TEXLOOM_OT_use_prompt(bpy.types.Operator):
    """Put this prompt into the panel again"""

    bl_idname = "texloom.use_prompt"
    bl_label = "Use Prompt"
    bl_options = {"UNDO"}  # noqa: RUF012

    prompt: StringProperty(
        name="Prompt", description="What to make; empty to search the prompts of late", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    negative_prompt: StringProperty(name="Negative prompt", description="What to avoid with it", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        """All of the prompt, for the tooltip."""
        negative = f"\n− {properties.negative_prompt}" if properties.negative_prompt else ""
        text = iface(str(cls.__doc__))
        return f"{text}.\n\n{properties.prompt}{negative}" if properties.prompt else text

    def invoke(self, context: Any, event: Any) -> set[Any]:
        if self.prompt:
            return self.execute(context)
        if not history.path().exists():
            self.report({"ERROR"}, iface("Nothing was generated yet"))
            return {"CANCELLED"}
        return called(self, _ops.texloom.search_history, "INVOKE_DEFAULT")

    def execute(self, context: Any) -> set[Any]:
        if not self.prompt.strip():
            self.report({"ERROR"}, iface("Type what to make first"))
            return {"CANCELLED"}
        settings = properties.of(context)
        settings.prompt_text = None
        settings.prompt, settings.negative_prompt = self.prompt, self.negative_prompt
        return {"FINISHED"}


def _history_items(self: Any, context: Any) -> list[tuple[str, str, str]]:
    # Blender keeps no copy of these texts, so somebody has to.
    global _items
    try:
        found = history.entries()
    except TexloomError:
        found = ()
    _items = [(str(number), entry.prompt, entry.negative_prompt) for number, entry in enumerate(found)]
    return _items


class TEXLOOM_OT_search_history(bpy.types.Operator):
    """Search the prompts of late"""

    bl_idname = "texloom.search_history"
    bl_label = "Search Prompt History"
    bl_options = {"UNDO"}  # noqa: RUF012
    bl_property = "entry"

    entry: EnumProperty(
        name="Prompt",
        description="One of the prompts of late, the newest first",
        items=_history_items,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not history.path().exists():
            cls.poll_message_set(iface("Nothing was generated yet"))
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[Any]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        try:
            found = history.entries()
        except TexloomError as error:
            return failed(self, error)
        number = int(self.entry or 0)
        if number >= len(found):
            return {"CANCELLED"}
        settings = properties.of(context)
        settings.prompt_text = None
        settings.prompt, settings.negative_prompt = found[number].prompt, found[number].negative_prompt
        return {"FINISHED"}


class TEXLOOM_OT_clear_history(bpy.types.Operator):
    """Forget all prompts of late; results and their settings stay in the library"""

    bl_idname = "texloom.clear_history"
    bl_label = "Clear Prompt History"

    def invoke(self, context: Any, event: Any) -> set[Any]:
        found: set[Any] = context.window_manager.invoke_confirm(self, event)
        return found

    def execute(self, context: Any) -> set[Any]:
        try:
            history.clear()
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_use_style(bpy.types.Operator):
    """Use this style: its words go around the prompt, and it may change settings; taking it off gives them back"""

    bl_idname = "texloom.use_style"
    bl_label = "Use Style"
    bl_options = {"UNDO"}  # noqa: RUF012

    name: StringProperty(
        name="Name",
        description="Name of the style",
        options={"SKIP_SAVE"},
        search=lambda self, context, edit: [presets.display_name(path) for part in presets.files() for path in part],
    )  # type: ignore[valid-type]

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        """What the style says, for the tooltip."""
        path = presets.find(properties.name) if properties.name else None
        text = iface(str(cls.__doc__))
        return f"{text}.\n\n{presets.summary(path)}" if path is not None else text

    def invoke(self, context: Any, event: Any) -> set[Any]:
        if self.name:
            return self.execute(context)
        # Found by search, without a name: all styles to pick from.
        bpy.ops.wm.call_menu(name=presets.MENU)
        return {"INTERFACE"}

    def execute(self, context: Any) -> set[Any]:
        try:
            presets.use(properties.of(context), self.name)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_remove_style(bpy.types.Operator):
    """Take the style off: its words go, and the settings it has changed are as before"""

    bl_idname = "texloom.remove_style"
    bl_label = "Take Style Off"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        presets.take_off(properties.of(context))
        return {"FINISHED"}


class TEXLOOM_OT_own_style(bpy.types.Operator):
    """Write a style of your own: words that go around every prompt"""

    bl_idname = "texloom.own_style"
    bl_label = "Own Words"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        settings.style_name = "Own Words"
        settings.style = settings.style or presets.PLACE
        return {"FINISHED"}


class TEXLOOM_OT_save_style(AddPresetBase, bpy.types.Operator):  # type: ignore[misc]
    """Keep the style's words, and if you like the settings of now, as a style of your own"""

    bl_idname = "texloom.save_style"
    bl_label = "Save Style"
    bl_options = set()  # noqa: RUF012 - Blender's own form; to be found by search, unlike the base's
    preset_menu = presets.MENU
    preset_subdir = presets.SUBFOLDER
    preset_defines = ("texloom = bpy.context.scene.texloom",)

    with_size: BoolProperty(
        name="Size and tiling",
        description="Keep the size of the result and the directions in which it repeats as well",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    with_maps: BoolProperty(
        name="Maps and relief",
        description="Keep the choice of maps and how height is shown as well",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    with_width: BoolProperty(
        name="Real width", description="Keep the real width of a tile as well", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    @property
    def preset_values(self) -> list[str]:
        """What Blender writes into the file."""
        names = ["style", "style_negative"]
        names += ["size", "width", "height", "tiling"] if self.with_size else []
        names += ["maps", "relief"] if self.with_maps else []
        names += ["own_width", "tile_metres"] if self.with_width else []
        return [f"texloom.{name}" for name in names]

    def post_cb(self, context: Any, path: str) -> None:
        """Called by Blender when it has written or removed the file."""
        getattr(bpy.types, presets.MENU).bl_label = "Styles"
        settings = properties.of(context)
        name = presets.display_name(path)
        operator: Any = self
        if not operator.remove_name:
            settings.style_name = name
        elif settings.style_name == name:
            presets.take_off(settings)


class TEXLOOM_OT_allow_online(bpy.types.Operator):
    """Allow Blender to go online; Texloom does so only to download the engine when you set it up"""

    bl_idname = "texloom.allow_online"
    bl_label = "Allow Online Access"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if bpy.app.online_access_override and not bpy.app.online_access:
            cls.poll_message_set(iface("Blender was started in offline mode; start it without --offline-mode"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        context.preferences.system.use_online_access = True
        context.preferences.is_dirty = True
        preferences.set_first_steps("OPEN")
        return {"FINISHED"}


class TEXLOOM_OT_first_steps(bpy.types.Operator):
    """Show or hide the card that leads to the first texture"""

    bl_idname = "texloom.first_steps"
    bl_label = "Show First Steps"

    show: BoolProperty(name="Show", description="Show the card; off to hide it", default=True, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        if not preferences.set_first_steps("OPEN" if self.show else "DONE"):
            self.report({"ERROR"}, iface("Blender keeps no preferences of Texloom here."))
            return {"CANCELLED"}
        windows.redraw()
        return {"FINISHED"}


class TEXLOOM_OT_try_example(bpy.types.Operator):
    """Make this, and show materials in the viewport"""

    bl_idname = "texloom.try_example"
    bl_label = "Try Example"
    bl_options = {"UNDO"}  # noqa: RUF012

    prompt: StringProperty(
        name="Prompt",
        description="What to make; it comes into the panel as well",
        default="weathered red brick wall with white mortar",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        settings.prompt_text = None
        settings.prompt = self.prompt
        shading = getattr(context.space_data, "shading", None)
        if shading is not None and shading.type in ("SOLID", "WIREFRAME"):
            shading.type = "MATERIAL"
        return called(self, _ops.texloom.generate)


class TEXLOOM_OT_generate_on_enter(bpy.types.Operator):
    """Generate when Enter has confirmed the prompt"""

    bl_idname = "texloom.generate_on_enter"
    bl_label = "Generate on Enter"
    # A key's release means nothing to somebody who searches.
    bl_options = {"INTERNAL"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(properties.confirmed_just_now(_ENTER_RELEASED) and preferences.get().enter)

    def invoke(self, context: Any, event: Any) -> set[Any]:
        # The release of Enter right after the field took its press: that is how the edit was confirmed.  A click
        # beside the field confirms as well, but releases no key.
        properties.use_confirmation()
        if properties.of(context).written.strip():
            return called(self, _ops.texloom.generate, "INVOKE_DEFAULT")
        return {"PASS_THROUGH"}


CLASSES: tuple[Any, ...] = (
    TEXLOOM_OT_prompt_as_text,
    TEXLOOM_OT_use_prompt,
    TEXLOOM_OT_search_history,
    TEXLOOM_OT_clear_history,
    TEXLOOM_OT_use_style,
    TEXLOOM_OT_remove_style,
    TEXLOOM_OT_own_style,
    TEXLOOM_OT_save_style,
    TEXLOOM_OT_allow_online,
    TEXLOOM_OT_first_steps,
    TEXLOOM_OT_try_example,
    TEXLOOM_OT_generate_on_enter,
)

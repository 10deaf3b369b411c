# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on models: choose, download, delete, and the folders where they lie."""

from __future__ import annotations

from typing import Any, cast

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .. import bridge, model_job, model_jobs, models_view, preferences, properties, shelf
from ..core.texloom.errors import TexloomError, together
from ..panels.common import wrapped
from ..panels.model_facts import draw_facts, draw_terms
from ..translations import iface, message
from ..windows import all_windows
from .common import ChoosesFolder, failed, refused

_MODEL_TEXT = "A name of Texloom's list, owner/name of the hub, or a path; empty for the one chosen in the panel"
_DIALOG = 440
_LETTERS = 62


def _say(text: str) -> None:
    """Tell an error of which no operator is left to report it."""

    def lines(menu: Any, context: Any) -> None:
        for line in wrapped(text, _LETTERS):
            menu.layout.label(text=line, translate=False)

    manager: Any = bpy.context.window_manager
    manager.popup_menu(lines, title=iface("Download Model"), icon="ERROR")


class _OnModel:
    """An operator on one model."""

    model: StringProperty(name="Model", description=_MODEL_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def key(self, context: Any) -> str:
        """The model's name."""
        return str(self.model or models_view.of(context).selected or properties.of(context).model_id)


def _ended(operator: Any) -> set[Any]:
    """In the background wait for the job on a model; the operator's result."""
    if bpy.app.background:
        state = model_job.state()
        state.wait()
        if state.error:
            return refused(operator, state.error, state.advice)
    return {"FINISHED"}


class TEXLOOM_OT_model_select(_OnModel, bpy.types.Operator):
    """Show what is known of this model"""

    bl_idname = "texloom.model_select"
    bl_label = "Show Model"
    # A search would not say which one.
    bl_options = {"INTERNAL"}  # noqa: RUF012 - Blender's own form

    def execute(self, context: Any) -> set[Any]:
        view = models_view.of(context)
        view.selected = "" if view.selected == self.model else self.model
        return {"FINISHED"}


class TEXLOOM_OT_models_page(bpy.types.Operator):
    """Turn the page"""

    bl_idname = "texloom.models_page"
    bl_label = "Turn Page"
    # The arrows know the page before and the page after.
    bl_options = {"INTERNAL"}  # noqa: RUF012

    first: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        models_view.of(context).first = self.first
        return {"FINISHED"}


class TEXLOOM_OT_models_refresh(bpy.types.Operator):
    """Look at all model folders again"""

    bl_idname = "texloom.models_refresh"
    bl_label = "Refresh Models"

    def execute(self, context: Any) -> set[Any]:
        if not bpy.app.background:
            shelf.watcher().look_again()
            return {"FINISHED"}
        try:
            shelf.watcher().looked(properties.of(context).own_model)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_model_use(_OnModel, bpy.types.Operator):
    """Draw with this model from now on"""

    bl_idname = "texloom.model_use"
    bl_label = "Use Model"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            model_jobs.use(properties.of(context), self.key(context))
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_model_download(_OnModel, bpy.types.Operator):
    """Download this model, or go on where an earlier download stopped; licence and size are shown first"""

    bl_idname = "texloom.model_download"
    bl_label = "Download Model"

    accept: BoolProperty(
        name="I have read this and accept it",
        description="Needed before a model with terms of its own is downloaded",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    configuration: BoolProperty(
        name="Configuration only",
        description="Only the small files that a single .safetensors checkpoint of this family lacks",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(iface("Allow online access in the preferences (System) first"))
            return False
        if model_job.state().running:
            cls.poll_message_set(iface("Another model is being downloaded or deleted"))
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[Any]:
        try:
            self._item = model_jobs.item_of(self.key(context))
            self.model = self._item.key
            # Of its own list Texloom knows size and licence; of all else the hub tells, which may take a while.
            if self._item.row is None and self._item.hub and not self._answered():
                if not bpy.app.background:
                    self._ask_first(context)
                    return {"CANCELLED"}
                model_jobs.ask(self._item, configuration_only=self.configuration)
                if "CANCELLED" in (ended := _ended(self)):
                    return ended
        except TexloomError as error:
            return failed(self, error)
        self._alone = self.configuration
        manager = context.window_manager
        return set(manager.invoke_props_dialog(self, width=_DIALOG, confirm_text=iface("Download")))

    def _answered(self) -> bool:
        return model_jobs.answer(self._item, configuration_only=self.configuration) is not None

    def _ask_first(self, context: Any) -> None:
        """Ask the hub, and open the dialog in the same window once it has answered, or say why it does not."""
        item, configuration, window = self._item, self.configuration, context.window.as_pointer()

        def again() -> None:
            place = next((found for found in all_windows() if found.as_pointer() == window), None)
            if place is None:
                return
            state, operators = model_job.state(), cast(Any, bpy.ops)
            override: Any = bpy.context.temp_override(window=place)
            with override:
                if state.error:
                    _say(message(together(state.error, state.advice)))
                elif model_jobs.answer(item, configuration_only=configuration) is not None:
                    operators.texloom.model_download("INVOKE_DEFAULT", model=item.key, configuration=configuration)

        model_jobs.ask(item, configuration_only=configuration, after=again)

    def draw(self, context: Any) -> None:
        layout: Any = self.layout
        known = shelf.watcher().shelf
        draw_facts(layout, self._item, known, _LETTERS, configuration=self.configuration)
        if self._alone:
            layout.prop(self, "configuration")
        if draw_terms(layout, self._item, _LETTERS, configuration=self.configuration):
            layout.prop(self, "accept")

    def execute(self, context: Any) -> set[Any]:
        try:
            model_jobs.download(self.key(context), accept_terms=self.accept, configuration_only=self.configuration)
        except TexloomError as error:
            return failed(self, error)
        return _ended(self)


class TEXLOOM_OT_model_pause(bpy.types.Operator):
    """Pause the download, or let it go on"""

    bl_idname = "texloom.model_pause"
    bl_label = "Pause Download"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not model_job.state().running:
            cls.poll_message_set(iface("Nothing is being downloaded"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        state = model_job.state()
        (state.resume if state.paused else state.pause)()
        bridge.get().wake()
        return {"FINISHED"}


class TEXLOOM_OT_model_cancel(bpy.types.Operator):
    """End the download; what was loaded stays, so that it can go on later"""

    bl_idname = "texloom.model_cancel"
    bl_label = "Cancel Download"

    def execute(self, context: Any) -> set[Any]:
        model_job.state().cancel()
        return {"FINISHED"}


class TEXLOOM_OT_model_dismiss(bpy.types.Operator):
    """Take away what was said of the last download or deletion of a model"""

    bl_idname = "texloom.model_dismiss"
    bl_label = "Dismiss Message of Models"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if model_job.state().running or not model_job.state().error:
            cls.poll_message_set(iface("There is no message"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        model_job.state().clear()
        return {"FINISHED"}


class TEXLOOM_OT_model_delete(_OnModel, bpy.types.Operator):
    """Delete the files of this model that Texloom has downloaded; it can be downloaded again"""

    bl_idname = "texloom.model_delete"
    bl_label = "Delete Model"

    def invoke(self, context: Any, event: Any) -> set[Any]:
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, context: Any) -> set[Any]:
        try:
            model_jobs.delete(self.key(context))
        except TexloomError as error:
            return failed(self, error)
        return _ended(self)


class TEXLOOM_OT_add_model_folder(ChoosesFolder, bpy.types.Operator):
    """Look for large models in one more folder; downloads go to the first one"""

    bl_idname = "texloom.add_model_folder"
    bl_label = "Add Model Folder"

    directory: StringProperty(
        name="Folder", description="Folder of large models", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        options = preferences.get_registered()
        if options is None or not self.directory.strip():
            return {"CANCELLED"}
        if all(item.path != self.directory for item in options.model_folders):
            options.model_folders.add().path = self.directory
            context.preferences.is_dirty = True
        return {"FINISHED"}


class TEXLOOM_OT_remove_model_folder(bpy.types.Operator):
    """Look for models there no more; its files stay"""

    bl_idname = "texloom.remove_model_folder"
    bl_label = "Remove Model Folder"

    index: IntProperty(name="Number", description="Which folder, from 0", min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        options = preferences.get_registered()
        if options is None or self.index >= len(options.model_folders):
            return {"CANCELLED"}
        options.model_folders.remove(self.index)
        context.preferences.is_dirty = True
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_model_select,
    TEXLOOM_OT_models_page,
    TEXLOOM_OT_models_refresh,
    TEXLOOM_OT_model_use,
    TEXLOOM_OT_model_download,
    TEXLOOM_OT_model_pause,
    TEXLOOM_OT_model_cancel,
    TEXLOOM_OT_model_dismiss,
    TEXLOOM_OT_model_delete,
    TEXLOOM_OT_add_model_folder,
    TEXLOOM_OT_remove_model_folder,
)

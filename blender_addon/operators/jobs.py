# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on jobs: generate, cancel, retry, pick a variation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .. import bridge, history, preferences, properties, restore
from ..core.texloom.errors import StorageError, TexloomError
from ..core.texloom.jobs import JobState
from ..entry import Entry
from ..reading import later
from ..scene.images import warm_up
from ..translations import iface
from ..translations import message as translated
from .common import failed, not_begun, refused, show_folder

_UNDONE: Final = (JobState.FAILED, JobState.CANCELLED)
_A_PAIR: Final = 2
_LETTERS: Final = 60


def _use(operator: bpy.types.Operator, entry: Entry, index: int) -> set[Any]:
    """Put a variation into the scene."""
    try:
        built = bridge.get().apply(entry, index)
    except TexloomError as error:
        return failed(operator, error)
    for message in built.messages:
        operator.report({"WARNING"}, message)
    return {"FINISHED"}


def _ended(operator: Any, states: tuple[JobState, ...], none: str) -> Entry | None:
    """The ended job of an operator, without one the last that ended in one of ``states``; None after saying why not."""
    entries = bridge.get().entries
    if not operator.job:
        found = next((entry for entry in reversed(entries.values()) if entry.view.state in states), None)
        said = none
    else:
        found = entries.get(operator.job)
        said = iface("This result is no longer in the list; it is in the library.")
        if found is not None and found.running:
            found, said = None, iface("This job has not ended yet; cancel it first.")
    if found is None:
        operator.report({"ERROR"}, said)
    return found


class _OnResult:
    """Works on a completed job; found by search there is none given, and it is the newest with what shows of it."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        if bridge.get().newest() is None:
            cls.poll_message_set(iface("Nothing has been made yet"))  # type: ignore[attr-defined]
            return False
        return True

    def _entry(self) -> Entry | None:
        """The job; None after saying why not."""
        job = self.job  # type: ignore[attr-defined]
        entry = bridge.get().entries.get(job) if job else bridge.get().newest()
        if entry is None or entry.view.state is not JobState.COMPLETED:
            self.report({"ERROR"}, iface("This result is no longer in the list; it is in the library."))  # type: ignore[attr-defined]
            return None
        return entry

    def _index(self, entry: Entry) -> int:
        """Number of the variation; without one, that of the one in the scene, or of the first that is left."""
        if self.index >= 0:  # type: ignore[attr-defined]
            return int(self.index)  # type: ignore[attr-defined]
        numbers = [number for number, _ in entry.pictures]
        return entry.index if entry.index in numbers or not numbers else numbers[0]


class TEXLOOM_OT_generate(bpy.types.Operator):
    """Make what the prompt describes; Blender stays usable meanwhile"""

    bl_idname = "texloom.generate"
    bl_label = "Generate"
    # Without UNDO: the result comes later and brings its own step, so that one step takes it back.
    bl_options = {"REGISTER"}  # noqa: RUF012 - Blender's own form

    prompt: StringProperty(
        name="Prompt", description="What to make; empty for the panel's prompt", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    seed: IntProperty(name="Seed", description="-1 for the panel's seed", min=-1, default=-1, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    count: IntProperty(name="Variations", description="0 for the panel's number", min=0, max=16, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        if self.prompt.strip() or properties.of(context).written.strip():
            return self.execute(context)
        # Nothing is written yet: ask.
        found: set[Any] = context.window_manager.invoke_props_dialog(self, width=420)
        return found

    def draw(self, context: Any) -> None:
        layout: Any = self.layout
        row = layout.row()
        row.activate_init = True
        row.prop(self, "prompt", text="", placeholder="weathered red brick wall")

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        written = self.prompt if self.prompt.strip() else settings.written
        if not written.strip():
            self.report({"ERROR"}, iface("Type what to make first"))
            return {"CANCELLED"}
        properties.use_confirmation()
        if settings.new_seed and self.seed < 0:
            settings.roll()
        try:
            request = settings.request(written)
            request = request.replace(
                seed=self.seed if self.seed >= 0 else request.seed, count=self.count or request.count
            )
            pictures = later()
            entry = bridge.get().submit(settings.begun(request, pictures), settings.placement(context), pictures)
            self._remember(written, settings.negative_prompt)
            if bpy.app.background:
                bridge.get().wait(entry)
            else:
                warm_up()
        except TexloomError as error:
            bridge.get().tidy_sources()
            return not_begun(self, error)
        if entry.problem:
            return refused(self, entry.problem, entry.advice)
        return {"FINISHED"}

    def _remember(self, written: str, negative: str) -> None:
        preferences.set_first_steps("DONE")
        if preferences.get().remember:
            try:
                history.remember(written, negative)
            except StorageError as error:
                self.report({"WARNING"}, translated(str(error)))  # the job goes on without it


class TEXLOOM_OT_cancel(bpy.types.Operator):
    """Stop this job; nothing of it stays"""

    bl_idname = "texloom.cancel"
    bl_label = "Cancel Job"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        for entry in list(bridge.get().entries.values()):
            if entry.running and self.job in ("", entry.id):
                bridge.get().cancel(entry.id)
        return {"FINISHED"}


class TEXLOOM_OT_cancel_all(bpy.types.Operator):
    """Stop all jobs, those that wait as well; nothing of them stays"""

    bl_idname = "texloom.cancel_all"
    bl_label = "Cancel All"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not bridge.get().queue():
            cls.poll_message_set(iface("No job is running"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        bridge.get().cancel_all()
        return {"FINISHED"}


class TEXLOOM_OT_move_job(bpy.types.Operator):
    """Let a waiting job run earlier or later"""

    bl_idname = "texloom.move_job"
    bl_label = "Move Job"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    offset: IntProperty(
        name="Places", description="How many places later; earlier when negative", default=-1, options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if sum(entry.waiting for entry in bridge.get().queue()) < _A_PAIR:
            cls.poll_message_set(iface("Fewer than two jobs wait"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        if self.job:
            entry = bridge.get().entries.get(self.job)
        else:
            # Whatever was asked for last, or comes next, is the one that has somewhere to go.
            waiting = [entry for entry in bridge.get().queue() if entry.waiting]
            entry = waiting[-1 if self.offset < 0 else 0]
        if entry is None or not entry.waiting:
            self.report({"ERROR"}, iface("Only a job that waits can change its place."))
            return {"CANCELLED"}
        bridge.get().move(entry.id, self.offset)
        return {"FINISHED"}


class TEXLOOM_OT_retry(bpy.types.Operator):
    """Try this job once more, with the same prompt and seed; without a job the last that failed or was cancelled"""

    bl_idname = "texloom.retry"
    bl_label = "Retry"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    smaller: BoolProperty(
        name="At half the size",
        description="Half the width and height need a quarter of the memory",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = _ended(self, _UNDONE, iface("No job has failed or was cancelled."))
        if entry is None:
            return {"CANCELLED"}
        try:
            made = bridge.get().retry(entry, smaller=self.smaller)
            if bpy.app.background:
                bridge.get().wait(made)
        except TexloomError as error:
            return not_begun(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_dismiss(bpy.types.Operator):
    """Take this job out of the list; its files stay in the library; without a job the last that has ended"""

    bl_idname = "texloom.dismiss"
    bl_label = "Dismiss"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = _ended(self, (JobState.COMPLETED, *_UNDONE), iface("No job has ended yet."))
        if entry is None:
            return {"CANCELLED"}
        bridge.get().forget(entry.id)
        return {"FINISHED"}


class TEXLOOM_OT_roll_seed(bpy.types.Operator):
    """Take another seed: the same prompt, another result"""

    bl_idname = "texloom.roll_seed"
    bl_label = "Roll Seed"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender's own form

    def execute(self, context: Any) -> set[Any]:
        properties.of(context).roll()
        return {"FINISHED"}


class TEXLOOM_OT_apply(_OnResult, bpy.types.Operator):
    """Use this variation in the scene"""

    bl_idname = "texloom.apply"
    bl_label = "Use Variation"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    index: IntProperty(default=-1, min=-1, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = self._entry()
        return {"CANCELLED"} if entry is None else _use(self, entry, self._index(entry))


class TEXLOOM_OT_step_variation(_OnResult, bpy.types.Operator):
    """Use the next or the previous variation of this result"""

    bl_idname = "texloom.step_variation"
    bl_label = "Next Variation"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    back: BoolProperty(name="Previous", description="Go to the previous one", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = self._entry()
        if entry is None:
            return {"CANCELLED"}
        numbers = [number for number, _ in entry.pictures]
        if not numbers:
            self.report({"ERROR"}, iface("Its files are gone."))
            return {"CANCELLED"}
        current = entry.index
        place = numbers.index(current) if current in numbers else -1
        return _use(self, entry, numbers[(place + (-1 if self.back else 1)) % len(numbers)])


class TEXLOOM_OT_pin(_OnResult, bpy.types.Operator):
    """Keep this variation in the list, whatever else is made"""

    bl_idname = "texloom.pin"
    bl_label = "Pin Variation"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    index: IntProperty(default=-1, min=-1, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = self._entry()
        if entry is None:
            return {"CANCELLED"}
        index = self._index(entry)
        if index not in [number for number, _ in entry.pictures]:
            self.report({"ERROR"}, iface("Its files are gone."))
            return {"CANCELLED"}
        entry.pinned ^= {index}
        return {"FINISHED"}


class TEXLOOM_OT_delete_variation(_OnResult, bpy.types.Operator):
    """Delete the files of this variation; materials of this .blend keep their images"""

    bl_idname = "texloom.delete_variation"
    bl_label = "Delete Variation"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    index: IntProperty(default=-1, min=-1, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        entry = self._entry()
        if entry is None:
            return {"CANCELLED"}
        # What is asked about is what is deleted, whatever is made meanwhile.
        self.job, self.index = entry.id, self._index(entry)
        which = iface("Variation {number} of {prompt}")
        return set(
            context.window_manager.invoke_confirm(
                self,
                event,
                title=iface("Delete Variation"),
                message=which.format(number=self.index + 1, prompt=entry.view.request.prompt[:_LETTERS]),
                confirm_text=iface("Delete"),
                translate=False,
            )
        )

    def execute(self, context: Any) -> set[Any]:
        entry = self._entry()
        if entry is None:
            return {"CANCELLED"}
        try:
            bridge.get().remove(entry, self._index(entry))
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_reuse(bpy.types.Operator):
    """Put this job's prompt, seed and all other settings back into the panel; without a job those of the last one"""

    bl_idname = "texloom.reuse"
    bl_label = "Use Prompt and Seed"
    bl_options = {"UNDO"}  # noqa: RUF012

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entries = bridge.get().entries
        entry = entries.get(self.job) if self.job else next(reversed(entries.values()), None)
        if entry is None:
            gone = iface("This result is no longer in the list; it is in the library.")
            self.report({"ERROR"}, gone if self.job else iface("Nothing was generated yet"))
            return {"CANCELLED"}
        request, folder = entry.view.request.to_dict(), entry.view.folder
        for sentence in restore.restore(properties.of(context), request, entry.index, folder=folder):
            self.report({"WARNING"}, sentence)
        return {"FINISHED"}


class TEXLOOM_OT_open_folder(bpy.types.Operator):
    """Show the files of this result, or the library, in the file manager"""

    bl_idname = "texloom.open_folder"
    bl_label = "Open Library"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        entry = bridge.get().entries.get(self.job)
        if entry is not None and entry.view.folder:
            folder = Path(entry.view.folder)
            return show_folder(self, folder, iface("{folder} is no longer in the library.").format(folder=folder))
        try:
            folder = bridge.get().library()
        except TexloomError as error:
            return failed(self, error)
        return show_folder(self, folder, iface("There is nothing in the library yet."))


CLASSES = (
    TEXLOOM_OT_generate,
    TEXLOOM_OT_cancel,
    TEXLOOM_OT_cancel_all,
    TEXLOOM_OT_move_job,
    TEXLOOM_OT_retry,
    TEXLOOM_OT_dismiss,
    TEXLOOM_OT_roll_seed,
    TEXLOOM_OT_apply,
    TEXLOOM_OT_step_variation,
    TEXLOOM_OT_pin,
    TEXLOOM_OT_delete_variation,
    TEXLOOM_OT_reuse,
    TEXLOOM_OT_open_folder,
)

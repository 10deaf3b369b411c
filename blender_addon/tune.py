# SPDX-License-Identifier: GPL-3.0-or-later
"""Sliders of instant materials: a change draws the same images again, small while the mouse drags, then whole.

A slider's change is one undo step, made by Blender.  After undo or redo it may tell something else than the images
show; then these are drawn again, which gives the very same pictures, as the same values always do.  Another kind of
material, or another seed, is one step as well, which comes with the pictures.
"""

from __future__ import annotations

import _thread
import math
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.app.handlers import persistent

from . import bridge, locks, parameters
from .core.texloom.errors import TexloomError
from .core.texloom.jobs import JobError, JobState, JobView
from .core.texloom.request import SIZE_STEP, GenerationRequest, new_id, random_seed
from .scene import adjust, images
from .scene.lookup import by_uid
from .scene.result import ResultImages
from .windows import mouse_holds_scene, push_undo

QUIET: Final = 0.15
"""Seconds without a change after which the whole size is drawn."""
DRAFT_SIDES: Final = (512, 256)
DRAFT_SECONDS: Final = 0.25
"""Slower than this, and the next draft is a smaller one."""
QUICK_SECONDS: Final = 0.12
"""The whole size needs no drafts where it is as fast."""
DRAG_SECONDS: Final = 0.4
"""Changes that follow each other faster come from a mouse that drags, which shall see drafts."""
PATIENCE: Final = 1.0
"""A change on its own is drawn in the whole size at once where that takes less."""
STEPS_BUDGET: Final = 0.001
"""Seconds of a turn after which no further step begins; one takes up to 3 ms."""
KEPT_FOLDERS: Final = 8
"""Undo brings back images that read from earlier folders; older ones are drawn again."""
SAVE_SECONDS: Final = 3.0
"""Saving waits as long for a slider that was moved a moment ago."""


@dataclass
class _Job:
    request: GenerationRequest
    whole: bool
    refill: bool


@dataclass
class _Work:
    """One material being tuned; ``name`` and ``uid`` find it, as undo makes pointers invalid."""

    name: str
    uid: int
    wanted: str
    shown: str = ""
    whole: bool = False
    changed_at: float = 0.0
    dragged: bool = False
    job: _Job | None = None
    order: GenerationRequest | None = None
    result: ResultImages | None = None
    refilled: bool = False
    whole_seconds: float = math.inf
    pictures: bool = False
    """Whether those of ``result`` wait to be shown."""
    loose: list[str] = field(default_factory=list)
    problem: str = ""
    error: JobError | None = None
    """What ``problem`` says, for the buttons that mend it."""
    refused: GenerationRequest | None = None
    """The last order, until it is there."""

    @property
    def quick(self) -> bool:
        """Whether the whole size is drawn as fast as drafts have to be, so that none are needed."""
        return self.whole_seconds <= QUICK_SECONDS

    @property
    def there(self) -> bool:
        """Whether the images show what the sliders say, at their whole size; they may still have to be packed."""
        idle = self.job is None and self.order is None and not self.pictures
        return idle and (bool(self.problem) or (self.whole and self.shown == self.wanted))

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.there and not self.loose


class Tuner:
    """Draws materials again whose sliders have changed."""

    def __init__(self) -> None:
        self._works: dict[int, _Work] = {}
        self._folders: list[Path] = []
        self._side = DRAFT_SIDES[0]

    # What happened.

    def changed(self, material: Any) -> None:
        """A slider of ``material`` has moved."""
        work, now = self._work(material), time.monotonic()
        work.dragged = now - work.changed_at < DRAG_SECONDS
        work.wanted, work.changed_at, work.problem = parameters.digest(material), now, ""
        work.refused = None
        bridge.get().wake()

    def again(self, material: Any) -> None:
        """Draw ``material`` as its sliders stand even if it shows that, or what was ordered last and could not be."""
        work = self._work(material)
        refused = work.refused if work.problem else None
        self.changed(material)
        work.shown, work.order = "", refused or work.order

    def filled(self, material: Any) -> None:
        """``material`` shows another result: what was being drawn for its sliders is of no use any more."""
        work = self._works.pop(material.session_uid, None)
        if work is not None:
            self._cancel(work)

    def order(self, material: Any, **changes: Any) -> None:
        """Draw ``material`` with changes to its request that its sliders follow: another family, another seed.

        Raises:
            RequestError: a change is out of range, or what is noted on the material is damaged.
        """
        request = parameters.request_of(material)
        if request is None:
            return
        work = self._work(material)
        work.order, work.problem, work.changed_at = request.replace(**changes), "", time.monotonic()
        bridge.get().wake()

    def check_all(self) -> None:
        """After undo or redo: draw again what shows something else than its sliders say."""
        every: Any = bpy.data.materials
        for material in every:
            work = self._works.get(material.session_uid)
            if work is None or parameters.of(material) is None:
                continue
            now = parameters.digest(material)
            if now == work.wanted and work.order is None and (work.job is None or not work.job.refill):
                continue  # what was undone was something else
            self._cancel(work)
            work.order, work.result, work.pictures, work.loose = None, None, False, []
            work.name, work.problem = material.name, ""
            if adjust.reload_images(material, now):
                # Undo has brought the images back that go with these values.
                work.wanted = work.shown = now
                work.whole = True
            else:
                work.shown = ""
                self.changed(material)

    def file_loaded(self) -> None:
        """Another file: its materials are others."""
        for work in self._works.values():
            self._cancel(work)
        self._works.clear()

    def problem(self, material: Any) -> str:
        """What went wrong with the last change of ``material``; empty when nothing did."""
        work = self._works.get(material.session_uid)
        return work.problem if work is not None else ""

    def error(self, material: Any) -> JobError | None:
        """The same with its code; None when nothing did."""
        work = self._works.get(material.session_uid)
        return work.error if work is not None and work.problem else None

    def busy(self, material: Any) -> bool:
        """Whether ``material`` is being drawn, or its pictures are still being packed."""
        work = self._works.get(material.session_uid)
        return work is not None and not work.settled

    def drawing(self, material: Any) -> bool:
        """Whether ``material`` does not show yet what its sliders say."""
        work = self._works.get(material.session_uid)
        return work is not None and not work.there

    # The crank.

    def turn(self) -> bool:
        """A few small steps, as many as a turn has time for; whether there are more."""
        began = time.perf_counter()
        for work in list(self._works.values()):
            while not work.settled and self._step(work) and time.perf_counter() - began < STEPS_BUDGET:
                pass
        return any(not work.settled for work in self._works.values())

    def finish(self, material: Any = None, timeout: float | None = None) -> bool:
        """Block until ``material`` (or all) show what their sliders say; whether they do."""
        deadline = None if timeout is None else time.monotonic() + timeout

        def open_works() -> list[_Work]:
            works = self._works.values()
            return [w for w in works if not w.settled and (material is None or w.uid == material.session_uid)]

        while works := open_works():
            if deadline is not None and time.monotonic() > deadline:
                return False
            for work in works:
                work.changed_at = 0.0
                self._step(work, drafts=False)
            bridge.get().pump(0.01)
        return True

    def _step(self, work: _Work, *, drafts: bool = True) -> bool:
        """One step; whether another one can follow at once, without waiting for the engine or the mouse."""
        material = _find(work)
        if material is None:
            self._cancel(work)
            self._works.pop(work.uid, None)
            return False
        try:
            if work.pictures:
                if drafts and not (work.job or work.whole or work.problem) and self._rests(work):
                    # The engine draws the whole size while Blender shows the draft.
                    self._begin(work, material, drafts)
                self._show(work, material)
                return True
            if work.loose:
                if drafts and work.refilled and len(work.loose) == 1 and mouse_holds_scene():
                    return False  # an undo step in the middle of moving something would tear that in two
                adjust.settle_images(material, [work.loose.pop(0)])
                if not work.loose and work.refilled:
                    push_undo(f"Texloom: {material.name}")
                return True
            if work.job is not None:
                self._follow(work, material, work.job)
                return work.pictures
            if work.order is not None:
                # Away first: what the engine refuses would be sent again and again.
                order, work.order, work.refused = work.order, None, work.order
                self._submit(work, order, whole=True, refill=True)
            elif not work.problem:
                self._begin(work, material, drafts)
        except TexloomError as error:
            work.problem, work.job, work.pictures, work.loose = str(error), None, False, []
            work.error = JobError.of(error)
        return False

    def _begin(self, work: _Work, material: Any, drafts: bool) -> None:
        request = parameters.request_of(material)
        if request is None:
            self._works.pop(work.uid, None)
            return
        # Keyframes and drivers move sliders without telling.
        work.wanted = parameters.digest_of(request.parameters)
        drafts = drafts and not work.quick and (work.dragged or work.whole_seconds > PATIENCE)
        if drafts and work.shown != work.wanted:
            self._submit(work, _draft(request, self._side), whole=False)
        elif self._rests(work) or not drafts:
            self._submit(work, request, whole=True)

    @staticmethod
    def _rests(work: _Work) -> bool:
        """Whether nothing has changed for a moment."""
        return work.order is None and time.monotonic() - work.changed_at >= QUIET

    def _submit(self, work: _Work, request: GenerationRequest, *, whole: bool, refill: bool = False) -> None:
        request = request.replace(id=new_id())
        bridge.get().submit_aside(request, _scratch())
        work.job = _Job(request, whole, refill)

    def _follow(self, work: _Work, material: Any, job: _Job) -> None:
        view = bridge.get().view(job.request.id)
        if view is None:  # the engine was exchanged
            work.job = None
            return
        outdated = parameters.digest_of(job.request.parameters) != work.wanted and not job.refill
        if not view.final:
            # What is out of date is still nearer to what is wanted than what shows now, if it is there soon.
            if job.whole and outdated and not work.quick:
                bridge.get().cancel(job.request.id)
            return
        bridge.get().forget(job.request.id)
        work.job = None
        if view.state is not JobState.COMPLETED:
            self._failed(work, view, outdated)
            return
        taken = view.seconds or 0.0  # as the engine saw it: here redraws of the window count as well
        if job.whole:
            work.whole_seconds = taken
        elif taken > DRAFT_SECONDS:
            self._side = DRAFT_SIDES[-1]
        self._folders.append(Path(view.folder))
        work.result = ResultImages.from_manifest(Path(view.folder))
        work.pictures = True
        work.shown, work.whole, work.refilled = parameters.digest_of(job.request.parameters), job.whole, job.refill
        if job.refill:
            work.refused = None
            parameters.fill(material, work.result, locks.of(bpy.context.scene))
            self._works[work.uid] = work  # it was this one that filled it
            work.shown = work.wanted = parameters.digest(material)

    def _failed(self, work: _Work, view: JobView, outdated: bool) -> None:
        if view.state is JobState.FAILED and view.error is not None and not outdated:
            work.problem, work.error = view.error.text, view.error

    def _show(self, work: _Work, material: Any) -> None:
        """Show the pictures, all in one turn: Blender draws the scene after each, several times over.

        Those of the whole size are then packed or put where the others were.
        """
        assert work.result is not None
        adjust.swap_images(material, work.result.maps)
        # A draft shows them only nearly.
        adjust.note_drawn(material, work.result.maps, work.shown if work.whole else "")
        work.pictures = False
        adjust.note_relief(material, work.result)
        # While the slider moves on, the next pictures will take the place of these.
        if work.whole and work.shown == work.wanted:
            work.loose = list(work.result.maps)
        work.result = None
        self._tidy()

    def _tidy(self) -> None:
        """Remove folders of long ago, unless images still read from them until they are packed on saving."""
        # All images of the file are looked through, so not after every one.
        if len(self._folders) < 2 * KEPT_FOLDERS:
            return
        old = self._folders[:-KEPT_FOLDERS]
        used = images.used_folders(old)
        gone = [folder for folder in old if folder not in used]
        self._folders = [folder for folder in self._folders if folder not in gone]
        # The files of several results take longer to remove than a turn may, and so may waiting until a Thread runs.
        _thread.start_new_thread(_remove, (gone,))

    def _cancel(self, work: _Work) -> None:
        if work.job is not None:
            bridge.get().cancel(work.job.request.id)
            bridge.get().forget(work.job.request.id)
            work.job = None

    def _work(self, material: Any) -> _Work:
        found = self._works.get(material.session_uid)
        if found is None:
            found = _Work(material.name, material.session_uid, parameters.digest(material))
            self._works[found.uid] = found
        return found


def reset(material: Any) -> None:
    """Set all sliders that are not locked back to what the words and the seed made of them."""
    recipe = parameters.of(material)
    locked = {item.name for item in recipe.parameters if item.locked} if recipe is not None else set()
    original = parameters.original(material)
    parameters.set_values(material, {name: value for name, value in original.items() if name not in locked})
    _tuner.changed(material)


def change_family(material: Any, family: str, seed: int | None = None) -> None:
    """Draw ``material`` as another kind of material, with its colors and what was said about its condition.

    Args:
        seed: of the irregularities; None keeps it.

    Raises:
        RequestError: there is no such family.
    """
    recipe = parameters.of(material)
    kept: dict[str, Any] = {parameters.FAMILY: family}
    if recipe is not None:
        for item in recipe.parameters:
            # Sizes and options mean something else for another family; what nobody said is for its own nature.
            if (item.attribute or item.name == "color") and item.source != "seed":
                kept[item.name] = item.json_value()
    changes = {} if seed is None else {"seed": seed}
    _tuner.order(material, parameters=kept, real_world_width=None, **changes)


def reseed(material: Any) -> None:
    """Draw ``material`` with the same values and other irregularities."""
    _tuner.order(material, seed=random_seed())


def material_of(context: Any) -> Any:
    """The material that a panel is about: the one a shader editor shows, or the active object's active one."""
    space = context.space_data
    if space is not None and space.type == "NODE_EDITOR" and isinstance(space.id, bpy.types.Material):
        return space.id
    obj = context.view_layer.objects.active if context.view_layer is not None else None
    return obj.active_material if obj is not None else None


def _draft(request: GenerationRequest, side: int) -> GenerationRequest:
    scale = min(1.0, side / max(request.width, request.height))
    width, height = (max(64, round(v * scale / SIZE_STEP) * SIZE_STEP) for v in (request.width, request.height))
    return request.replace(width=width, height=height, draft=True)


def _find(work: _Work) -> Any:
    material = by_uid(bpy.data.materials, work.name, work.uid)
    if material is not None:
        work.name = material.name
    return material


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _scratch() -> Path:
    # Blender removes it at its end.
    return Path(bpy.app.tempdir) / "texloom-tuned"


_tuner = Tuner()


def get() -> Tuner:
    """The one tuner of this Blender."""
    return _tuner


def _changed(material: Any) -> None:
    # In the background nobody turns the crank: there, and in scripts, drawing is asked for.
    if not bpy.app.background:
        _tuner.changed(material)


def _turn() -> bool:
    return _tuner.turn()


@persistent  # type: ignore[misc]
def _undone(*arguments: object) -> None:
    _tuner.check_all()
    locks.show(bpy.context.scene)


@persistent  # type: ignore[misc]
def _file_loaded(*arguments: object) -> None:
    _tuner.file_loaded()


@persistent  # type: ignore[misc]
def _before_save(*arguments: object) -> None:
    # A file is saved with the whole pictures if that is a matter of moments, and never with files that do not last.
    if not _tuner.finish(timeout=SAVE_SECONDS):
        print("Texloom: a material was still being drawn; the file holds a draft of it.")  # noqa: T201 - Blender's log
    for name in images.settle_all():
        print(f"Texloom: {name} could not be packed, its file is gone.")  # noqa: T201 - as above


def _handlers() -> list[tuple[list[Any], Any]]:
    handlers = bpy.app.handlers
    return [
        (handlers.undo_post, _undone),
        (handlers.redo_post, _undone),
        (handlers.load_post, _file_loaded),
        (handlers.save_pre, _before_save),
    ]


def register() -> None:
    """Hear of sliders, undo, loading and saving."""
    parameters.on_change.append(_changed)
    parameters.on_fill.append(_tuner.filled)
    bridge.get().extras.append(_turn)
    for listeners, handler in _handlers():
        listeners.append(handler)


def unregister() -> None:
    """Hear of nothing any more."""
    for listeners, handler in _handlers():
        if handler in listeners:
            listeners.remove(handler)
    if _turn in bridge.get().extras:
        bridge.get().extras.remove(_turn)
    if _changed in parameters.on_change:
        parameters.on_change.remove(_changed)
    if _tuner.filled in parameters.on_fill:
        parameters.on_fill.remove(_tuner.filled)
    _tuner.file_loaded()

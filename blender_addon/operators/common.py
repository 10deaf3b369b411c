# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from .. import trouble
from ..core.texloom.errors import RequestError, TexloomError
from ..translations import iface, message


def failed(operator: bpy.types.Operator, error: TexloomError) -> set[Any]:
    """End an operator with an error that says what went wrong and the way out."""
    return refused(operator, str(error))


def not_begun(operator: bpy.types.Operator, error: TexloomError) -> set[Any]:
    """The same for an error that kept a job from beginning: the panel goes on telling it, with what mends it."""
    trouble.note(error)
    return failed(operator, error)


def refused(operator: Any, *sentences: str) -> set[Any]:
    """End an operator with an error in sentences of the core, in the language of the interface."""
    operator.report({"ERROR"}, message(" ".join(sentences).strip()))
    return {"CANCELLED"}


def called(operator: Any, other: Callable[..., Any], *arguments: Any, **properties: Any) -> set[Any]:
    """Call another operator, as ``bpy.ops`` has it; what it refuses, this one refuses in the same words.

    An error that an operator reports is an exception for whoever calls it from Python; it would be shown to the user
    as a traceback.
    """
    try:
        return set(other(*arguments, **properties))
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        if lines and "Traceback" in lines[0]:
            lines = lines[-1:]  # what went wrong stands at its end
        # Blender has put the kind of each report before its words.
        translate: Any = bpy.app.translations.pgettext_tip
        for mark in ("Error: ", f"{translate('Error')}: "):
            lines = [line.removeprefix(mark) for line in lines]
        operator.report({"ERROR"}, "\n".join(lines))
        return {"CANCELLED"}


def show_folder(operator: Any, folder: Path, missing: str) -> set[Any]:
    """Show a folder in the file manager; when it is not there, end the operator with the error ``missing``."""
    if not folder.is_dir():
        operator.report({"ERROR"}, missing)
        return {"CANCELLED"}
    return called(operator, bpy.ops.wm.path_open, filepath=str(folder))


class Chooses:
    """An operator that lets the user choose in the file browser first."""

    def invoke(self, context: Any, event: Any) -> set[Any]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class ChoosesFolder(Chooses):
    """One that is about a folder; ``directory`` is the operator's own."""

    filter_folder: BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]


class AddsFiles(Chooses):
    """An operator that adds weights from files, one or several, to a list; ``filepath`` is the operator's own."""

    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.safetensors", options={"HIDDEN"})  # type: ignore[valid-type]

    def add(self, context: Any, file: str) -> None:
        """Put one file into the list; raises a :class:`TexloomError` where it cannot."""
        raise NotImplementedError

    def execute(self, context: Any) -> set[Any]:
        """Add what was chosen, up to the first that cannot be."""
        chosen: Any = self
        paths = [str(Path(chosen.directory) / item.name) for item in chosen.files if item.name]
        paths = paths or ([chosen.filepath] if chosen.filepath else [])
        try:
            if not paths:
                raise RequestError(iface("Choose a .safetensors file."))
            for path in paths:
                self.add(context, path)
        except TexloomError as error:
            return failed(chosen, error)
        return {"FINISHED"}

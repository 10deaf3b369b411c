# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipelines of one model: the one that was loaded, and those for other tasks with the very same parts."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import RequestError
from ..request import GenerationRequest
from .families import INPAINT, TEXT_TO_IMAGE, Family
from .folder_facts import Facts
from .model_folder import ModelFolder
from .pipelines import cannot, check_call, joined, main_task, pipeline_class
from .prompt_cache import PromptCache


class TaskPipelines:
    """Pipelines by task, made when they are first needed.

    Args:
        folder: the model.
        family: its adapter.
        facts: what the folder tells of it.
    """

    def __init__(self, folder: ModelFolder, family: Family, facts: Facts) -> None:
        self._folder = folder
        self._family = family
        self._facts = facts
        self._made: dict[str, Any] = {}
        self.main_task = main_task(folder)

    def wanted(self, request: GenerationRequest, name: str) -> str:
        """The task of a request.

        Raises:
            RequestError: the model, which people call ``name``, cannot do it.
        """
        if request.operation != "create":
            task = INPAINT
        else:
            own = self._family.follows_form and bool(request.controls)
            task = self._family.source_task if request.source or own else TEXT_TO_IMAGE
        if task not in self._facts.tasks:
            if self._facts.tasks == (INPAINT,) and request.source:
                raise RequestError(
                    f"operation: {name} only fills in parts of a picture.",
                    advice="Choose inpaint, outpaint or repair_seams.",
                )
            raise cannot(name, task)
        return task

    def get(self, task: str, loaded: Any, prompts: PromptCache | None) -> Any:
        """The pipeline for a task.

        Args:
            task: what it is to do.
            loaded: the pipeline whose parts it has.
            prompts: keeps what it reads.

        Raises:
            RequestError: the family has none.
        """
        if task == self.main_task:
            return loaded
        found = self._made.get(task)
        if found is None:
            kind = pipeline_class(self._folder, task)
            check_call(self._folder, dict(inspect.signature(kind.__call__).parameters), task)
            found = self._made[task] = joined(loaded, kind)
            self._family.prepare(found)
            if prompts is not None:
                prompts.attach(found)
        return found

    def clear(self) -> None:
        """The loaded pipeline is gone."""
        self._made.clear()

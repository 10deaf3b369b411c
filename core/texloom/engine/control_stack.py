# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks for controls beside a loaded pipeline: read when a request first wants them, kept for the next one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ..errors import RequestError
from . import controls
from .controls import Wanted
from .families import INPAINT, TEXT_TO_IMAGE
from .families.control_way import NAME
from .generator import Context
from .memory_keeper import MemoryKeeper
from .model_folder import ModelFolder
from .pipelines import check_call, joined, pipeline_class
from .prompt_cache import PromptCache


class ControlStack:
    """What is kept of the last request with controls.

    Args:
        pipeline: the model's, on its device.
        folder: the model's.
        name: what people call the model.
        memory: keeps the networks as its plan wants them.
        prompts: keeps what pipelines read.
    """

    def __init__(
        self, pipeline: Any, folder: ModelFolder, name: str, memory: MemoryKeeper, prompts: PromptCache
    ) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._name = name
        self._memory = memory
        self._prompts = prompts
        self._key: tuple[Path, ...] = ()
        self._module: Any = None
        self._hashes: dict[Path, dict[str, str]] = {}
        self._joined: dict[str, Any] = {}

    def use(self, found: Wanted, task: str, context: Context) -> tuple[Any, list[dict[str, Any]]]:
        """The pipeline for a task with these networks, and what the manifest says of the controls.

        Raises:
            RequestError: the family has no such pipeline.
            ModelInvalidError: a network cannot be read.
            CancelledError: while they are read; none is kept then.
            RuntimeError, MemoryError: too little memory; none is kept then.
        """
        check_task(found, task, self._name)
        key = tuple(network.path for network in found.networks)
        if key != self._key:
            self.drop()
            plan = self._memory.plan
            assert plan is not None
            module, self._hashes = controls.load(found, plan, context)
            self._memory.join(NAME, module)
            self._module, self._key = module, key
        pipeline = self._joined.get(task)
        if pipeline is None:
            kind = pipeline_class(self._folder, task, found.way.pipelines[task])
            check_call(self._folder, dict(inspect.signature(kind.__call__).parameters), task)
            pipeline = self._joined[task] = joined(self._pipeline, kind, **{NAME: self._module})
            self._prompts.attach(pipeline)
        return pipeline, controls.facts_of(found, self._hashes)

    def drop(self) -> None:
        """Let go of the networks; their memory is free once no picture is drawn with them."""
        self._joined.clear()
        self._memory.leave(NAME)
        self._module, self._key, self._hashes = None, (), {}


def check_task(found: Wanted, task: str, name: str) -> None:
    """Raise ``RequestError`` unless a model of that name has a pipeline for a task with these networks."""
    if task in found.way.pipelines:
        blind = next((n for n in found.networks if task == INPAINT and not n.way.sees_masks(n.config)), None)
        if blind is None:
            return
        raise RequestError(
            f"controls: {blind.name} does not see which parts of a picture are filled in.",
            advice="Choose a newer version of this network, or leave the controls out.",
        )
    if task == INPAINT:
        message = f"controls: {name} follows no form while it fills in parts of a picture."
    elif task == TEXT_TO_IMAGE:
        message = f"controls: {name} follows no form while it draws from words alone."
    else:
        message = f"controls: {name} follows no form while it draws over a picture."
    raise RequestError(message, advice="Leave the picture or the controls out, or choose another model.")

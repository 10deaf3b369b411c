# SPDX-License-Identifier: GPL-3.0-or-later
"""Which class of diffusers does what with a folder's parts, and joining the same parts for another task."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ..errors import ModelInvalidError, RequestError
from .families import IMAGE_TO_IMAGE, INPAINT, TASKS, TEXT_TO_IMAGE, family_of
from .from_latents import from_picture
from .model_folder import Component, ModelFolder

_TABLES: Final = {
    TEXT_TO_IMAGE: "AUTO_TEXT2IMAGE_PIPELINES_MAPPING",
    IMAGE_TO_IMAGE: "AUTO_IMAGE2IMAGE_PIPELINES_MAPPING",
    INPAINT: "AUTO_INPAINT_PIPELINES_MAPPING",
}


def main_task(folder: ModelFolder) -> str:
    """What a folder's model is made for: text to image where it can, else the first of its tasks."""
    tasks = family_of(folder).tasks(folder)
    return next((task for task in TASKS if task in tasks), TEXT_TO_IMAGE)


def pipeline_class(folder: ModelFolder, task: str = TEXT_TO_IMAGE, name: str = "") -> Any:
    """The class for a task with the folder's parts, which the folder itself may name another one for.

    Args:
        folder: the model.
        task: what it is to do.
        name: of the class, where it is known already.

    Raises:
        RequestError: there is none for that task.
        ModelInvalidError: this version of diffusers lacks it, or a package that it needs.
    """
    import diffusers
    from diffusers.pipelines import auto_pipeline

    # The adapters know more than diffusers' own tables, and old names.
    family = family_of(folder)
    name = name or family.tasks(folder).get(task, "")
    if not name and family.pipelines and task != TEXT_TO_IMAGE:
        raise cannot(folder.class_name, task)
    if not name:
        try:
            return auto_pipeline._get_task_class(getattr(auto_pipeline, _TABLES[task]), folder.class_name)
        except (ValueError, KeyError) as error:
            if task != TEXT_TO_IMAGE:
                raise cannot(folder.class_name, task) from error
            name = folder.class_name  # not every text-to-image pipeline is in that table
    kind = family.own_class(name) or getattr(diffusers, name, None)
    # diffusers has stand-ins for classes whose packages are missing.
    check_packages(folder.path, getattr(kind, "_backends", ()))
    if not inspect.isclass(kind) or not issubclass(kind, diffusers.DiffusionPipeline):
        raise ModelInvalidError(
            f"{folder.path} needs the pipeline {name}, which this version of diffusers does not have.",
            advice="Update the engine, or choose another model.",
        )
    return from_picture(kind, family) if task == IMAGE_TO_IMAGE and family.begins else kind


def cannot(name: str, task: str) -> RequestError:
    """The error for a task that a model is not made for."""
    advice = "texloom models lists which models can; choose one of them."
    if task == INPAINT:
        return RequestError(f"operation: {name} cannot fill in parts of a picture.", advice=advice)
    return RequestError(f"source: the model {name} starts from no picture.", advice=advice)


def joined(pipeline: Any, kind: Any, **more: Any) -> Any:
    """A pipeline of class ``kind`` with the very parts of another, and ``more``: nothing is loaded or copied."""
    wanted = inspect.signature(kind.__init__).parameters
    settings = {name: value for name, value in pipeline.config.items() if name in wanted and not _is_part(value)}
    parts = {name: part for name, part in pipeline.components.items() if name in wanted}
    result = kind(**settings | parts | more)
    result.set_progress_bar_config(disable=True)
    return result


def _is_part(value: object) -> bool:
    # A part stands in a pipeline's configuration as (library, class).
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(x is None or isinstance(x, str) for x in value)


def check_packages(path: Path, names: Iterable[str]) -> None:
    """Raise ``ModelInvalidError`` unless these packages are installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelInvalidError(
            f"{path} needs the package {', '.join(missing)}, which the engine does without.",
            advice=f"Install it into the engine's Python (pip install {' '.join(missing)}), or choose another model.",
        )


def check_call(folder: ModelFolder, parameters: dict[str, inspect.Parameter], task: str) -> None:
    """Whether a pipeline can be called for a task as all others are.

    Raises:
        ModelInvalidError: it wants something that nobody knows.
    """
    needed = {"prompt", "num_inference_steps", "generator", "output_type"}
    given = needed | {"self", "image", "mask_image", "control_image"}
    if task == TEXT_TO_IMAGE:
        needed |= {"width", "height"}
    others = [
        name
        for name, parameter in parameters.items()
        if name not in given
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    ]
    if not needed <= set(parameters) or others or "num_frames" in parameters:
        raise ModelInvalidError(
            f"{folder.path} holds a {folder.class_name}, which makes no pictures from text alone.",
            advice="Choose a text-to-image model.",
        )


def part_class(item: Component) -> Any:
    """The class of one part.

    Raises:
        ModelInvalidError: the installed libraries lack it.
    """
    library = item.library if item.library in ("diffusers", "transformers") else f"diffusers.pipelines.{item.library}"
    found = getattr(importlib.import_module(library), item.class_name, None)
    if found is None:
        raise ModelInvalidError(
            f"The part {item.name} needs {item.library}.{item.class_name}, which is not in the installed version.",
            advice="Update the engine, or choose another model.",
        )
    return found

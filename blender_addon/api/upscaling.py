# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, results and materials with more pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import image_jobs, upscaling
from .. import target as targets
from ..core.texloom.errors import RequestError
from ..core.texloom.storage import MANIFEST_NAME
from .generation import Generated, Job, LoraFile, lora_stack, waited


def submit_upscale(
    source: bpy.types.Image | bpy.types.Material | str | Path,
    factor: float = 2.0,
    *,
    model: str = "image",
    index: int = 0,
    in_place: bool = False,
    loras: Sequence[LoraFile] = (),
    **options: Any,
) -> Job:
    """Queue a job that makes something larger and return at once.

    Args:
        source: an image of the file; the path of a picture; a material that Texloom made; or the folder of a result,
            all of whose maps become larger.  The larger result is one of its own in the library; materials that show
            the smaller one show it then, with sliders, nodes and real size as they are.
        factor: how many times as many pixels each way, above 1 and at most 4; up to 8192 pixels a side are made.
        model: ``image`` for the small network that comes with Texloom; or a model that draws over a picture, which
            adds detail of its own to the picture or the base color.
        index: which variation of a result.
        in_place: what uses the image of the file uses the larger one from then on.
        loras: LoRA files that change the model, or pairs of file and weight.
        **options: ``tile`` and ``maps``, and further fields of ``GenerationRequest``: prompt, seed, steps, strength …

    Raises:
        RequestError: it cannot be made larger, or an argument is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    if loras:
        options["loras"] = lora_stack(loras)
    options["model"] = model
    if in_place and not isinstance(source, bpy.types.Image):
        raise RequestError("in_place: only an image of the file can be replaced.")
    if isinstance(source, bpy.types.Material):
        return Job(upscaling.submit_material(source, factor, **options))
    if not isinstance(source, bpy.types.Image):
        path = Path(bpy.path.abspath(str(source))).absolute()
        if path.is_dir() or path.name == MANIFEST_NAME:
            folder = path if path.is_dir() else path.parent
            return Job(upscaling.submit_result(folder, index, factor, **options))
    placement = targets.capture(bpy.context, output="IMAGE", objects=[])
    if isinstance(source, bpy.types.Image):
        placement = image_jobs.made_from(placement, source, replace_users=in_place, made="upscaled")
    return Job(upscaling.submit_image(source, placement, factor, **options))


def upscale(
    source: bpy.types.Image | bpy.types.Material | str | Path,
    factor: float = 2.0,
    *,
    timeout: float | None = None,
    **options: Any,
) -> Generated:
    """Make something larger, waited for; arguments as :func:`submit_upscale`, errors as :func:`generate`."""
    return waited(submit_upscale(source, factor, **options), timeout)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures changed by words: parts of them, their sides, their seams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import image_jobs
from .. import target as targets
from ..controls import stack as control_stack
from ..core.texloom.errors import RequestError
from ..scene import masks
from .generation import Generated, Job, LoraFile, check, lora_stack, waited

_MADE = {"inpaint": "edited", "outpaint": "extended", "repair_seams": "seamless"}


def submit_edit(
    image: bpy.types.Image | str | Path,
    prompt: str,
    *,
    model: str,
    operation: str = "inpaint",
    mask: bpy.types.Image | str | Path | None = None,
    in_place: bool = False,
    loras: Sequence[LoraFile] = (),
    store: str | None = None,
    **options: Any,
) -> Job:
    """Queue a job that changes a picture by words and return at once; the result is a new image.

    Args:
        image: an image of the file, as it is now and also unsaved, or the path of a picture.
        prompt: what is to be seen.
        model: one that fills in parts of pictures.
        operation: ``inpaint`` (masked parts), ``outpaint`` (sides that grow) or ``repair_seams``.
        mask: for ``inpaint``, white where something new is drawn, or an image of :func:`paint_mask`; default the
            transparent places of ``image``.
        in_place: what uses the image of the file uses the new one from then on.
        loras: LoRA files that change the model, or pairs of file and weight.
        store: as :func:`submit`.
        **options: ``tile``, ``size`` and ``expand`` (left, right, top, bottom in parts of a side, for ``outpaint``),
            and further fields of ``GenerationRequest``: seed, steps, strength, style_image (also an image of the
            file), style_strength, embeddings …

    Raises:
        RequestError: nothing can be made of the picture, or an argument is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    check("operation", operation, tuple(_MADE))
    check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    placement = targets.capture(bpy.context, output="IMAGE", objects=[]).replace(store=store)
    if isinstance(image, bpy.types.Image):
        placement = image_jobs.made_from(placement, image, replace_users=in_place, made=_MADE[operation])
    elif in_place:
        raise RequestError("in_place: only an image of the file can be replaced.")
    if loras:
        options["loras"] = lora_stack(loras)
    if options.get("controls"):
        options["controls"] = control_stack(options["controls"])
    entry = image_jobs.submit_edit(image, placement, prompt, model=model, operation=operation, mask=mask, **options)
    return Job(entry)


def inpaint(
    image: bpy.types.Image | str | Path, prompt: str, *, timeout: float | None = None, **options: Any
) -> Generated:
    """Draw parts of a picture anew, waited for; arguments as :func:`submit_edit`, errors as :func:`generate`."""
    return waited(submit_edit(image, prompt, operation="inpaint", **options), timeout)


def extend(
    image: bpy.types.Image | str | Path,
    prompt: str,
    *,
    left: float = 0.0,
    right: float = 0.0,
    top: float = 0.0,
    bottom: float = 0.0,
    timeout: float | None = None,
    **options: Any,
) -> Generated:
    """Make a picture larger at its sides, each in parts of its width or height; as :func:`inpaint`."""
    sides = (left, right, top, bottom)
    return waited(submit_edit(image, prompt, operation="outpaint", expand=sides, **options), timeout)


def repair_seams(
    image: bpy.types.Image | str | Path,
    prompt: str = "seamless texture",
    *,
    timeout: float | None = None,
    **options: Any,
) -> Generated:
    """Draw a picture anew where its sides meet, so that it repeats both ways, or as ``tile``; as :func:`inpaint`."""
    return waited(submit_edit(image, prompt, operation="repair_seams", **options), timeout)


def paint_mask(image: bpy.types.Image) -> bpy.types.Image:
    """A copy of an image for a mask: what is painted over, in any color, is what :func:`inpaint` draws.

    Raises:
        RequestError: nothing can be made of the image.
    """
    return masks.make(image)

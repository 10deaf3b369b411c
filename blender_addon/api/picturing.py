# SPDX-License-Identifier: GPL-3.0-or-later
"""From pictures: PBR materials, images that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import image_jobs
from .. import target as targets
from .generation import Generated, Job, check, waited


def submit_image(
    image: bpy.types.Image | str | Path,
    *,
    make: str = "MATERIAL",
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str | None = None,
    tile: str = "xy",
    size: int | tuple[int, int] | None = None,
    even_light: bool = True,
    replace_users: bool = False,
    slot: str | None = None,
    store: str | None = None,
    displacement: str | None = None,
    **options: Any,
) -> Job:
    """Queue a job that starts from a picture and return at once.

    Args:
        image: an image of the file, as it is now and also unsaved, or the path of a PNG, JPEG, TIFF, WebP or BMP.
        make: ``MATERIAL`` for PBR maps, ``SEAMLESS`` for an image that repeats.
        target: object or objects for the material; default the selection.
        output: ``MATERIAL``, or ``IMAGE`` for the maps as images only.
        tile: directions in which it is to repeat: ``xy``, ``x``, ``y`` or ``none``.
        size: pixels of the longer side, or (width, height); default as the picture has.
        even_light: level light that changes slowly over the picture.
        replace_users: for ``SEAMLESS`` of an image of the file: what uses it uses the new one from then on.
        slot, store, displacement: as :func:`submit`.
        **options: further fields of ``GenerationRequest``: maps, prompt (the name), and real_world_width, here the
            width in metres of everything that the picture shows (default 1).

    Raises:
        RequestError: nothing can be made of the picture, or an argument is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    check("make", make, ("MATERIAL", "SEAMLESS"))
    output = output or ("MATERIAL" if make == "MATERIAL" else "IMAGE")
    check("output", output, ("MATERIAL", "IMAGE") if make == "MATERIAL" else ("IMAGE",))
    check("slot", slot, (None, "ACTIVE", "NEW", "ALL"))
    check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    check("displacement", displacement, (None, "BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context, output=output, objects=list(objects) if objects is not None else None
    ).replace(slot=slot, store=store, displacement=displacement)
    if make == "SEAMLESS" and isinstance(image, bpy.types.Image):
        placement = image_jobs.made_from(placement, image, replace_users=replace_users)
    kind = "material" if make == "MATERIAL" else "texture"
    return Job(image_jobs.submit(image, placement, kind=kind, tile=tile, size=size, even_light=even_light, **options))


def maps_from_image(image: bpy.types.Image | str | Path, *, timeout: float | None = None, **options: Any) -> Generated:
    """A PBR material of a picture, waited for; arguments as :func:`submit_image`, errors as :func:`generate`."""
    return waited(submit_image(image, make="MATERIAL", **options), timeout)


def make_seamless(image: bpy.types.Image | str | Path, *, timeout: float | None = None, **options: Any) -> Generated:
    """An image that repeats without a seam, waited for; as :func:`maps_from_image`."""
    return waited(submit_image(image, make="SEAMLESS", **options), timeout)

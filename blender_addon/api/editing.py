# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials that are in the scene already: other values, other maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import parameters
from .. import target as targets
from .. import tune as tuning
from ..core.texloom import api as engine_api
from ..core.texloom.errors import ErrorCode, RequestError
from ..scene.result import ResultImages
from .generation import Generated


def tune(
    material: bpy.types.Material | str,
    *,
    family: str | None = None,
    seed: int | None = None,
    timeout: float | None = None,
    **values: Any,
) -> None:
    """Draw an instant material again with other values of its parameters; the same images, the same size.

    In the background it waits until they are drawn; in a window it returns at once, and they follow.

    Args:
        material: a material or its name.
        family: make another kind of material of it, with the colors and conditions that were said or set; ``values``
            are set before.
        seed: of the irregularities.
        timeout: seconds to wait at most in the background.
        **values: parameters by name: numbers (metres for sizes), ``#rrggbb``, names of options.

    Raises:
        RequestError: it is no instant material, has no such parameter, or a value is out of range.
        JobFailedError: the engine could not draw it.
        TimeoutError: it was not drawn within ``timeout`` seconds.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if parameters.of(found) is None:
        raise RequestError(f"material: {material} is no material of the instant model.")
    parameters.set_values(found, values)
    tuner = tuning.get()
    if family is not None:
        tuning.change_family(found, family, seed)
    elif seed is not None:
        tuner.order(found, seed=seed)
    else:
        tuner.changed(found)
    if bpy.app.background:
        if not tuner.finish(found, timeout):
            raise TimeoutError(f"The material was not drawn within {timeout:g} seconds.")
        if problem := tuner.problem(found):
            raise engine_api.JobFailedError(problem, code=ErrorCode.INTERNAL)


def replace(material: bpy.types.Material | str, folder: str | Path, index: int = 0) -> Generated:
    """Show the maps of another result in a material that Texloom made; the material stays the same datablock.

    Its node tree, with nodes and links of your own, stays as well.  Sliders that were moved keep their values, the
    others, real size and height of the relief follow the new maps.

    Args:
        material: the material or its name; with sliders, so made by this version of Texloom.
        folder: the result on disk.
        index: its variation.

    Raises:
        RequestError: there is no such material, it has no sliders, or it is linked from another file.
        StorageError: the result is missing or damaged.  Nothing has changed then.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if found is None:
        raise RequestError(f"material: there is none named {material!r}.")
    built = targets.replace_maps(found, ResultImages.from_manifest(Path(folder), index))
    return Generated(
        folder=Path(folder),
        images=tuple(built.images),
        material=built.material,
        messages=tuple(built.messages),
    )

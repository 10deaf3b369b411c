# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees the maps behind a picture: the shipped network, and Marigold's models where the settings name some."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import settings
from ..shortage import MAY_SAY
from . import device as devices
from . import map_estimator
from .map_estimator import Estimated
from .marigold import Marigold

_kept: dict[tuple[str, ...], Marigold] = {}
"""The models that were used last, by the folders that the settings named; one at most."""
_in_use = threading.RLock()
"""Held while they look at a picture, which a thread of the writer's has them do."""
_ask: list[Callable[[], bool]] = []
"""Whoever may make room for them; the last one counts."""


def estimate(
    rgb: Tensor,
    tile_width_m: float,
    *,
    tile_x: bool,
    tile_y: bool,
    check: Callable[[], None] = lambda: None,
    warn: Callable[..., None] = lambda *arguments, **named: None,
) -> tuple[Estimated, dict[str, Any]]:
    """Maps of a picture [3, H, W], sRGB, 0 to 1, on its device; and what the manifest says of who saw them.

    Args:
        rgb: the picture.
        tile_width_m: metres across.
        tile_x, tile_y: whether the picture repeats.
        check: called between pieces; may raise to stop.
        warn: as of :class:`~.generator.Context`; told when there is too little memory for Marigold's models, also
            when whoever may make room (:func:`may_ask`) has done so, and the small network's maps are taken.

    Raises:
        ModelNotFoundError, ModelInvalidError: a model that is set is missing or damaged.
    """
    found = map_estimator.estimate(rgb, tile_width_m, tile_x=tile_x, tile_y=tile_y, check=check)
    shipped = map_estimator.shipped()
    facts: dict[str, Any] = {"estimator": shipped.files() if shipped.available else "brightness"}
    with _in_use:
        large = marigold()
        if large is not None:

            def refined() -> Estimated | None:
                try:
                    return large.refine(rgb, found, tile_width_m, tile_x=tile_x, tile_y=tile_y, check=check)
                except MAY_SAY as error:
                    if not devices.is_out_of_memory(error):
                        raise
                # Out here, where the exception holds nothing any more.
                large.unload()
                devices.give_back(str(rgb.device))
                return None

            better = refined()
            if better is None and _ask and _ask[-1]():
                better = refined()
            if better is not None:
                found, facts["marigold"] = better, large.files()
            else:
                warn(
                    "map_models_memory",
                    "There was too little memory for the Marigold models: the small network has seen the maps.",
                    advice="Choose a smaller size or a smaller model, or close other programs.",
                )
    return found, facts


@contextlib.contextmanager
def may_ask(make_room: Callable[[], bool]) -> Iterator[None]:
    """Within the block ``make_room`` is called once a picture when memory runs out; it says whether it freed any."""
    _ask.append(make_room)
    try:
        yield
    finally:
        _ask.remove(make_room)


def marigold() -> Marigold | None:
    """The models that the settings name, kept from picture to picture; None where they name none."""
    folders = tuple(settings.in_effect().map_model_list)
    with _in_use:
        if folders not in _kept:
            _kept.clear()
            if folders:
                _kept[folders] = Marigold([Path(folder).expanduser() for folder in folders])
        return _kept.get(folders)


def in_memory() -> bool:
    """Whether weights of theirs are in memory."""
    return any(large.loaded for large in _kept.values())


def unload() -> None:
    """Free the memory of the large models, unless one looks at a picture now; they are read again when needed."""
    if not _in_use.acquire(blocking=False):
        return
    try:
        for large in _kept.values():
            large.unload()
    finally:
        _in_use.release()

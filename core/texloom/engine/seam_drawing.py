# SPDX-License-Identifier: GPL-3.0-or-later
"""Seams that show are drawn anew by the model itself, as parts of a picture are, where it can do that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RequestError
from ..request import GenerationRequest
from . import seam_repair, style
from .beginning import Beginning
from .drawing import Drawing, LoadedModel
from .families import INPAINT
from .folder_facts import Facts
from .generator import Context
from .operations import across_seams


class SeamDrawing:
    """Repairs the seams of one model's pictures.

    Args:
        facts: the model's.
        beginning: as it begins to draw.
        model: gives it as it is loaded now.
        pipeline_for: gives its pipeline for a task; raises ``RequestError`` where it has none.
    """

    def __init__(
        self, facts: Facts, beginning: Beginning, model: Callable[[], LoadedModel], pipeline_for: Callable[[str], Any]
    ) -> None:
        self._facts = facts
        self._beginning = beginning
        self._model = model
        self._pipeline_for = pipeline_for

    def repaired(
        self, pixels: NDArray[np.uint8], request: GenerationRequest, index: int, seed: int, context: Context
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """The picture with its seams drawn anew where they show, and what the manifest says of it."""
        return seam_repair.repaired(
            pixels,
            (request.tile_x, request.tile_y),
            self._step,
            lambda axes: self._drawn(pixels, request, axes, index, seed, context),
            context,
        )

    def ratios(self, pixels: NDArray[np.uint8]) -> dict[str, float | None]:
        """See :func:`.seam_repair.ratios`."""
        return seam_repair.ratios(pixels, self._step)

    @property
    def _step(self) -> int:
        return self._facts.family.size_step(self._facts.folder)

    def _drawn(
        self,
        pixels: NDArray[np.uint8],
        request: GenerationRequest,
        axes: tuple[bool, bool],
        index: int,
        seed: int,
        context: Context,
    ) -> NDArray[np.uint8] | None:
        """The picture with its seams drawn anew; None where the model cannot do that."""
        if INPAINT not in self._facts.tasks:
            return None
        try:
            pipeline = self._pipeline_for(INPAINT)
        except RequestError:
            return None
        model = self._model()
        if model.style is not None and model.style.active and not style.taken(pipeline):
            return None
        # What it starts from is at hand; the request only has to name something.
        job = request.replace(
            operation="repair_seams",
            source=request.source or model.info.id,
            strength=None,
            preview_interval=0,
            controls=(),
        )
        whole, start = self._beginning.masked(job, across_seams(pixels, *axes), 1.0, context)
        drawing = Drawing(model, pipeline, INPAINT, job, context, whole, start)
        return drawing.picture(index, seed, stage="Repairing the seam")

# SPDX-License-Identifier: GPL-3.0-or-later
"""A request that a model is ready to draw, and what is said of the pictures that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..request import GenerationRequest
from . import material_plan
from .drawing import Drawing
from .drawn_frame import drawn_frame
from .families import Family
from .generator import GeneratedImage, GeneratorInfo, Pixels
from .material_plan import Plans, tile_width
from .memory_estimate import Part
from .memory_plan import Demand
from .model_folder import ModelFolder
from .wrapped_context import Frame


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A request that can be drawn; ``started`` says whether it starts from a picture, ``loras`` what changes it.

    ``controls`` is what it follows, ``added`` what the manifest says of its style and its learned words.
    """

    drawing: Drawing
    demand: Demand
    started: bool
    loras: list[dict[str, Any]]
    controls: list[dict[str, Any]]
    added: dict[str, Any]

    def facts(self, together: int) -> dict[str, Any]:
        """What the manifest says of pictures of which so many are drawn at a time."""
        drawing = self.drawing
        facts: dict[str, Any] = {"steps": drawing.steps, "guidance_scale": drawing.guidance}
        if together > 1:
            facts["together"] = together
        if self.started:
            facts["strength"] = drawing.strength
        if self.loras:
            facts["loras"] = self.loras
        if self.controls:
            facts["controls"] = self.controls
        return facts | self.added


def pictured(
    request: GenerationRequest,
    index: int,
    seed: int,
    maps: dict[str, Pixels],
    heights_m: tuple[float, float],
    details: Mapping[str, Any],
    plans: Plans | None = None,
) -> GeneratedImage:
    """Variation ``index`` of a request; ``heights_m`` are the lowest and the highest point, ``plans`` what it shows."""
    plan = None if plans is None else plans.each[index]
    width_m = tile_width(request, plan)
    known: dict[str, Any] = {}
    if plans is not None and plan is not None:
        known["parameters"] = {"family": plan.family.name, **plan.family.to_json(plan.values)}
        details = {**details, **material_plan.details(plans.prompt, plans.reading, plan), **plan.style}
    return GeneratedImage(
        index=index,
        seed=seed,
        maps=maps,
        height_min_m=heights_m[0],
        height_max_m=heights_m[1],
        tile_width_m=width_m,
        tile_height_m=width_m * request.height / request.width,
        # What the request left to the model.
        details=dict(details),
        **known,
    )


def demand_of(
    request: GenerationRequest | None,
    whole: Frame | None,
    *,
    info: GeneratorInfo,
    family: Family,
    folder: ModelFolder,
    side: int,
    extra: tuple[Part, ...],
) -> Demand:
    """What a request draws; without one, or for parts of a picture, what the model is made for.

    Args:
        request: None: not known yet.
        whole: what is drawn, where that is known.
        info: the model.
        family: its adapter.
        folder: where it is.
        side: what it likes to draw.
        extra: networks that the request adds.
    """
    guidance = info.default_guidance_scale
    wraps = True
    if request is not None:
        wraps = request.tile_x or request.tile_y
        guidance = request.guidance_scale if request.guidance_scale is not None else guidance
        if whole is None and request.operation == "create":
            whole = drawn_frame(request, family, folder).frame
    whole = whole or Frame(width=side, height=side)
    compares = guidance is not None and family.uses_negative_prompt(guidance)
    return Demand(
        width=whole.full_width,
        height=whole.full_height,
        decoded_width=whole.width,
        decoded_height=whole.height,
        batch=2 if compares else 1,
        wraps=wraps,
        encodes=request is not None and bool(request.source or request.controls),
        extra=extra,
    )

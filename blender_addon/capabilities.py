# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model can do and which settings it heeds, so that the panel shows no others.

What is not known is taken for possible: the engine says so when it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .core.texloom import catalog_rows, learned_words, style_models
from .core.texloom.catalog_rows import CatalogRow


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a model heeds.

    Attributes:
        steps, guidance, negative, strength: whether the setting has an effect.
        draws: from words alone.
        starts: from a whole picture.
        fills: parts of a picture, which inpainting, outpainting and repairing seams need.
        loras: takes LoRAs.
        controls: follows pictures of a form.
        upscales: draws over a picture with little strength; editors see it beside the one that they draw.
        look: takes a style from a picture.
        words: reads learned words.
        default_steps, default_guidance: the model's own; None where not known.
    """

    steps: bool = True
    guidance: bool = True
    negative: bool = True
    strength: bool = True
    draws: bool = True
    starts: bool = True
    fills: bool = True
    loras: bool = True
    controls: bool = True
    upscales: bool = True
    look: bool = True
    words: bool = True
    default_steps: int | None = None
    default_guidance: float | None = None


UNKNOWN: Final = Capabilities()

INSTANT: Final = Capabilities(
    steps=False,
    guidance=False,
    strength=False,
    starts=False,
    fills=False,
    loras=False,
    controls=False,
    upscales=False,
    words=False,
)

LEARNED: Final = replace(INSTANT, steps=True, guidance=True, loras=True)
"""Of the built-in model that paints over what the instant one would draw."""


def of_row(row: CatalogRow) -> Capabilities:
    """Of a row of the catalogue."""
    return Capabilities(
        guidance=row.guided,
        negative=row.negative,
        strength="image_to_image" in row.abilities,
        draws=row.text_to_image,
        starts="image_to_image" in row.abilities or "edit" in row.abilities,
        fills="inpaint" in row.abilities,
        loras="lora" in row.abilities,
        controls="control" in row.abilities,
        upscales="image_to_image" in row.abilities and "edit" not in row.abilities,
        look="ip_adapter" in row.abilities and row.family in style_models.families(),
        words=any(row.family in found for found in learned_words.FAMILIES.values()),
        default_steps=row.steps,
        default_guidance=row.guidance if row.guided else None,
    )


def of_pipeline(pipeline: str) -> Capabilities:
    """Of a folder of somebody's own, by the class of its pipeline: what any model of that class can do."""
    rows = [row for row in catalog_rows.rows() if row.pipeline == pipeline]
    if not rows:
        return UNKNOWN
    each = [of_row(row) for row in rows]
    return Capabilities(
        guidance=any(item.guidance for item in each),
        negative=any(item.negative for item in each),
        strength=any(item.strength for item in each),
        draws=any(item.draws for item in each),
        starts=any(item.starts for item in each),
        fills=any(item.fills for item in each),
        loras=any(item.loras for item in each),
        controls=any(item.controls for item in each),
        upscales=any(item.upscales for item in each),
        look=any(item.look for item in each),
        words=any(item.words for item in each),
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from family to family of diffusers' image models: one small adapter file each.

Everything else (loading, previews, cancelling, tiling) is the same code for all of them.
"""

from __future__ import annotations

from typing import Final

from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TASKS, TEXT_TO_IMAGE, Defaults, Drawn, Family
from .chroma import Chroma
from .ernie_image import ErnieImage
from .flux import Flux, FluxControl, FluxFill
from .flux2 import Flux2, Flux2Klein
from .flux3 import Flux3
from .krea2 import Krea2
from .learned import Learned
from .lumina2 import Lumina2
from .pixart import PixArtSigma
from .prx import Prx
from .qwen_image import QwenImage, QwenImage21, QwenImageEdit
from .sana import Sana, SanaSprint
from .stable_diffusion import Kolors, StableDiffusion, StableDiffusionXL
from .stable_diffusion_3 import StableDiffusion3
from .z_image import ZImage

__all__ = [
    "CONTROL",
    "FAMILIES",
    "GENERIC",
    "IMAGE_TO_IMAGE",
    "INPAINT",
    "TASKS",
    "TEXT_TO_IMAGE",
    "Defaults",
    "Drawn",
    "Family",
    "by_id",
    "family_of",
]

FAMILIES: Final[tuple[Family, ...]] = (
    StableDiffusion(),
    StableDiffusionXL(),
    Kolors(),
    StableDiffusion3(),
    Flux(),
    FluxFill(),
    FluxControl(),
    Flux2(),
    Flux2Klein(),
    Flux3(),
    ZImage(),
    QwenImage(),
    QwenImage21(),
    QwenImageEdit(),
    Learned(),
    Sana(),
    SanaSprint(),
    Lumina2(),
    PixArtSigma(),
    ErnieImage(),
    Krea2(),
    Prx(),
    Chroma(),
)

GENERIC: Final = Family()
"""For pipelines that no adapter knows: what their own signature and configuration tell."""


def family_of(folder: ModelFolder) -> Family:
    """The adapter for a folder, mostly by the name of its pipeline; :data:`GENERIC` when there is none."""
    for family in FAMILIES:
        if family.claims(folder):
            return family
    return GENERIC


def by_id(name: str) -> Family:
    """The adapter of that name.

    Raises:
        KeyError: there is none.
    """
    if name == GENERIC.id:
        return GENERIC
    return {family.id: family for family in FAMILIES}[name]

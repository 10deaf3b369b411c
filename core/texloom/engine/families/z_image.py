# SPDX-License-Identifier: GPL-3.0-or-later
"""Z-Image: a transformer that takes a list of pictures, with Qwen3 reading English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family


class ZImage(Family):
    """Z-Image and its Turbo.  Its guidance adds to the prompt's own direction, so 0 is off."""

    id = "z-image"
    name = "Z-Image"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "ZImagePipeline",
        IMAGE_TO_IMAGE: "ZImageImg2ImgPipeline",
        INPAINT: "ZImageInpaintPipeline",
        CONTROL: "ZImageControlNetPipeline",
    }
    guidance_off = 0.0

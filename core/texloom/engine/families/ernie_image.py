# SPDX-License-Identifier: GPL-3.0-or-later
"""ERNIE-Image: FLUX.2's autoencoder, a transformer of one stream, and Mistral 3 for the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Family, encoded
from .flux2 import by_batch_norm, from_batch_norm

_EPSILON: Final = 1e-5  # what its pipeline takes instead of the configuration's


class ErnieImage(Family):
    """ERNIE-Image and its Turbo.

    The language model that would first write a longer prompt is left out: it draws lots, so a seed would no longer
    mean one picture, and it takes 3 billion parameters more.
    """

    id = "ernie-image"
    name = "ERNIE-Image"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "ErnieImagePipeline", IMAGE_TO_IMAGE: "ErnieImagePipeline"}
    begins = True
    unused = (*Family.unused, "pe", "pe_tokenizer")

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return from_batch_norm(pipeline, latents, _EPSILON)

    def begun(self, pipeline: Any, picture: Tensor) -> Tensor:
        """See ``Family``."""
        return by_batch_norm(pipeline, encoded(pipeline.vae, picture), _EPSILON)

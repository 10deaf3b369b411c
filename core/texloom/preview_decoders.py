# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny autoencoders (TAESD, github.com/madebyollin/taesd) that previews are decoded with where they are there.

Each stands in for the decoder of one autoencoder, which its latents tell, whatever the family that uses it.  They are
optional: 5 to 10 MB, loaded like models (``texloom models download madebyollin/taesdxl``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import catalog_rows, model_store
from .catalog_rows import CatalogRow

LICENCE: Final = "MIT"
WEIGHTS: Final = "diffusion_pytorch_model.safetensors"

_TOLERANCE: Final = 1e-3
_BILLIONS: Final = 0.00245


def for_autoencoder(config: Mapping[str, Any]) -> str:
    """The hub id of the tiny one for an ``AutoencoderKL`` of that configuration; "" where there is none."""
    channels, scale = config.get("latent_channels", 4), config.get("scaling_factor", 0.18215)
    if not isinstance(scale, (int, float)):
        return ""
    for hub, (own_channels, own_scale) in _LATENTS.items():
        if channels == own_channels and abs(scale - own_scale) < _TOLERANCE:
            return hub
    return ""


def find(hub: str) -> Path | None:
    """Its folder in a model folder or in Hugging Face's cache, or None."""
    return model_store.find(hub, file=WEIGHTS)


def download_row(hub: str) -> CatalogRow | None:
    """The row for a download of that one; None where it is none of these."""
    if hub not in _LATENTS:
        return None
    return catalog_rows.beside(
        key=hub,
        name=hub.split("/")[1].upper(),
        hub=hub,
        part="preview_decoder",
        licence=LICENCE,
        commercial="yes",
        gated="no",
        billions=_BILLIONS,
        bytes_per_weight=4.0,
        # The repositories hold the same weights in their makers' layout, too.
        only=("config.json", WEIGHTS, "README.md", "LICENSE*"),
        file=WEIGHTS,
    )


def hubs() -> tuple[str, ...]:
    """All of them, by hub id."""
    return tuple(_LATENTS)


_LATENTS: Final[Mapping[str, tuple[int, float]]] = {
    "madebyollin/taesd": (4, 0.18215),  # Stable Diffusion 1 and 2
    "madebyollin/taesdxl": (4, 0.13025),  # SDXL, Kolors, PixArt-Σ
    "madebyollin/taesd3": (16, 1.5305),
    "madebyollin/taef1": (16, 0.3611),  # FLUX.1, Chroma, Z-Image, Lumina 2
}
"""Channels of the latents, and the factor that they are scaled by for the network."""

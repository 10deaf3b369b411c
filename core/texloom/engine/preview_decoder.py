# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews by a tiny autoencoder, a hundredth of the work of a model's own decoder; the picture itself is not touched.

Where one that fits lies on this machine (:mod:`texloom.preview_decoders`), it is used; otherwise previews stay with
the model's own autoencoder.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor

from .. import preview_decoders
from .generator import Context
from .model_folder import ModelFolder
from .seamless import circular

PREVIEW_PIXELS: Final = 512
"""The longer side of a preview; a tiny decoder has that many in the time that a large one takes for far fewer."""

_KNOWN: Final = "AutoencoderKL"


class PreviewDecoder:
    """Decodes latents of one autoencoder with a tiny one.

    Args:
        network: diffusers' ``AutoencoderTiny``, on its device.
        scale: of the large autoencoder, and its ``shift``: the tiny one takes latents as the network draws them.
    """

    def __init__(self, network: Any, *, scale: float, shift: float) -> None:
        self._network = network
        self._scale = scale
        self._shift = shift

    def decode(self, latents: Tensor, tile_x: bool, tile_y: bool) -> Tensor:
        """Latents as the large decoder takes them, (1, channels, h, w) → (3, H, W) from -1 to 1."""
        drawn = ((latents - self._shift) * self._scale).to(self._network.dtype)
        with circular([self._network], tile_x, tile_y):
            picture: Tensor = self._network.decode(drawn, return_dict=False)[0][0]
        return picture


def preview_decoder(folder: ModelFolder, context: Context) -> PreviewDecoder | None:
    """The tiny decoder for a model, loaded to the context's device; None where there is none that fits.

    A damaged one is told by a warning.
    """
    vae = folder.component("vae")
    if vae is None or vae.class_name != _KNOWN:
        return None
    hub = preview_decoders.for_autoencoder(vae.config)
    path = preview_decoders.find(hub) if hub else None
    if path is None:
        return None
    from diffusers import AutoencoderTiny

    device = torch.device(context.device)
    try:
        network = AutoencoderTiny.from_pretrained(path, local_files_only=True, use_safetensors=True)
        fits = network.config.latent_channels == int(vae.config.get("latent_channels", 4))
        # A tiny decoder doubles its picture between its stages.
        grown = 2 ** (len(network.config.decoder_block_out_channels) - 1)
        if not fits or grown != folder.latent_pixels:
            raise ValueError("it is made for other latents")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        # Previews are no reason to draw nothing.
        text = " ".join(str(error).split())[:200]
        context.warn(
            "preview_decoder_unusable",
            f"The small decoder for previews in {path} cannot be used: {text}",
            advice="Download it again, or delete its folder.",
        )
        return None
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    return PreviewDecoder(
        network.to(device=device, dtype=dtype).eval(),
        scale=float(vae.config.get("scaling_factor", 0.18215)),
        shift=float(vae.config.get("shift_factor") or 0.0),
    )

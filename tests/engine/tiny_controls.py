# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny real ControlNets for the tiny models, saved as people get them: a folder with a configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tiny_tokenizers as words
import torch
from PIL import Image
from tiny_parts import deep_vae, sana_transformer, wake

NAMES = (
    "stable-diffusion",
    "sdxl",
    "sdxl-union",
    "sd3",
    "sd3-large",
    "flux",
    "flux-union",
    "qwen-image",
    "z-image",
    "sana",
)


def _unet(cross: int, **more: Any) -> dict[str, Any]:
    return {
        "in_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "cross_attention_dim": cross,
        "norm_num_groups": 4,
        # Three halvings, so that it sees the picture at the size of the latents.
        "conditioning_embedding_out_channels": (4, 8, 8, 8),
    } | more


def stable_diffusion() -> Any:
    from diffusers import ControlNetModel

    return ControlNetModel(**_unet(32, attention_head_dim=4))


_SDXL: dict[str, Any] = {
    "attention_head_dim": (2, 4),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 2),
    "projection_class_embeddings_input_dim": 80,
}


def sdxl() -> Any:
    from diffusers import ControlNetModel

    return ControlNetModel(**_unet(64, **_SDXL))


def sdxl_union() -> Any:
    from diffusers import ControlNetUnionModel

    network = ControlNetUnionModel(
        **_unet(64, **_SDXL), num_control_type=6, num_trans_channel=8, num_trans_head=2, num_proj_channel=8
    )
    return network


def sd3(**more: Any) -> Any:
    from diffusers import SD3ControlNetModel

    usual = {"joint_attention_dim": 32, "force_zeros_for_pooled_projection": True, "num_layers": 1}
    return SD3ControlNetModel(
        sample_size=16,
        patch_size=2,
        in_channels=16,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
        pos_embed_max_size=192,
        **usual | more,
    )


def sd3_large() -> Any:
    """As Stability's own: it reads no words, and takes its positions from the model."""
    return sd3(joint_attention_dim=None, use_pos_embed=False, force_zeros_for_pooled_projection=False)


def flux(modes: int | None = None) -> Any:
    from diffusers import FluxControlNetModel

    return FluxControlNetModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
        num_mode=modes,
    )


def qwen_image() -> Any:
    from diffusers import QwenImageControlNetModel

    return QwenImageControlNetModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )


def z_image(channels: int = 16) -> Any:
    from diffusers import ZImageControlNetModel

    more: dict[str, Any] = {}
    if channels != 16:
        more = {"add_control_noise_refiner": "control_layers", "control_refiner_layers_places": [0]}
    return ZImageControlNetModel(
        control_layers_places=[0, 1],
        control_in_dim=channels,
        dim=32,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        **more,
    )


def sana() -> Any:
    from diffusers import SanaControlNetModel

    return SanaControlNetModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=2,
        patch_size=1,
    )


_BUILDERS: dict[str, Callable[[], Any]] = {
    "stable-diffusion": stable_diffusion,
    "sdxl": sdxl,
    "sdxl-union": sdxl_union,
    "sd3": sd3,
    "sd3-large": sd3_large,
    "flux": flux,
    "flux-union": lambda: flux(7),
    "qwen-image": qwen_image,
    "z-image": z_image,
    "z-image-2": lambda: z_image(33),
    "sana": sana,
}


def made(name: str, seed: int = 0) -> Any:
    """The network of that name; what an untrained one hands on is zero, which here it is not."""
    torch.manual_seed(seed)
    network = _BUILDERS[name]().eval()
    wake(network)
    return network


def save(name: str, folder: Path, seed: int = 0) -> Path:
    """Write it; returns its folder."""
    made(name, seed).save_pretrained(folder)
    return folder


def save_sana(folder: Path) -> Path:
    """A tiny Sana of two layers: what a network hands on goes to the layers after the first."""
    from diffusers import DPMSolverMultistepScheduler, SanaPipeline

    torch.manual_seed(0)
    SanaPipeline(
        tokenizer=words.gemma_tokenizer(),
        text_encoder=words.gemma_text(),
        vae=deep_vae(),
        transformer=sana_transformer(layers=2),
        scheduler=DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    ).save_pretrained(folder)
    return folder


def picture(path: Path, size: int = 64, *, repeats: bool = True, phase: float = 0.0) -> Path:
    """A depth-like picture: waves that repeat, or a ramp that does not."""
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    waves = 0.5 + 0.25 * np.sin(2 * np.pi * (x / size * 2 + phase)) + 0.25 * np.cos(2 * np.pi * y / size)
    values = waves if repeats else (x + y) / (2 * size)
    grey = (values.clip(0, 1) * 255).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(path)
    return path

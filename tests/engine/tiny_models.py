# SPDX-License-Identifier: GPL-3.0-or-later
"""Real diffusers folders of tiny networks with random weights, made on the spot without a network.

They draw noise, but load, step, preview, cancel and tile through the same code as models of gigabytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_tokenizers as words
import torch

LEVELS = (8, 8, 8, 8)
"""Channels of the VAE's levels: four, so that a latent is 8 × 8 pixels as in real models."""


def tiny_vae(latent_channels: int, shift_factor: float | None = None) -> object:
    """An AutoencoderKL of the usual layout; newer families shift their latents."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(LEVELS),
        up_block_types=("UpDecoderBlock2D",) * len(LEVELS),
        block_out_channels=LEVELS,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=4,
        sample_size=64,
        shift_factor=shift_factor,
    ).eval()


def tiny_unet(in_channels: int = 4, out_channels: int = 4) -> Any:
    """Stable Diffusion 1.5's network; nine channels go in where it is made for inpainting."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=out_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=4,
    ).eval()


def save_stable_diffusion(folder: Path, seed: int = 0) -> Path:
    """A folder of the Stable Diffusion 1.5 kind: CLIP, UNet, VAE, DDIM."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    torch.manual_seed(seed)
    text_encoder = words.clip_text()
    unet = tiny_unet()
    pipeline = StableDiffusionPipeline(
        vae=tiny_vae(4),
        text_encoder=text_encoder,
        tokenizer=words.clip_tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: creativeml-openrail-m\ntags: [test]\n---\n# Tiny\n", "utf-8")
    return folder


def save_z_image(folder: Path, seed: int = 0) -> Path:
    """A folder of the Z-Image kind: a language model for the text and a transformer that draws."""
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

    torch.manual_seed(seed)
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[1024, 192, 192],
    ).eval()
    with torch.no_grad():
        # The class leaves these two uninitialised.
        transformer.x_pad_token.normal_(std=0.02)
        transformer.cap_pad_token.normal_(std=0.02)
    pipeline = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=tiny_vae(16, shift_factor=0.1),
        text_encoder=words.qwen3_text(),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
    )
    pipeline.save_pretrained(folder)
    return folder

# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that several families share: tiny autoencoders, schedulers, language models that see."""

from __future__ import annotations

from typing import Any

import torch
from tiny_models import LEVELS


def flow() -> Any:
    """The scheduler of most newer families."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler()


def qwen_vae() -> Any:
    """Qwen-Image's autoencoder, a video's by its layers."""
    from diffusers import AutoencoderKLQwenImage

    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0, 0.1, -0.1, 0.2],
        latents_std=[1.0, 1.5, 0.8, 1.2],
    ).eval()


def flux2_vae() -> Any:
    """FLUX.2's, which has statistics of its latents in a batch norm."""
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * len(LEVELS),
        up_block_types=("UpDecoderBlock2D",) * len(LEVELS),
        block_out_channels=LEVELS,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    ).eval()


def deep_vae() -> Any:
    """Sana's deep-compression autoencoder: 32 × 32 pixels a latent."""
    from diffusers import AutoencoderDC

    return AutoencoderDC(
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
        decoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
        encoder_block_out_channels=(8,) * 6,
        decoder_block_out_channels=(8,) * 6,
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=(1,) * 6,
        encoder_qkv_multiscales=((),) * 5 + ((5,),),
        decoder_qkv_multiscales=((),) * 5 + ((5,),),
        upsample_block_type="interpolate",
        downsample_block_type="Conv",
        scaling_factor=0.41407,
    ).eval()


def wake(network: torch.nn.Module) -> None:
    """Larger weights, where a family's own start is so small that words would not change a pixel."""
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.1)


def qwen_vl(kind: str, model: str, layers: int = 2) -> Any:
    """Qwen2.5-VL or Qwen3-VL, a language model that also sees."""
    import transformers

    text = {
        "vocab_size": 264,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
    }
    if kind == "Qwen2_5_VL":
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1000000.0}
        vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
        vision |= {"fullatt_block_indexes": [0]}
    else:
        rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1000000.0, "mrope_interleaved": True}
        vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 16}
    config = getattr(transformers, f"{kind}Config")(
        text_config=text | {"rope_parameters": rope},
        vision_config=vision,
        image_token_id=261,
        video_token_id=262,
        bos_token_id=None,
        eos_token_id=258,
    )
    return getattr(transformers, model)(config).eval()


def sana_transformer(layers: int = 1, **more: Any) -> Any:
    from diffusers import SanaTransformer2DModel

    return SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=2,
        **more,
    ).eval()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of models of real size: with weights that are holes in their files, or with random ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tiny_tokenizers as words
import torch
from texloom.engine.memory_keeper import MemoryKeeper
from texloom.engine.memory_plan import Model
from texloom.engine.model_folder import read_folder
from torch import nn

_NAMES = {2: "BF16", 4: "F32"}


def stable_diffusion_parts() -> dict[str, Any]:
    """The networks of Stable Diffusion 1.5 by their configurations."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    text = CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    )  # fmt: skip
    return {
        "unet": UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        "vae": AutoencoderKL(**_decoder(4), sample_size=512),
        "text_encoder": CLIPTextModel(text),
    }


def sdxl_parts() -> dict[str, Any]:
    """The networks of SDXL 1.0 by their configurations."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    unet = UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        cross_attention_dim=2048,
        attention_head_dim=(5, 10, 20),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        transformer_layers_per_block=(1, 2, 10),
        projection_class_embeddings_input_dim=2816,
    )
    small = CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    )  # fmt: skip
    large = CLIPTextConfig(
        vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
        projection_dim=1280, hidden_act="gelu",
    )  # fmt: skip
    return {
        "unet": unet,
        "vae": AutoencoderKL(**_decoder(4), scaling_factor=0.13025, sample_size=1024),
        "text_encoder": CLIPTextModel(small),
        "text_encoder_2": CLIPTextModelWithProjection(large),
    }


def sdxl_half_parts() -> dict[str, Any]:
    """Networks laid out as SDXL's at half the width, for processors, with its autoencoder as it is."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    text = CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        projection_dim=768,
    )  # fmt: skip
    return {
        "unet": UNet2DConditionModel(
            sample_size=64,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(160, 320, 640),
            cross_attention_dim=1536,
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            transformer_layers_per_block=(1, 2, 5),
            projection_class_embeddings_input_dim=6 * 256 + 768,
        ),
        "vae": AutoencoderKL(**_decoder(4), scaling_factor=0.13025, sample_size=512),
        "text_encoder": CLIPTextModel(text),
        "text_encoder_2": CLIPTextModelWithProjection(text),
    }


def z_image_parts() -> dict[str, Any]:
    """The networks of Z-Image by their configurations."""
    from diffusers import AutoencoderKL, ZImageTransformer2DModel

    return {
        "transformer": ZImageTransformer2DModel(),
        "vae": AutoencoderKL(**_decoder(16), use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1159),
        "text_encoder": _qwen3(2560, 9728, 36, 32),
    }


def flux2_klein_parts() -> dict[str, Any]:
    """The networks of FLUX.2 klein 4B by their configurations."""
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel

    return {
        "transformer": Flux2Transformer2DModel(
            num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False
        ),
        "vae": AutoencoderKLFlux2(),
        "text_encoder": _qwen3(2560, 9728, 36, 32, language_model=True),
    }


SIZED = {
    "sd-1.5": ("StableDiffusionPipeline", stable_diffusion_parts),
    "sdxl": ("StableDiffusionXLPipeline", sdxl_parts),
    "z-image": ("ZImagePipeline", z_image_parts),
    "flux2-klein": ("Flux2KleinPipeline", flux2_klein_parts),
}

SMALLER = {"sdxl-half": ("StableDiffusionXLPipeline", sdxl_half_parts)}
"""Of no real model's size: large enough that a step takes seconds on a processor."""


def hollow(name: str, folder: Path) -> Path:
    """A folder that looks like that model to whoever reads headers; its weights take no disk."""
    pipeline, parts = SIZED[name]
    folder.mkdir(parents=True)
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": "0.42.1"}
    with torch.device("meta"):
        networks = parts()
    for key, network in networks.items():
        library = type(network).__module__.partition(".")[0]
        index[key] = [library, type(network).__name__]
        (folder / key).mkdir()
        config = network.config.to_dict() if library == "transformers" else dict(network.config)
        (folder / key / "config.json").write_text(json.dumps(config, default=str), encoding="utf-8")
        _write_hollow(network, folder / key / "model.safetensors", 2)
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def planned(path: Path) -> Model:
    """What the engine's plans for the model in a folder are made from."""
    return MemoryKeeper(read_folder(path), path.name, skipped=(), quantizes=True).model


def random_weights(name: str, folder: Path, device: str) -> Path:
    """A folder that can be loaded, with random weights in half precision."""
    import diffusers

    pipeline, parts = (SIZED | SMALLER)[name]
    torch.manual_seed(0)
    unet = name == "sd-1.5" or name.startswith("sdxl")
    dtype = torch.float16 if unet else torch.bfloat16
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            networks = {key: network.eval() for key, network in parts().items()}
    finally:
        torch.set_default_dtype(torch.float32)
    if unet:
        rest: dict[str, Any] = {"tokenizer": words.clip_tokenizer(), "scheduler": diffusers.EulerDiscreteScheduler()}
        if pipeline.startswith("StableDiffusionXL"):
            rest["tokenizer_2"] = words.clip_tokenizer()
        else:
            rest |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    else:
        rest = {"tokenizer": words.qwen_tokenizer(), "scheduler": diffusers.FlowMatchEulerDiscreteScheduler()}
    if name == "z-image":
        with torch.no_grad():
            networks["transformer"].x_pad_token.zero_()
            networks["transformer"].cap_pad_token.zero_()
    getattr(diffusers, pipeline)(**networks, **rest).save_pretrained(folder)
    return folder


def _decoder(channels: int) -> dict[str, Any]:
    return {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": channels,
    }


def _qwen3(width: int, inner: int, layers: int, heads: int, *, language_model: bool = False) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

    config = Qwen3Config(
        vocab_size=151936, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
    )  # fmt: skip
    return Qwen3ForCausalLM(config) if language_model else Qwen3Model(config)


def _write_hollow(network: nn.Module, path: Path, size: int) -> None:
    header: dict[str, Any] = {}
    at = 0
    for key, tensor in network.named_parameters():
        end = at + tensor.numel() * size
        header[key] = {"dtype": _NAMES[size], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + at)

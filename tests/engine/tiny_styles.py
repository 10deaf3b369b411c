# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny image adapters with random weights for tiny models, in the layouts that are published, and their encoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

PROJECTION = 24
HIDDEN = 16


def save(model: Path, folder: Path, *, plus: bool = False, seed: int = 0, scale: float = 0.5) -> Path:
    """An adapter for the tiny model in ``model`` with its image encoder beside it; returns the file."""
    import diffusers

    index = json.loads((model / "model_index.json").read_text())
    part = "unet" if "unet" in index else "transformer"
    network = getattr(diffusers, index[part][1]).from_pretrained(model / part)
    torch.manual_seed(seed)
    kind = type(network).__name__
    if kind == "UNet2DConditionModel":
        state = _for_unet(network, plus)
    elif kind == "FluxTransformer2DModel":
        state = _for_flux(network)
    else:
        state = _for_sd3(network)
    state = {name: torch.randn_like(value) * scale for name, value in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"ip-adapter{'-plus' if plus else ''}_{model.name}.safetensors"
    _write(state, file)
    save_encoder(folder / "image_encoder", siglip=kind == "SD3Transformer2DModel")
    return file


def save_encoder(folder: Path, *, siglip: bool = False, projection: int = PROJECTION) -> Path:
    """A tiny image encoder."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, SiglipVisionConfig, SiglipVisionModel

    torch.manual_seed(1)
    sizes = {
        "hidden_size": HIDDEN,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    made: Any = (
        SiglipVisionModel(SiglipVisionConfig(**sizes))
        if siglip
        else CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, projection_dim=projection))
    )
    made.eval().save_pretrained(folder)
    return folder


def _write(state: dict[str, torch.Tensor], file: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in state.items()}, file)


def _for_unet(network: Any, plus: bool) -> dict[str, torch.Tensor]:
    """As h94/IP-Adapter has them: every second layer that attends, by its number."""
    width = network.config.cross_attention_dim
    state = {}
    for number, name in enumerate(network.attn_processors):
        if name.endswith("attn2.processor"):
            layer = network.get_submodule(name.removesuffix(".processor"))
            for which in ("k", "v"):
                state[f"ip_adapter.{number}.to_{which}_ip.weight"] = getattr(layer, f"to_{which}").weight
    if plus:
        from diffusers.models.embeddings import IPAdapterPlusImageProjection

        # Heads of 64, as published ones have.
        made = IPAdapterPlusImageProjection(
            embed_dims=HIDDEN, output_dims=width, hidden_dims=64, depth=4, heads=1, num_queries=4
        )
        for name, value in made.state_dict().items():
            # Keys and values are one layer there.
            if ".to_k." in name:
                value = torch.cat([value, value])
            if ".to_v." not in name:
                state[f"image_proj.{_plus_name(name)}"] = value
        return state
    return state | _plain_projection(width)


def _plus_name(name: str) -> str:
    """diffusers' name of a layer as the published files have it."""
    for own, published in (
        ("ln0", "0.norm1"),
        ("ln1", "0.norm2"),
        ("attn.to_q", "0.to_q"),
        ("attn.to_k", "0.to_kv"),
        ("attn.to_out.0", "0.to_out"),
        ("ff.0", "1.0"),
        ("ff.1.net.0.proj", "1.1"),
        ("ff.1.net.2", "1.3"),
    ):
        first, _, rest = name.partition(".")
        if first == "layers":
            number, _, inner = rest.partition(".")
            if inner.startswith(f"{own}."):
                return f"layers.{number}.{published}{inner.removeprefix(own)}"
    return name


def _plain_projection(width: int, tokens: int = 4) -> dict[str, torch.Tensor]:
    return {
        "image_proj.proj.weight": torch.empty(tokens * width, PROJECTION),
        "image_proj.proj.bias": torch.empty(tokens * width),
        "image_proj.norm.weight": torch.empty(width),
        "image_proj.norm.bias": torch.empty(width),
    }


def _for_flux(network: Any) -> dict[str, torch.Tensor]:
    """As XLabs-AI/flux-ip-adapter has them."""
    width, inner = network.config.joint_attention_dim, network.inner_dim
    state = {}
    for number in range(network.config.num_layers):
        for which in ("k", "v"):
            stem = f"double_blocks.{number}.processor.ip_adapter_double_stream_{which}_proj"
            state[f"{stem}.weight"] = torch.empty(inner, width)
            state[f"{stem}.bias"] = torch.empty(inner)
    projection = _plain_projection(width)
    return state | {name.replace("image_proj.", "ip_adapter_proj_model.", 1): v for name, v in projection.items()}


def _for_sd3(network: Any) -> dict[str, torch.Tensor]:
    """As diffusers itself keeps them."""
    from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
    from diffusers.models.embeddings import IPAdapterTimeImageProjection

    head = network.config.attention_head_dim
    hidden = head * network.config.num_attention_heads
    state = {}
    for number, _ in enumerate(network.attn_processors):
        made = SD3IPAdapterJointAttnProcessor2_0(
            hidden_size=hidden, ip_hidden_states_dim=hidden, head_dim=head, timesteps_emb_dim=64
        )
        state |= {f"ip_adapter.{number}.{name}": value for name, value in made.state_dict().items()}
    projection = IPAdapterTimeImageProjection(
        embed_dim=HIDDEN, output_dim=hidden, hidden_dim=64, depth=4, heads=1, num_queries=4, timestep_in_dim=32
    )
    return state | {f"image_proj.{name}": value for name, value in projection.state_dict().items()}

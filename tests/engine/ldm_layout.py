# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a Stable Diffusion folder as one file in the layout of its makers, the way people share checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def save_checkpoint(folder: Path, file: Path) -> Path:
    """One ``.safetensors`` with UNet, VAE and text encoder of a tiny folder; returns ``file``."""
    state: dict[str, torch.Tensor] = {}
    for name, value in _weights(folder / "unet").items():
        state["model.diffusion_model." + _unet_name(name)] = value
    for name, value in _weights(folder / "vae").items():
        new = _vae_name(name)
        # Attention in the VAE was made of convolutions of one pixel.
        if re.search(r"attn_1\.(q|k|v|proj_out)\.weight$", new):
            value = value[:, :, None, None]
        state["first_stage_model." + new] = value
    for name, value in _weights(folder / "text_encoder").items():
        plain = name if name.startswith("text_model.") else "text_model." + name
        state["cond_stage_model.transformer." + plain] = value
    save_file({name: value.contiguous() for name, value in state.items()}, file)
    return file


def _weights(folder: Path) -> dict[str, Any]:
    return {name: value for path in folder.glob("*.safetensors") for name, value in load_file(path).items()}


def _unet_name(name: str) -> str:
    for ours, theirs in _ENDS.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    layers = 1  # a block of the tiny model
    found = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name)
    if found:
        side, block, kind, layer, rest = found.group(1), int(found[2]), found[3], int(found[4]), found[5]
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{rest.removeprefix('conv.')}"
        if side == "down":
            place = f"input_blocks.{block * (layers + 1) + 1 + layer}"
        else:
            place = f"output_blocks.{block * (layers + 1) + (layers if kind == 'upsamplers' else layer)}"
        if kind == "upsamplers":
            return f"{place}.{2 if block == 0 else 1}.{rest}"
        return f"{place}.1.{rest}" if kind == "attentions" else f"{place}.0.{_resnet(rest)}"
    found = re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name)
    assert found, name
    if found[1] == "attentions":
        return f"middle_block.1.{found[3]}"
    return f"middle_block.{2 * int(found[2])}.{_resnet(found[3])}"


def _resnet(rest: str) -> str:
    part, _, end = rest.rpartition(".")
    return f"{_RESNET[part]}.{end}"


def _vae_name(name: str) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0.group_norm", "mid.attn_1.norm")
    for ours, theirs in {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}.items():
        name = name.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{theirs}")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)

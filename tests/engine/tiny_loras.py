# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny LoRAs with random weights, made by peft for tiny models and written as diffusers writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

TARGETS = ("to_q", "to_v", "attention.to_q", "linear_q", "q_proj", "to_qkv_mlp_proj", "wq", "img_qkv_proj", "q")


def save(model: Path, folder: Path, *, seed: int = 0, rank: int = 2, scale: float = 1.0) -> Path:
    """A LoRA for the denoiser of the tiny model in ``model``; returns the file."""
    import diffusers
    from peft import LoraConfig, get_peft_model_state_dict

    (file,) = model.glob("*model_index.json")
    index = json.loads(file.read_text())
    part = "unet" if "unet" in index else "transformer"
    kind: Any = getattr(diffusers, index[part][1])
    network = kind.from_pretrained(model / part)
    names = {name.rsplit(".", 1)[-1] for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)}
    wanted = [name for name in TARGETS if name in names] or sorted(names)[:2]
    torch.manual_seed(seed)
    network.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=wanted, init_lora_weights=False))
    layers = get_peft_model_state_dict(network)
    layers = {name: torch.randn_like(value) * scale for name, value in layers.items()}
    folder.mkdir(parents=True, exist_ok=True)
    pipeline: Any = getattr(diffusers, index["_class_name"])
    name = f"{model.name}-{seed}.safetensors"
    pipeline.save_lora_weights(folder, **{f"{part}_lora_layers": layers}, weight_name=name)
    return folder / name


def as_kohya(file: Path) -> Path:
    """The same LoRA for a UNet in the layout of kohya's trainer, which most of those on the web have."""
    from safetensors.torch import load_file, save_file

    found = {}
    for name, value in load_file(file).items():
        layer, _, which = name.removeprefix("unet.").partition(".lora")
        stem = f"lora_unet_{layer.replace('.', '_')}"
        found[f"{stem}.lora_{'down' if which.startswith(('_A', '.down')) else 'up'}.weight"] = value
        found[f"{stem}.alpha"] = torch.tensor(2.0)
    save_file(found, file.with_name(f"kohya-{file.name}"))
    return file.with_name(f"kohya-{file.name}")

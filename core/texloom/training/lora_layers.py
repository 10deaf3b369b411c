# SPDX-License-Identifier: GPL-3.0-or-later
"""The small matrices beside a network's layers that a LoRA consists of, and their file.

E. Hu et al., "LoRA: low-rank adaptation of large language models", 2021.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import ModelInvalidError
from ..storage import storage_error

ADAPTER: Final = "taught"
LAYERS: Final = ("attention", "all")
METADATA: Final = "texloom:"
"""What names of our own metadata begin with."""

_ATTENTION: Final = re.compile(r"(self_|cross_)?(attn\d*|attention)")
_FEED_FORWARD: Final = re.compile(r"(\w+_)?(ff|mlp|feed_forward)(_context)?|proj_mlp|proj_out|(gate|up|down)_proj")
_RESIDUAL: Final = re.compile(r"conv1|conv2|conv_shortcut|time_emb_proj")
"""Of a UNet's blocks of convolutions: most of what they draw textures with."""
_BLOCK: Final = re.compile(r"\.\d+\.")


def layers_of(network: nn.Module, which: str) -> list[str]:
    """Names of the layers that learn: those of ``attention``, or ``all`` of the blocks' larger ones.

    Raises:
        ModelInvalidError: the network has none that are known.
    """
    found = []
    for name, layer in network.named_modules():
        block = _BLOCK.search(name)
        if block is None:
            continue
        parts = name[block.end() :].split(".")
        if any(_ATTENTION.fullmatch(part) for part in parts[:-1]) and isinstance(layer, nn.Linear):
            found.append(name)
        elif which == "all" and any(_FEED_FORWARD.fullmatch(part) for part in parts) and _plain(layer):
            found.append(name)
        elif which == "all" and "resnets" in name.split(".") and _RESIDUAL.fullmatch(parts[-1]):
            found.append(name)
    if not found:
        raise ModelInvalidError(
            f"{type(network).__name__} has no layers that a LoRA is known to fit.", advice="Choose another model."
        )
    return found


def _plain(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))


class Adapter(nn.Module):
    """The weights that learn, in single precision, as a module of their own: for checkpoints and averages.

    Args:
        network: gets the layers; whatever else it has stays as it is.
        rank: of the matrices.
        alpha: over ``rank`` it scales what they add.
        which: see :func:`layers_of`.
        seed: of their start, which changes nothing yet.
    """

    def __init__(self, network: Any, *, rank: int, alpha: float, which: str, seed: int) -> None:
        super().__init__()
        import peft

        make: Any = peft.LoraConfig  # wants a whole alpha by its types, and takes any
        names = layers_of(network, which)
        network.requires_grad_(False)
        torch.manual_seed(seed)
        network.add_adapter(make(r=rank, lora_alpha=alpha, target_modules=names, init_lora_weights="gaussian"), ADAPTER)
        self.scale = alpha / rank
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                # Steps would be lost in half precision.
                parameter.data = parameter.data.float()
                self.register_parameter(name.replace(".", "/"), parameter)

    def layers(self) -> dict[str, Tensor]:
        """The weights by the names that diffusers gives them, with their scale in them: as if alpha were the rank."""
        found = {}
        for name, value in self.state_dict().items():
            plain = name.replace("/", ".").replace(f".{ADAPTER}.", ".").removesuffix(f".{ADAPTER}")
            value = value.detach().cpu()
            found[plain] = value * self.scale if ".lora_B." in plain else value
        return found


def write_lora(
    path: Path, *, pipeline: Any, part: str, layers: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a LoRA as diffusers does, in half precision, whole or not at all.

    Args:
        path: the ``.safetensors`` file.
        pipeline: the model's, which knows the format.
        part: the network's name in it.
        layers: see :meth:`Adapter.layers`.
        metadata: texts about it.

    Raises:
        StorageError: it could not be written.
    """
    aside = path.with_name(f".{path.stem}.tmp.safetensors")
    halves = {name: value.half().contiguous() for name, value in layers.items()}

    def save(weights: dict[str, Tensor], file: str) -> None:
        save_file(weights, file, metadata={"format": "pt", **metadata})

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        type(pipeline).save_lora_weights(
            path.parent, **{f"{part}_lora_layers": halves}, weight_name=aside.name, save_function=save
        )
        os.replace(aside, path)
    except OSError as error:
        raise storage_error("write", path, error) from error
    finally:
        aside.unlink(missing_ok=True)

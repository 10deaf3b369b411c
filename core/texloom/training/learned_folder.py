# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned model as an ordinary diffusers folder: SanaPipeline, half-precision safetensors, no text encoder.

The pipeline's text encoder and tokenizer stay empty, since the engine has its text encoder already and gives the
pipeline what that says.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from ..engine.families.learned import TRAINING_FILE
from ..engine.flow_network import tell_velocity
from ..engine.meaning import Layout
from ..errors import ModelInvalidError
from ..storage import read_json, write_bytes_atomic

SHIFT = 3.0
"""Of the flow's times and schedule: more steps where color and layout are decided than where grain is."""

DENOISER = "transformer"
"""Where Sana's pipeline has the network that draws latents."""

LICENCE = "gpl-3.0-or-later"

SHARD = "15MB"
"""Larger weights are written as several files, which diffusers reads by their index."""


def read_autoencoder(folder: Path) -> Any:
    """The AutoencoderDC in ``folder``, in single precision.

    Raises:
        ModelInvalidError: there is none that can be read.
    """
    from diffusers import AutoencoderDC

    return _read(AutoencoderDC, folder, "autoencoder", "autoencoder")


def read_network(model: Path) -> Any:
    """The network that draws latents in the folder ``model``, in single precision; it says the velocity of a flow.

    Raises:
        ModelInvalidError: there is none that can be read.
    """
    from diffusers import SanaTransformer2DModel, UNet2DConditionModel

    config = model / DENOISER / "config.json"
    unet = config.is_file() and read_json(config).get("_class_name") == UNet2DConditionModel.__name__
    kind = UNet2DConditionModel if unet else SanaTransformer2DModel
    network = _read(kind, model, "generator", "flow", subfolder=DENOISER)
    return tell_velocity(network) if unet else network


def _read(kind: Any, folder: Path, what: str, training: str, *, subfolder: str | None = None) -> Any:
    import torch

    try:
        network = kind.from_pretrained(
            folder, subfolder=subfolder, local_files_only=True, use_safetensors=True, torch_dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise ModelInvalidError(
            f"{folder} holds no {what}: {' '.join(str(error).split())[:200]}",
            advice=f"Train one first: texloom train {training}",
        ) from error
    # Which convolutions are faster with.
    return network.eval().to(memory_format=torch.channels_last)


def write_folder(
    folder: Path, *, vae: Any, network: Any, layout: Layout | None = None, training: dict[str, Any] | None = None
) -> None:
    """Write the model as a SanaPipeline, whose denoiser may be a UNet (see :mod:`..engine.families.learned`).

    ``layout`` is that of the meanings that the network reads; None for one that reads words alone.

    ``training`` are facts for the record, in ``training.json`` beside what the vae's has.

    Raises:
        OSError, StorageError: it could not be written.
    """
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, __version__

    for name, part in (("vae", vae), (DENOISER, network)):
        written = copy.deepcopy(part).to("cpu", memory_format=torch.contiguous_format).half()
        # Otherwise diffusers writes down from which folder of this machine the part was read.
        written.register_to_config(_name_or_path="")
        for path in (folder / name).glob("*.safetensors*"):
            path.unlink()  # an index that stayed behind would be read instead of a single file
        written.save_pretrained(folder / name, safe_serialization=True, max_shard_size=SHARD)
    FlowMatchEulerDiscreteScheduler(shift=SHIFT).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "SanaPipeline",
        "_diffusers_version": __version__,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": [None, None],
        "tokenizer": [None, None],
        DENOISER: ["diffusers", type(network).__name__],
        "vae": ["diffusers", type(vae).__name__],
    }
    write_bytes_atomic(folder / "model_index.json", (json.dumps(index, indent=2) + "\n").encode())
    if layout is not None:
        layout.save(folder)
    card = folder / "README.md"
    if not card.is_file():
        write_bytes_atomic(card, f"---\nlicense: {LICENCE}\n---\n# Texloom learned materials\n".encode())
    if training is not None:
        write_bytes_atomic(folder / TRAINING_FILE, (json.dumps(training, indent=1) + "\n").encode())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Z-Image: a transformer that takes a list of pictures, with Qwen3 reading English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from torch import Tensor

from ...weights_header import read_header
from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family
from .control_way import ControlWay
from .prompt_room import PromptRoom, asked, chat_opening, room

_REFINER: Final = "control_noise_refiner.0.before_proj.weight"


class ZImage(Family):
    """Z-Image and its Turbo.  Its guidance adds to the prompt's own direction, so 0 is off."""

    id = "z-image"
    name = "Z-Image"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "ZImagePipeline",
        IMAGE_TO_IMAGE: "ZImageImg2ImgPipeline",
        INPAINT: "ZImageInpaintPipeline",
        CONTROL: "ZImageControlNetPipeline",
    }
    guidance_off = 0.0
    control_ways = (
        ControlWay(
            network="ZImageControlNetModel",
            pipelines={
                TEXT_TO_IMAGE: "ZImageControlNetPipeline",
                INPAINT: "ZImageControlNetInpaintPipeline",
            },
            alike=("dim", "n_heads", "n_kv_heads", "n_refiner_layers"),
            # Picture, mask, and what is masked; the first version sees the picture alone.
            fills=("control_in_dim", 33),
        ),
    )

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; the pipeline cuts the whole chat."""
        opening = chat_opening(tokenizer, asked, add_generation_prompt=True, enable_thinking=True)
        return room(tokenizer, limit, opening)

    def control_config(self, file: Path, folder: ModelFolder) -> dict[str, Any] | None:
        """See ``Family``; its networks are published as single files, of which names and shapes tell the rest.

        The layers beside which its own stand are spread evenly over those of the network that draws.
        """
        shapes = read_header(file)[0]
        inputs = shapes.get("control_all_x_embedder.2-1.weight")
        transformer = folder.component("transformer")
        if inputs is None or transformer is None:
            return None
        layers = 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("control_layers."))
        spread = max(1, int(transformer.config.get("n_layers", 30)) // layers)
        refiners = int(transformer.config.get("n_refiner_layers", 2))
        config: dict[str, Any] = {
            "_class_name": "ZImageControlNetModel",
            "control_layers_places": list(range(0, layers * spread, spread)),
            "control_in_dim": inputs[1] // 4,  # channels of two by two latents
            "add_control_noise_refiner": None,
        }
        if config["control_in_dim"] != transformer.config.get("in_channels", 16):
            # 2.0 and 2.1 differ in whether these layers were trained; 2.0's are all zeros.
            own = _REFINER in shapes and bool(_tensor(file, _REFINER).any())
            config["add_control_noise_refiner"] = "control_noise_refiner" if own else "control_layers"
            config["control_refiner_layers_places"] = list(range(refiners))
        names = ("dim", "n_refiner_layers", "n_heads", "n_kv_heads", "norm_eps", "qk_norm")
        return config | {name: transformer.config[name] for name in names if name in transformer.config}


def _tensor(file: Path, name: str) -> Tensor:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        found: Tensor = opened.get_tensor(name)
    return found

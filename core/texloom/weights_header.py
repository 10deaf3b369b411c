# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file of weights is, by the names and shapes in its header; no weights are read and nothing is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from . import gguf_header
from .errors import ModelInvalidError

SAFETENSORS: Final = ".safetensors"
HEADER_LIMIT: Final = 100 * 1024 * 1024
_PICKLE_ENDINGS: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
_ZIP: Final = b"PK\x03\x04"
_PICKLE_PROTOCOLS: Final = tuple(bytes((0x80, number)) for number in range(1, 6))

CHECKPOINT: Final = "checkpoint"
DENOISER: Final = "denoiser"
LORA: Final = "lora"
TEXTUAL_INVERSION: Final = "textual_inversion"
CONTROL: Final = "control"
IMAGE_ADAPTER: Final = "image_adapter"
VAE: Final = "vae"
UNKNOWN: Final = "unknown"

_WHOLE: Final = "model.diffusion_model."
_LORA_SIGNS: Final = (".lora_A.", ".lora_B.", ".lora_down.", ".lora_up.", "lora_unet_", "lora_te", ".lora.down.")

_ADAPTER_SIGNS: Final = ("ip_adapter.", "ip_adapter_proj_model.", "image_proj.")

# A key that only this family's network has, in the order to look; the first two columns are keys of the layout
# published by its makers and of diffusers' own.
_SIGNS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("flux2", ("single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight")),
    ("flux3", ("early_stream_modulations.image.lin.weight",)),
    ("chroma", ("distilled_guidance_layer.in_proj.bias",)),
    ("flux", ("double_blocks.0.img_attn.norm.key_norm.scale", "single_transformer_blocks.0.proj_mlp.weight")),
    ("sd3", ("joint_blocks.0.context_block.adaLN_modulation.1.bias",)),
    ("z-image", ("cap_embedder.0.weight", "all_final_layer.2-1.linear.weight")),
    ("krea2", ("txtfusion.projector.weight",)),
    ("qwen-image-2.1", ("txt_in.text_norm.weight",)),
    ("qwen-image", ("transformer_blocks.0.img_mod.1.weight",)),
    ("sana", ("blocks.0.cross_attn.kv_linear.weight", "transformer_blocks.0.ff.conv_inverted.weight")),
    ("sdxl", ("conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", "label_emb.0.0.weight")),
    ("sdxl", ("add_embedding.linear_1.weight",)),
    ("stable-diffusion", ("input_blocks.0.0.weight", "down_blocks.0.resnets.0.norm1.weight")),
)


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """What a file holds.

    Attributes:
        path: the file.
        kind: :data:`CHECKPOINT` (a whole model), :data:`DENOISER` (the network that draws alone), :data:`LORA` …
        family: name of the family's adapter where it is known, else "".
        diffusers_layout: whether the names are diffusers' own.
        shapes: the shape of every tensor.
        metadata: free text of the file's author.
    """

    path: Path
    kind: str
    family: str
    diffusers_layout: bool
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


def identify(path: Path) -> WeightsFile:
    """Look at a file.

    Raises:
        ModelInvalidError: it is pickled, damaged, or no file of weights; says why.
    """
    shapes, metadata = read_header(path)
    names = {name.removeprefix(_WHOLE) for name in shapes}
    family, own_layout = _family(names, shapes)
    return WeightsFile(
        path=path,
        kind=_kind(shapes, bool(family)),
        family=family,
        diffusers_layout=own_layout,
        shapes=shapes,
        metadata=metadata,
    )


def read_header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Names with shapes, and the metadata, of a safetensors file, or of a GGUF file.

    Raises:
        ModelInvalidError: as :func:`identify`.
    """
    if gguf_header.is_gguf(path):
        return gguf_header.read(path)
    try:
        with open(path, "rb") as stream:
            start = stream.read(8)
            size = int.from_bytes(start, "little")
            whole = path.stat().st_size
            fits = len(start) == 8 and size <= HEADER_LIMIT and size + 8 <= whole
            text = stream.read(size) if fits else b""
            # Some sizes of a sound header look like the start of a pickle.
            _refuse_pickle(path, start if not text.startswith(b"{") else b"")
            if not fits:
                raise _damaged(path, "its header does not fit into the file")
            data = json.loads(text)
    except OSError as error:
        raise ModelInvalidError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its header is not JSON") from error
    return _checked(path, data, whole - 8 - size)


def _checked(path: Path, data: Any, room: int) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    if not isinstance(data, dict):
        raise _damaged(path, "its header is no object")
    given = data.pop("__metadata__", {})
    metadata = {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, entry in data.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        place = entry.get("data_offsets") if isinstance(entry, dict) else None
        if (
            not _whole_numbers(shape)
            or not _whole_numbers(place)
            or len(place) != 2
            or not place[0] <= place[1] <= room
        ):
            raise _damaged(path, f"its part {name[:60]!r} lies outside the file; it was cut off, perhaps")
        shapes[name] = tuple(shape)
    if not shapes:
        raise _damaged(path, "it holds no weights")
    return shapes, metadata


def _whole_numbers(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(isinstance(value, int) and value >= 0 for value in values)


def _refuse_pickle(path: Path, start: bytes) -> None:
    pickled = start.startswith(_ZIP) or start[:2] in _PICKLE_PROTOCOLS
    if pickled or path.suffix.lower() in _PICKLE_ENDINGS:
        raise ModelInvalidError(
            f"{path.name} is a pickle file: opening it can run any program on this machine.",
            advice="Look for the same model as .safetensors, or convert it where you trust its source.",
        )


def _damaged(path: Path, why: str) -> ModelInvalidError:
    return ModelInvalidError(f"{path.name} is no sound safetensors file: {why}.", advice="Download it again.")


def _family(names: set[str], shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, bool]:
    for family, signs in _SIGNS:
        for sign in signs:
            if sign in names:
                # Lumina 2 shares its names with Z-Image, but for the layers that modulate.
                if family == "z-image" and "layers.0.adaLN_modulation.0.weight" not in names:
                    return "lumina2", False
                return family, sign in _DIFFUSERS_SIGNS
    return "", False


_DIFFUSERS_SIGNS: Final = frozenset(
    {
        "single_stream_modulation.linear.weight",
        "single_transformer_blocks.0.proj_mlp.weight",
        "all_final_layer.2-1.linear.weight",
        "transformer_blocks.0.img_mod.1.weight",
        "transformer_blocks.0.ff.conv_inverted.weight",
        "add_embedding.linear_1.weight",
        "down_blocks.0.resnets.0.norm1.weight",
    }
)


def _kind(shapes: Mapping[str, tuple[int, ...]], known: bool) -> str:
    if any(sign in name for name in shapes for sign in _LORA_SIGNS):
        return LORA
    if any(name.startswith(_ADAPTER_SIGNS) for name in shapes):
        return IMAGE_ADAPTER
    few = len(shapes) <= 2 and all(len(shape) <= 2 for shape in shapes.values())
    if set(shapes) <= {"emb_params", "clip_l", "clip_g"} or (few and not known):
        return TEXTUAL_INVERSION
    if any(name.startswith(("control_model.", "controlnet_", "controlnet_cond_embedding.")) for name in shapes):
        return CONTROL
    text = any(name.startswith(("cond_stage_model.", "conditioner.", "text_encoders.")) for name in shapes)
    if known and text:
        return CHECKPOINT
    if known:
        return DENOISER
    if any(name.startswith("decoder.") for name in shapes) and any(name.startswith("encoder.") for name in shapes):
        return VAE
    return UNKNOWN

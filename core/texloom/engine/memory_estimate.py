# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory a model takes while it works: its weights by their headers, its layers by a run without numbers.

The autoencoder and UNets are run on torch's ``meta`` device, where tensors have shapes and nothing else, and what is
alive at a time is counted.  That is exact for the tensors, takes no memory and a moment, and holds for any size.
Transformers are alike enough that the widest of their layers tells.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import re
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..errors import ModelInvalidError
from ..gguf_header import is_gguf
from ..weights_header import read_header
from .model_folder import Component, ModelFolder
from .seamless import OWN_PADDING, circular

TEXT: Final = "text"
DENOISER: Final = "denoiser"
DECODER: Final = "decoder"
OTHER: Final = "other"

_PRECISIONS: Final = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_WHOLE: Final[Mapping[str, str]] = {
    r"model\.diffusion_model\.": "",
    r"(first_stage_model|vae)\.": "vae",
    r"(cond_stage_model|conditioner\.embedders\.\d+|text_encoders\.[^.]+)\.": TEXT,
}
"""How names begin in checkpoints of whole models, and the part that they are of; empty: the one that draws."""
_LINEAR: Final = re.compile(
    r"(?!(.*\.)?(embed_tokens|token_embedding|position_embedding|word_embeddings|pos_embed|wte|shared|lm_head"
    r"|relative_attention_bias|token_embd)\.weight$).*\.weight$"
)
"""Names of tensors of two axes that are weights of linear layers: no tables that are looked up, nor the copies of such
at the end of language models."""
_TEXT_TOKENS: Final = 512
_LAYER_MAPS: Final = 3.0
_UNET_MAPS: Final = 24


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network of a pipeline as its files tell it.

    Attributes:
        name: as in the folder.
        role: :data:`TEXT`, :data:`DENOISER`, :data:`DECODER` or :data:`OTHER`.
        weights: how many numbers it has.
        largest: how many its largest single tensor has.
        widest: inputs and outputs together of its widest layer of a token each.
        stored: precision of the numbers in its files, as plans name them; empty: none of those, or not known.
        held: numbers a latent that it hands to the network that draws, and that are there while that draws.
        exact: whether its weights stay in the plan's precision where a plan makes those of its role smaller.
        packed: bytes a weight, where its file has them in few bits and they stay so; else 0.
        rigid: how many are no weights of linear layers, so that packages for fewer bits leave them as they are.
    """

    name: str
    role: str
    weights: int
    largest: int
    widest: int
    stored: str = ""
    held: int = 0
    exact: bool = False
    packed: float = 0.0
    rigid: int = 0


def parts_of(folder: ModelFolder, skipped: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """The networks in a folder with their exact sizes, from the headers of its files; reads no weights.

    Args:
        folder: the model; weights of a single file that stands in for all of it are one part, the denoiser.
        skipped: parts that are not loaded.

    Raises:
        ModelInvalidError: a file is damaged.
    """
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    stored: dict[str, set[str]] = {}
    drawing = _drawing_part(folder)
    whole = _is_whole_file(folder)
    for file in folder.weights:
        # A file from elsewhere is the network that draws, or everything.
        name = file.parts[0] if not file.is_absolute() else drawing
        try:
            found = read_header(folder.path / file)[0]
            for own, inside in (_split(found, drawing) if whole else {name: found}).items():
                shapes.setdefault(own, {}).update(inside)
                stored.setdefault(own, set()).add(_stored(folder.path / file))
        except ModelInvalidError as error:
            raise ModelInvalidError(
                f"{name} of the model in {folder.path} cannot be loaded: {error.message}",
                advice="Download the model again.",
            ) from error
    every = (_part(name, found) for name, found in sorted(shapes.items()) if name not in skipped)
    return tuple(replace(part, stored=_only(stored[part.name]), exact=whole and part.name != drawing) for part in every)


def _is_whole_file(folder: ModelFolder) -> bool:
    """Whether one file stands in for all weights of a model."""
    return len(folder.weights) == 1 and folder.weights[0].is_absolute()


def _split(shapes: Mapping[str, tuple[int, ...]], drawing: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """The parts of a whole checkpoint in the layout of its makers; all of it is ``drawing`` where that is another."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        for pattern, part in _WHOLE.items():
            start = re.match(pattern, key)
            if start is not None:
                # Text encoders are told apart by what stands before their layers.
                name = part if part != TEXT else f"text_encoder_{start[0].rstrip('.').replace('.', '_')}"
                found.setdefault(name or drawing, {})[key] = shape
                break
    # What is left are tables that are worked out anew, and copies from training that are not read.
    return found if drawing in found else {drawing: dict(shapes)}


def part_of(name: str, files: Sequence[Path], *, held: int = 0) -> Part:
    """A network that no model's folder holds, by the headers of its files.

    Raises:
        ModelInvalidError: a file is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        shapes |= read_header(file)[0]
    return replace(_part(name, shapes), stored=_only({_stored(file) for file in files}), held=held)


def held_bytes(parts: tuple[Part, ...], *, latents: int, itemsize: int) -> int:
    """What networks at the side of the one that draws hand to it, for so many latents."""
    return sum(part.held for part in parts) * latents * itemsize


def role_of(name: str) -> str:
    """What a part of that name does."""
    if name.startswith("text_encoder") or name == "image_encoder":
        return TEXT
    if name in ("unet", "prior") or name.startswith(("transformer", "controlnet")) or name.endswith("_transformer"):
        return DENOISER
    return DECODER if name in ("vae", "vqvae", "movq") else OTHER


def text_bytes(parts: tuple[Part, ...], itemsize: int) -> int:
    """What the layers of text encoders take while they read a long prompt."""
    return max((_TEXT_TOKENS * part.widest * itemsize * 2 for part in parts if part.role == TEXT), default=0)


def denoiser_bytes(
    folder: ModelFolder, parts: tuple[Part, ...], *, width: int, height: int, batch: int, itemsize: int
) -> int:
    """What the layers of the network that draws take in a step.

    Args:
        folder: for its configuration.
        parts: of the folder.
        width: pixels that are drawn, with margins; ``height`` as well.
        batch: pictures at a time; twice as many where guidance compares with a second prompt.
        itemsize: bytes a number.
    """
    drawing = [part for part in parts if part.role == DENOISER]
    if not drawing:
        return 0
    latents = (width // folder.latent_pixels) * (height // folder.latent_pixels) * batch
    unet = folder.component("unet")
    if unet is not None:
        rows, columns = height // folder.latent_pixels, width // folder.latent_pixels
        exact = _unet_bytes(unet, rows, columns, batch, itemsize)
        if exact is not None:
            return exact
        levels = unet.config.get("block_out_channels")
        return latents * (levels[0] if isinstance(levels, list) and levels else 320) * _UNET_MAPS * itemsize
    pixels = folder.size_step**2
    tokens = (width * height // pixels + _TEXT_TOKENS) * batch
    return round(tokens * max(part.widest for part in drawing) * _LAYER_MAPS / 2.0 * itemsize)


def decoder_bytes(folder: ModelFolder, *, width: int, height: int, itemsize: int, wraps: bool) -> int:
    """What the autoencoder's layers take while they decode one picture; 0 where there is none.

    Args:
        folder: for its configuration.
        width: of the picture in pixels; ``height`` as well.
        itemsize: bytes a number.
        wraps: whether its convolutions wrap around, which takes copies.
    """
    vae = folder.component("vae", "vqvae", "movq")
    if vae is None:
        return 0
    grid = (height // folder.latent_pixels, width // folder.latent_pixels)
    return _decoder_bytes(vae.class_name, json.dumps(vae.config, sort_keys=True), grid, itemsize, wraps)


def encoder_bytes(folder: ModelFolder, *, width: int, height: int, itemsize: int, wraps: bool) -> int:
    """As :func:`decoder_bytes`, while they encode a picture to start from."""
    vae = folder.component("vae", "vqvae", "movq")
    if vae is None:
        return 0
    return _encoder_bytes(vae.class_name, json.dumps(vae.config, sort_keys=True), (height, width), itemsize, wraps)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make within the block while they are alive.

    Attributes:
        now: alive.
        peak: the most that were alive at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operation and count what it made."""
        # What comes from outside (weights, mostly) is not counted, nor are views of it.
        self._note((args, kwargs), made=False)
        result = func(*args, **(kwargs or {}))
        self._note(result, made=True)
        return result

    def _note(self, found: Any, *, made: bool) -> None:
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage(), made)

    def _count(self, storage: torch.UntypedStorage, made: bool) -> None:
        key, size = storage._cdata, storage.nbytes() if made else 0
        if key in self._known:
            return
        self._known[key] = weakref.finalize(storage, self._freed, key, size)
        self.now += size
        self.peak = max(self.peak, self.now)

    def _freed(self, key: int, size: int) -> None:
        del self._known[key]
        self.now -= size


class _NoTable(TorchFunctionMode):
    """Attention as fused kernels do it: without the table of all pairs."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is F.scaled_dot_product_attention:
            query = args[0] if args else named["query"]
            value = args[2] if len(args) > 2 else named["value"]
            return query.new_empty((*query.shape[:-1], value.shape[-1]))
        return func(*args, **named)


@contextlib.contextmanager
def counted() -> Iterator[LiveBytes]:
    """Count what operations on ``meta`` tensors would take."""
    with torch.no_grad(), _NoTable(), LiveBytes() as live:
        yield live


def _part(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Part:
    sizes = [math.prod(shape) for shape in shapes.values()]
    # Layers that turn the time step into factors see one vector, not every token.
    wide = [
        shape[0] + shape[1]
        for key, shape in shapes.items()
        if len(shape) == 2 and not any(word in key for word in ("modulation", "norm", "embed", "relative", "shared"))
    ]
    rigid = [math.prod(shape) for key, shape in shapes.items() if len(shape) != 2 or not _LINEAR.match(key)]
    return Part(
        name=name, role=role_of(name), weights=sum(sizes), largest=max(sizes), widest=max(wide, default=0),
        rigid=sum(rigid),
    )  # fmt: skip


def _stored(file: Path) -> str:
    """The precision of most of a file's numbers; the file has been checked."""
    if is_gguf(file):
        return ""
    with open(file, "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    found: Counter[str] = Counter()
    for name, entry in header.items():
        if name != "__metadata__":
            found[str(entry.get("dtype"))] += math.prod(entry["shape"])
    return _PRECISIONS.get(found.most_common(1)[0][0], "") if found else ""


def _only(found: set[str]) -> str:
    return found.pop() if len(found) == 1 else ""


def _drawing_part(folder: ModelFolder) -> str:
    found = folder.component("transformer", "unet")
    return found.name if found is not None else "unet"


def _made(class_name: str, config: Mapping[str, Any], itemsize: int) -> Any:
    import diffusers

    kind = getattr(diffusers, class_name)
    with torch.device("meta"):
        network = kind.from_config({k: v for k, v in config.items() if not k.startswith("_")})
    # Past diffusers' own method, which warns of layers that it would keep in full precision.
    return nn.Module.to(network, dtype={2: torch.bfloat16, 4: torch.float32}[itemsize]).eval()


@functools.lru_cache(maxsize=64)
def _decoder_bytes(class_name: str, config: str, grid: tuple[int, int], itemsize: int, wraps: bool) -> int:
    vae = _made(class_name, json.loads(config), itemsize)
    channels = next(vae.config[key] for key in ("latent_channels", "z_dim") if isinstance(vae.config.get(key), int))
    latents = torch.empty((1, channels, *_frames(vae.decoder), *grid), device="meta", dtype=vae.dtype)
    with counted() as live, circular([vae], wraps, wraps):
        vae.decode(latents, return_dict=False)
    return live.peak


@functools.lru_cache(maxsize=64)
def _encoder_bytes(class_name: str, config: str, size: tuple[int, int], itemsize: int, wraps: bool) -> int:
    vae = _made(class_name, json.loads(config), itemsize)
    if getattr(vae, "encoder", None) is None:
        return 0
    channels = next((vae.config[key] for key in ("in_channels", "input_channels") if key in vae.config), 3)
    picture = torch.empty((1, channels, *_frames(vae.encoder), *size), device="meta", dtype=vae.dtype)
    with counted() as live, circular([vae], wraps, wraps):
        vae.encode(picture, return_dict=False)
    return live.peak


def _frames(network: nn.Module) -> tuple[int, ...]:
    """The size that maps have beside channels, height and width."""
    first = next(layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Conv3d)))
    # Layers that pad by themselves are a film's, if only of one frame.
    return (1,) if isinstance(first, nn.Conv3d) or hasattr(first, OWN_PADDING) else ()


def _unet_bytes(unet: Component, rows: int, columns: int, batch: int, itemsize: int) -> int | None:
    """None where its inputs are of a kind that is not known here."""
    config = unet.config
    if unet.class_name != "UNet2DConditionModel" or config.get("encoder_hid_dim_type") is not None:
        return None
    if config.get("addition_embed_type") not in (None, "text_time") or config.get("class_embed_type") is not None:
        return None
    if not isinstance(config.get("cross_attention_dim"), int):
        return None
    text = json.dumps(dict(config), sort_keys=True)
    return _counted_unet(text, rows, columns, batch, itemsize)


@functools.lru_cache(maxsize=64)
def _counted_unet(config: str, rows: int, columns: int, batch: int, itemsize: int) -> int:
    network = _made("UNet2DConditionModel", json.loads(config), itemsize)
    known = network.config
    named: dict[str, Any] = {"device": "meta", "dtype": network.dtype}
    added: dict[str, Tensor] = {}
    if known.addition_embed_type == "text_time":
        pooled = known.projection_class_embeddings_input_dim - 6 * known.addition_time_embed_dim
        added = {"text_embeds": torch.empty((batch, pooled), **named), "time_ids": torch.empty((batch, 6), **named)}
    latents = torch.empty((batch, known.in_channels, rows, columns), **named)
    words = torch.empty((batch, 77, known.cross_attention_dim), **named)
    with counted() as live:
        network(latents, torch.empty((), device="meta"), words, added_cond_kwargs=added, return_dict=False)
    return live.peak

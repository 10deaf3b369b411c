# SPDX-License-Identifier: GPL-3.0-or-later
"""How a model is kept in the memory that there is: plans from generous to lean, each with a forecast in bytes.

A plan says in which precision the weights are, whether all parts stay on the device or take turns there, and whether
pictures are decoded whole or in stripes.  Weights are known exactly, by the headers of the files; layers are counted by
:mod:`.memory_estimate`.  The first plan whose forecast fits is taken; when memory runs out all the same, the next one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from ..catalog_rows import CatalogRow
from .memory_estimate import (
    DECODER,
    DENOISER,
    TEXT,
    Part,
    decoder_bytes,
    denoiser_bytes,
    encoder_bytes,
    held_bytes,
    text_bytes,
)
from .model_folder import ModelFolder
from .striped_decoding import STRIPE_BYTES, STRIPES_ALIVE

FLOAT32: Final = "float32"
BFLOAT16: Final = "bfloat16"
FLOAT16: Final = "float16"
ITEMSIZE: Final = {FLOAT32: 4, BFLOAT16: 2, FLOAT16: 2}
_SPOKEN: Final = {FLOAT32: "fp32", BFLOAT16: "bf16", FLOAT16: "fp16"}

TOGETHER: Final = "together"
"""All parts stay on the device."""
TURNS: Final = "turns"
"""Text encoders, the network that draws and the decoder come to the device when their turn comes."""
GROUPS: Final = "groups"
"""Layers come to the device one after another while they compute."""

FLOAT8: Final = "float8"
"""Weights of the network that draws wait in 8 bits and compute in the plan's precision; needs no package."""
INT8: Final = "int8"
"""Weights in 8 bits by torchao."""
NF4: Final = "nf4"
"""Weights in 4 bits by bitsandbytes."""
QUANTIZED_BYTES: Final = {FLOAT8: 1.0, INT8: 1.02, NF4: 0.56}
"""Bytes a weight, with its scales."""
_QUANTIZED: Final = {FLOAT8: (DENOISER,), INT8: (DENOISER, TEXT), NF4: (DENOISER, TEXT)}
PACKAGES: Final = {INT8: "torchao", NF4: "bitsandbytes"}
"""What makes weights smaller while they are read."""

DEVICE_RESERVE: Final = 0.08
"""Part of the free memory that is left alone: the allocator's gaps and other programs."""
MAIN_RESERVE: Final = 0.05
"""Part of the free main memory that is left alone."""
_LEANER: Final = 0.97
_GIGA: Final = 10**9
_UNSTRIPED: Final = frozenset({"qwen-image", "qwen-image-edit", "qwen-image-2.1", "krea2", "sana", "sana-sprint"})
"""Families whose autoencoders are of other layers than those that work in stripes."""
_UPCAST: Final = frozenset({"sdxl", "kolors"})
"""Families whose autoencoders compute in full precision whatever the plan."""
_WIDEST: Final = 32_000


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is to be drawn.

    Attributes:
        width: pixels with margins, as the network that draws sees the picture; ``height`` as well.
        decoded_width: pixels that are decoded; ``decoded_height`` as well.
        batch: pictures that the network draws at a time; guidance doubles them.
        wraps: whether the picture repeats.
        encodes: whether it starts from a picture, which is encoded first.
        extra: networks that the request adds to the model's own.
    """

    width: int
    height: int
    decoded_width: int
    decoded_height: int
    batch: int = 1
    wraps: bool = True
    encodes: bool = False
    extra: tuple[Part, ...] = ()

    @property
    def pixels(self) -> int:
        """Of all pictures at a time."""
        return self.width * self.height * self.batch

    def times(self, count: int) -> Demand:
        """So many of them at a time; they are decoded one after another."""
        return replace(self, batch=self.batch * count)


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """One way to keep a model, and the most it takes on the device.

    Attributes:
        precision: :data:`FLOAT32`, :data:`BFLOAT16` or :data:`FLOAT16`.
        offload: :data:`TOGETHER`, :data:`TURNS` or :data:`GROUPS`.
        striped: whether large pictures are encoded and decoded in stripes, with the same result.
        quantization: how weights are made smaller, else empty.
        weights: bytes of all weights of all parts, as they are kept.
        text: bytes on the device at most while prompts are read; ``encoding`` (of a picture to start from),
            ``drawing`` and ``decoding`` likewise.
        working: how many of them are no weights, in the phase that takes most.
        main: bytes of main memory that the weights take in any case, also where that is the device; files that are
            read as they are can be read again, so that they take only what one phase needs.
        rank: its place among all ways there are for that device and precision.
    """

    precision: str
    offload: str = TOGETHER
    striped: bool = False
    quantization: str = ""
    weights: int = 0
    text: int = 0
    encoding: int = 0
    drawing: int = 0
    decoding: int = 0
    working: int = 0
    main: int = 0
    rank: int = 0

    @property
    def forecast(self) -> int:
        """The most bytes that it takes on the device."""
        return max(self.text, self.encoding, self.drawing, self.decoding)

    @property
    def way(self) -> str:
        """What it does, in plain words."""
        words = [_SPOKEN[self.precision]]
        if self.quantization == NF4:
            words.append("weights in 4 bits")
        elif self.quantization:
            words.append("weights in 8 bits")
        if self.offload == TURNS:
            words.append("parts wait in main memory for their turn")
        elif self.offload == GROUPS:
            words.append("layers come from main memory one by one")
        if self.striped:
            words.append("decoding in stripes")
        return ", ".join(words)

    def line(self, total: int | None) -> str:
        """One line for people; ``total`` is the memory of the device in bytes, None where it cannot be known."""
        needed = f"{self.way}: about {self.forecast / _GIGA:.1f}"
        return f"{needed} GB" if total is None else f"{needed} of {total / _GIGA:.0f} GB"

    def same_way(self, other: MemoryPlan) -> bool:
        """Whether only the numbers differ."""
        return self.same_weights(other) and (self.offload, self.striped) == (other.offload, other.striped)

    def same_weights(self, other: MemoryPlan) -> bool:
        """Whether the weights need not be changed or read anew to go over to ``other``."""
        return (self.precision, self.quantization) == (other.precision, other.quantization)

    def to_dict(self) -> dict[str, str | int | bool]:
        """For the manifest."""
        return {
            "precision": self.precision,
            "offload": self.offload,
            "striped": self.striped,
            "quantization": self.quantization,
            "forecast_bytes": self.forecast,
        }


@dataclass(frozen=True, kw_only=True)
class Model:
    """What plans need of a model.

    Attributes:
        folder: of the model.
        parts: its networks.
        stripes: whether its decoder works in stripes.
        upcasts: whether its decoder computes in full precision whatever the plan.
        quantizes: whether its weights can be made smaller while they are read.
    """

    folder: ModelFolder
    parts: tuple[Part, ...]
    stripes: bool
    upcasts: bool = False
    quantizes: bool = True

    @property
    def packed(self) -> bool:
        """Whether some weights are in few bits in their file, and stay so."""
        return any(part.packed for part in self.parts)


def plans(
    model: Model, demand: Demand, *, device: str, precision: str, without: Collection[str] = ()
) -> tuple[MemoryPlan, ...]:
    """All ways to keep a model for that demand, each leaner than the one before.

    Args:
        model: see :class:`Model`.
        demand: what is to be drawn.
        device: torch's type of the device.
        precision: the best one there; leaner ones follow from it on a processor.
        without: ways to make weights smaller that cannot be had here; ranks are the same without them.
    """
    ways = _on_processor(precision) if device == "cpu" else _on_device(precision, device)
    result: list[MemoryPlan] = []
    for rank, way in enumerate(ways):
        # Before the comparison: what is no leaner than one that cannot be had may be the leanest that can.
        if way.quantization and (not model.quantizes or way.quantization in without):
            continue
        # A decoder that knows no stripes decodes whole in the lean ways too.
        way = replace(way, striped=way.striped and model.stripes)
        if any(way.same_way(plan) for plan in result):
            continue
        # Weights in few bits are no numbers of another precision.
        if model.packed and way.precision != precision:
            continue
        plan = replace(_forecast(way, model, demand, device), rank=rank)
        if not result or plan.forecast < result[-1].forecast * _LEANER:
            result.append(plan)
    return tuple(result)


def choose(found: Iterable[MemoryPlan], free: int | None) -> MemoryPlan:
    """The first plan that fits into ``free`` bytes (None: not known), else the leanest.

    Raises:
        ValueError: there are no plans.
    """
    every = tuple(found)
    if not every:
        raise ValueError("There is no plan to choose from.")
    if free is None:
        return every[0]
    room = free * (1.0 - DEVICE_RESERVE)
    return next((plan for plan in every if plan.forecast <= room), every[-1])


def fits_main(plan: MemoryPlan, room: int) -> bool:
    """Whether ``room`` bytes of main memory are enough for a plan."""
    return plan.main <= room * (1.0 - MAIN_RESERVE)


def copied(parts: Iterable[Part], precision: str) -> int:
    """Bytes of weights in another precision than their file has: copies, which the file cannot be read for again."""
    return sum(part.weights * ITEMSIZE[precision] for part in parts if part.stored != precision)


def row_plan(row: CatalogRow, *, free: int | None, precision: str = BFLOAT16) -> MemoryPlan:
    """The plan for a model that is not on this machine yet, from its row; its forecast is rough.

    Args:
        row: of the catalogue.
        free: bytes free on the device.
        precision: of the weights there.
    """
    size = ITEMSIZE[precision]
    denoiser, text = (round(x * _GIGA) for x in (row.denoiser_billions, row.text_encoder_billions))
    layers = round((row.size / 16) ** 2 * _WIDEST * 1.5 * size)
    # About what the autoencoders of most families take: a thousand maps of a byte each, by precision.
    coded = ITEMSIZE[FLOAT32] if row.family in _UPCAST else size
    decoder = row.size**2 * 768 * coded
    stripes = STRIPE_BYTES * STRIPES_ALIVE
    own = round(row.decoder_gigabytes * _GIGA)
    found: list[MemoryPlan] = []
    for way in _on_device(precision, "cuda"):
        way = replace(way, striped=way.striped and row.family not in _UNSTRIPED)
        if any(way.same_way(plan) for plan in found):
            continue
        weight = QUANTIZED_BYTES.get(way.quantization, size)
        drawing = round(denoiser * weight)
        reading = round(text * (weight if TEXT in _QUANTIZED.get(way.quantization, ()) else size))
        last = stripes if way.striped else decoder
        found.append(
            _together(way, reading, reading, drawing, own, (0, 0, layers, last), drawing // 20, own * coded // size)
        )
    leaner = [found[0]]
    for plan in found[1:]:
        if plan.forecast < leaner[-1].forecast * _LEANER:
            leaner.append(plan)
    return choose(leaner, free)


def _on_processor(precision: str) -> list[MemoryPlan]:
    plain = [MemoryPlan(precision=precision), MemoryPlan(precision=precision, striped=True)]
    if precision != FLOAT32:
        return plain
    return [*plain, *(replace(plan, precision=BFLOAT16) for plan in plain)]


def _on_device(precision: str, device: str) -> list[MemoryPlan]:
    found = [MemoryPlan(precision=precision), MemoryPlan(precision=precision, striped=True)]
    if device == "mps":
        return found  # its memory is the main memory
    found += [replace(plan, offload=TURNS) for plan in found]
    smaller = [name for name, package in PACKAGES.items() if device == "cuda" and _installed(package)]
    lean = found[-1]
    found += [replace(lean, quantization=name) for name in (*smaller, FLOAT8)]
    return [*found, replace(lean, offload=GROUPS)]


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _forecast(way: MemoryPlan, model: Model, demand: Demand, device: str) -> MemoryPlan:
    size = ITEMSIZE[way.precision]
    small = _QUANTIZED.get(way.quantization, ())

    def kept(part: Part) -> int:
        if part.packed:
            return round(part.weights * part.packed)
        if part.role not in small or part.exact:
            return part.weights * size
        # Of convolutions and tables of words nothing gets smaller but in 8 bits without a package.
        rigid = part.rigid if way.quantization in PACKAGES else 0
        return round((part.weights - rigid) * QUANTIZED_BYTES[way.quantization] + rigid * size)

    parts = (*model.parts, *demand.extra)
    by_role = {role: [part for part in parts if part.role == role] for role in (TEXT, DENOISER)}
    texts = [kept(part) for part in by_role[TEXT]]
    drawing = sum(kept(part) for part in by_role[DENOISER])
    others = sum(kept(part) for part in model.parts if part.role not in by_role)
    own = sum(kept(part) for part in model.parts if part.role == DECODER)
    decoder_size = 4 if model.upcasts else size
    latents = demand.pixels // model.folder.latent_pixels**2
    layers = (
        text_bytes(parts, size),
        _encoding(model, demand, decoder_size, way.striped, device) if demand.encodes else 0,
        denoiser_bytes(
            model.folder, model.parts, width=demand.width, height=demand.height, batch=demand.batch, itemsize=size
        )
        + held_bytes(model.parts, latents=latents, itemsize=size),
        _decoding(model, demand, decoder_size, way.striped, device),
    )
    # Coding in another precision makes the autoencoder larger meanwhile.
    grown = others + own * (decoder_size // size - 1)
    largest = max((part.largest for part in parts if part.role != DECODER), default=0) * size
    plan = _together(way, sum(texts), max(texts, default=0), drawing, others, layers, largest, grown)
    return replace(plan, main=_main_memory(way, parts, kept, device))


def _main_memory(way: MemoryPlan, parts: tuple[Part, ...], kept: Callable[[Part], int], device: str) -> int:
    """What the weights of a plan take of main memory; ``kept`` says how many bytes a part has."""
    if device == "mps":
        return sum(kept(part) for part in parts)
    size = ITEMSIZE[way.precision]
    # The others are mapped files, see :func:`copied`.
    copies = [part for part in parts if part.stored != way.precision]
    if way.quantization == FLOAT8:
        read = sum(max(kept(part), part.weights * size) for part in copies)
    else:
        read = sum(kept(part) for part in copies)
    if way.offload == TOGETHER and device != "cpu":
        # Each part goes to the device before the next one is read.
        return max((kept(part) for part in copies), default=0)
    if way.offload == TURNS or (way.offload == GROUPS and device != "cuda"):
        # What has been on the device comes back as a copy.
        return max(read, sum(kept(part) for part in parts if part.role in (TEXT, DENOISER)))
    mapped = [part for part in parts if part.stored == way.precision]
    return read + max(sum(kept(part) for part in mapped if part.role == role) for role in (TEXT, DENOISER, DECODER))


def _together(
    way: MemoryPlan,
    texts: int,
    largest_text: int,
    drawing: int,
    others: int,
    layers: tuple[int, int, int, int],
    largest: int,
    grown: int,
) -> MemoryPlan:
    """The plan with its forecast, in bytes.

    Args:
        way: the plan without numbers.
        texts: all text encoders; ``largest_text`` the largest of them.
        drawing: the networks that draw.
        others: the autoencoder and what else there is, which always stays on the device.
        layers: what layers take while they read prompts, encode, draw and decode; 0: that is not done.
        largest: the largest tensor, of which two are on the device where layers come one by one.
        grown: ``others`` while they encode or decode.
    """
    if way.offload == GROUPS:
        resident = (2 * largest + others, grown, 2 * largest + others, grown)
    elif way.offload == TURNS:
        # An autoencoder that takes much gets the whole device; of the others the last one to work is there.
        before, after = (max(largest_text, drawing), drawing) if way.striped else (0, 0)
        resident = (largest_text + others, before + grown, drawing + others, after + grown)
    else:
        every = texts + drawing
        resident = (every + others, every + grown, every + others, every + grown)
    if not layers[1]:
        resident = (resident[0], 0, *resident[2:])
    phases = [there + working for there, working in zip(resident, layers, strict=True)]
    most = phases.index(max(phases))
    return replace(
        way,
        weights=texts + drawing + others,
        text=phases[0],
        encoding=phases[1],
        drawing=phases[2],
        decoding=phases[3],
        working=layers[most],
    )


def _encoding(model: Model, demand: Demand, itemsize: int, striped: bool, device: str) -> int:
    # With its margins.
    return _coding(encoder_bytes, model, (demand.width, demand.height), demand.wraps, itemsize, striped, device)


def _decoding(model: Model, demand: Demand, itemsize: int, striped: bool, device: str) -> int:
    size = (demand.decoded_width, demand.decoded_height)
    return _coding(decoder_bytes, model, size, demand.wraps, itemsize, striped, device)


def _coding(
    whole: Callable[..., int],
    model: Model,
    size: tuple[int, int],
    wraps: bool,
    itemsize: int,
    striped: bool,
    device: str,
) -> int:
    """What a half of the autoencoder takes for pictures of that size; ``whole`` tells it without stripes."""
    found = _in_stripes(model, size, itemsize, device) if striped else None
    if found is not None:
        return found
    return whole(model.folder, width=size[0], height=size[1], itemsize=itemsize, wraps=wraps)


def _in_stripes(model: Model, size: tuple[int, int], itemsize: int, device: str) -> int | None:
    """What coding a picture of that size takes at most; None where it cannot be told."""
    width, height = size
    vae = model.folder.component("vae")
    levels = vae.config.get("block_out_channels") if vae is not None else None
    if not isinstance(levels, list):
        return None
    # Stripes on the device; the maps of the layer that is computed are in main memory.
    latents = (width // model.folder.latent_pixels) * (height // model.folder.latent_pixels)
    small = latents * levels[-1] * itemsize * STRIPES_ALIVE
    stripes = STRIPE_BYTES * STRIPES_ALIVE
    picture = width * height * 3 * itemsize
    if device != "cpu":
        return max(small, stripes + picture)
    maps, pixels = 0, latents
    for number, channels in enumerate(reversed(levels)):
        before = levels[::-1][max(0, number - 1)]
        maps = max(maps, pixels * (before + 2 * channels if before != channels else 2 * channels))
        pixels *= 4 if number < len(levels) - 1 else 1
    # No stripe is larger than the map that it is of.
    return max(small, maps * itemsize + min(stripes, maps * itemsize) + picture)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions as tensors: encoded once by the frozen text encoder, kept in one flat cached file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..engine.head import COLOR_MEAN, COLOR_SCALE, MAX_TOKENS
from ..engine.head_net import TEXT_WIDTH
from ..engine.procedural.parameters import Choice, Color, Number
from ..engine.schema import Schema
from .captions import FAMILY, Caption, Grammar

ENCODE_BATCH = 128


class Encoder(Protocol):
    """The part of the text encoder that training needs."""

    def encode(self, texts: Sequence[str]) -> Any: ...


def write_captions(grammar: Grammar, count: int, seed: int, outside: float = 0.06) -> list[Caption]:
    """``count`` training captions, a share ``outside`` of which are no material; families take turns."""
    rng = np.random.default_rng(seed)
    names = list(grammar.families)
    captions: list[Caption] = []
    for index in range(count):
        if rng.random() < outside:
            captions.append(grammar.out_of_domain(rng))
        else:
            captions.append(grammar.caption(rng, "train", family=names[index % len(names)]))
    return captions


@dataclass
class Targets:
    """What a batch should read; ``n`` is the largest number of parameters of a family.

    ``family`` (batch,), -1 where the text is no material; ``asked`` (batch, n) keys, ``present`` (batch, n)
    where there is one; ``mentioned`` (batch, n); ``value`` (batch, n, 3): unit value, or normalised OKLab;
    ``option`` (batch, n); ``kind`` (batch, n): 0 colour, 1 number, 2 choice; ``tokens`` (batch, n) bit masks of
    the tokens that say it, ``family_tokens`` (batch,) of those that name the material; ``noun`` (batch,) index
    into :func:`known_nouns`, -1 for none of them.
    """

    family: Tensor
    asked: Tensor
    present: Tensor
    mentioned: Tensor
    value: Tensor
    option: Tensor
    kind: Tensor
    tokens: Tensor
    family_tokens: Tensor
    noun: Tensor

    def pick(self, index: Tensor) -> Targets:
        """The samples ``index``."""
        return Targets(**{name: value[index] for name, value in vars(self).items()})


def known_nouns(grammar: Grammar) -> list[tuple[str, str]]:
    """Nouns and related phrases that training may use, each with its family."""
    return [(noun, name) for name in grammar.families for noun in (*grammar.nouns[name], *grammar.related[name])]


def make_targets(
    schema: Schema,
    captions: Sequence[Caption],
    offsets: Sequence[NDArray[np.int32]],
    nouns: Sequence[tuple[str, str]] = (),
) -> Targets:
    """Targets of captions, given the character offsets (tokens, 2) of each one's tokens."""
    count, width = len(captions), schema.max_members
    family = np.full(count, -1, np.int64)
    asked = np.zeros((count, width), np.int64)
    present = np.zeros((count, width), bool)
    mentioned = np.zeros((count, width), bool)
    value = np.zeros((count, width, 3), np.float32)
    option = np.zeros((count, width), np.int64)
    kind = np.zeros((count, width), np.int64)
    tokens = np.zeros((count, width), np.int64)
    family_tokens = np.zeros(count, np.int64)
    noun = np.full(count, -1, np.int64)
    noun_index = {text: index for index, (text, _) in enumerate(nouns)}
    place = {name: index for index, name in enumerate(schema.families)}
    for row, (caption, where) in enumerate(zip(captions, offsets, strict=True)):
        if not caption.family:
            continue
        family[row] = index = place[caption.family]
        noun[row] = noun_index.get(caption.noun, -1)
        bits = {span.key: 0 for span in caption.spans}
        for span in caption.spans:
            bits[span.key] |= _bits(where, span.start, span.end)
        family_tokens[row] = bits.get(FAMILY, 0)
        for column, (item, key) in enumerate(zip(schema.parameters[index], schema.members[index], strict=True)):
            asked[row, column] = key
            present[row, column] = True
            kind[row, column] = 0 if isinstance(item, Color) else 1 if isinstance(item, Number) else 2
            said = caption.mentioned.get(item.name)
            if said is None:
                continue
            mentioned[row, column] = True
            tokens[row, column] = bits.get(item.name, 0)
            if isinstance(item, Color):
                assert isinstance(said, tuple)
                value[row, column] = (np.array(said) - COLOR_MEAN) / COLOR_SCALE
            elif isinstance(item, Number):
                assert isinstance(said, (int, float))
                value[row, column, 0] = item.to_unit(float(said))
            else:
                assert isinstance(item, Choice)
                option[row, column] = list(item.options).index(str(said))
    arrays = {
        "family": family, "asked": asked, "present": present, "mentioned": mentioned, "value": value,
        "option": option, "kind": kind, "tokens": tokens, "family_tokens": family_tokens, "noun": noun,
    }  # fmt: skip
    return Targets(**{name: torch.from_numpy(array) for name, array in arrays.items()})


def _bits(offsets: NDArray[np.int32], start: int, end: int) -> int:
    """Bit mask of the tokens that overlap the characters ``start`` to ``end``."""
    inside = (offsets[:, 0] < end) & (offsets[:, 1] > start) & (offsets[:, 1] > offsets[:, 0])
    return sum(1 << int(index) for index in np.flatnonzero(inside)[:MAX_TOKENS])


def token_mask(bits: Tensor, count: int) -> Tensor:
    """Bit masks as booleans, one more axis of ``count`` tokens."""
    return (bits[..., None] >> torch.arange(count)) & 1 > 0


@dataclass
class Corpus:
    """Encoded captions: ``states`` (all tokens, 384) in half precision, caption ``i`` at ``starts[i]``."""

    captions: list[Caption]
    states: NDArray[np.float16]
    starts: NDArray[np.int64]
    offsets: list[NDArray[np.int32]]
    targets: Targets

    def __len__(self) -> int:
        return len(self.captions)

    def batch(self, index: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Token states (batch, tokens, 384), mask and pooled states of some captions."""
        lengths = self.starts[index + 1] - self.starts[index]
        longest = int(lengths.max())
        states = np.zeros((len(index), longest, TEXT_WIDTH), np.float16)
        for row, caption in enumerate(index):
            states[row, : lengths[row]] = self.states[self.starts[caption] : self.starts[caption + 1]]
        mask = torch.from_numpy(np.arange(longest)[None] < lengths[:, None])
        tensor = torch.from_numpy(states).float()
        mean = tensor.sum(1) / torch.from_numpy(lengths)[:, None]
        return tensor, mask, torch.nn.functional.normalize(mean, dim=-1)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Indices of batches without end; texts of like length together, so that little is padded."""
        lengths = np.diff(self.starts)
        while True:
            order = rng.permutation(len(self))
            for start in range(0, len(order) - size + 1, size * 16):
                block = order[start : start + size * 16]
                block = block[np.argsort(lengths[block], kind="stable")]
                parts = [block[at : at + size] for at in range(0, len(block) - size + 1, size)]
                for part in rng.permutation(len(parts)):
                    yield parts[part]


def encode_corpus(
    captions: list[Caption],
    encoder: Encoder,
    schema: Schema,
    nouns: Sequence[tuple[str, str]],
    cache: Path | None,
    report: Callable[[str], None],
) -> Corpus:
    """Encode captions; a cache folder keeps the states by a hash of the texts for the next run."""
    texts = [caption.text for caption in captions]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:20]
    folder = cache / f"captions-{digest}" if cache is not None else None
    if folder is not None and (folder / "done.json").exists():
        states = np.load(folder / "states.npy", mmap_mode="r")
        starts = np.load(folder / "starts.npy")
        flat = np.load(folder / "offsets.npy")
        report(f"{len(texts)} captions from the cache")
    else:
        states, starts, flat = _encode(texts, encoder, report)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, array in (("states", states), ("starts", starts), ("offsets", flat)):
                np.save(folder / f"{name}.npy", array)
            (folder / "done.json").write_text(json.dumps({"captions": len(texts)}), encoding="utf-8")
    offsets = [flat[starts[index] : starts[index + 1]] for index in range(len(texts))]
    return Corpus(captions, states, starts, offsets, make_targets(schema, captions, offsets, nouns))


def _encode(
    texts: list[str], encoder: Encoder, report: Callable[[str], None]
) -> tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.int32]]:
    order = np.argsort([len(text) for text in texts], kind="stable")
    states: list[NDArray[np.float16]] = [np.empty(0, np.float16)] * len(texts)
    offsets: list[NDArray[np.int32]] = [np.empty(0, np.int32)] * len(texts)
    fast = torch.amp.autocast("cpu", dtype=torch.bfloat16, enabled=_has_bf16())
    for start in range(0, len(texts), ENCODE_BATCH):
        index = order[start : start + ENCODE_BATCH]
        with fast:
            encoded = encoder.encode([texts[i] for i in index])
        lengths = encoded.mask.sum(1).clamp(max=MAX_TOKENS).tolist()
        half = encoded.token_states.to("cpu", torch.float16).numpy()
        where = encoded.offsets.cpu().numpy().astype(np.int32)
        for row, i in enumerate(index):
            states[i] = half[row, : lengths[row]].copy()
            offsets[i] = where[row, : lengths[row]].copy()
        if start // ENCODE_BATCH % 50 == 0:
            report(f"encoded {start} of {len(texts)} captions")
    starts = np.concatenate(([0], np.cumsum([len(part) for part in states]))).astype(np.int64)
    return np.concatenate(states), starts, np.concatenate(offsets)


def _has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; emulated, it would be slower than float32."""
    return any(word in torch.backends.cpu.get_cpu_capability() for word in ("AMX", "BF16")) or _amx()


def _amx() -> bool:
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe()) if probe is not None else False

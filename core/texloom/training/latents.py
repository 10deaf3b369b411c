# SPDX-License-Identifier: GPL-3.0-or-later
"""What the latent generator learns from, made once: the corpus' latents and its captions' token states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..engine.learned_text import MAX_TOKENS, embedded_head, with_meaning
from ..engine.meaning import Layout, meanings
from ..engine.procedural.family import Family, families
from ..engine.procedural.parameters import Value
from ..engine.text_encoder import TextEncoder
from .captions import Grammar
from .heads import report
from .learned_state import autocast
from .recaption import recaption
from .tiles import Tiles

BORDER = 3
"""Latents around a tile while it is encoded."""

EMPTY_TEXT = ""
"""Its states stand for no text at all."""


@dataclass
class Learned:
    """Latents [N, variants, C, H, W] in half precision of N tiles, each variant moved by part of a latent, half of them
    mirrored; for each tile the captions ``captions[n]``, rows into ``states`` [texts, tokens, 384] with ``lengths``.

    Row 0 of ``states`` is the empty text.  ``meanings`` [texts, W] is what the head reads in each text, in ``layout``,
    and ``truth`` [N, W] the same with everything said that is true of a tile.
    """

    latents: Tensor
    states: Tensor
    lengths: Tensor
    meanings: Tensor
    truth: Tensor
    layout: Layout
    captions: list[list[int]]
    texts: list[str]
    rows: list[dict[str, Any]]

    @property
    def width(self) -> int:
        """Channels of what :meth:`text` says of a token."""
        return int(self.states.shape[-1]) + self.layout.width

    def text(
        self, chosen: Sequence[int], meaning: Tensor | None = None, most: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Token states [B, T, :attr:`width`] and mask [B, T] (1 where there is a token) of these texts.

        ``meaning`` [B, W] takes the place of what the head reads in them; ``most`` tokens are given at most.
        """
        index = torch.as_tensor(list(chosen))
        lengths = self.lengths[index] if most is None else self.lengths[index].clamp(max=most)
        longest = int(lengths.max())
        states = self.states[index, :longest].float()
        mask = (torch.arange(longest)[None] < lengths[:, None]).float()
        return with_meaning(states, self.meanings[index].float() if meaning is None else meaning), mask

    def partly_told(self, rng: np.random.Generator, picked: Sequence[int]) -> Tensor:
        """[B, W] meanings of the tiles ``picked``: the family, and of all that is true a part of any size."""
        kept = rng.random((len(picked), len(self.layout.keys))) < rng.random((len(picked), 1))
        # The families are in group -1, which is the column added at the end.
        kept = np.concatenate((kept, np.ones((len(picked), 1), dtype=bool)), axis=1)
        return self.truth[torch.as_tensor(list(picked))] * torch.from_numpy(kept)[:, self.layout.groups]


def prepare(
    tiles: Tiles,
    vae: Any,
    *,
    cache: Path,
    encoder: TextEncoder | None = None,
    variants: int = 4,
    captions: int = 6,
    seed: int = 3,
    device: str = "cpu",
) -> Learned:
    """Encode a corpus' training samples with ``vae``; what the folder ``cache`` holds of the same is taken as it is."""
    train, _ = tiles.split()
    rows = [tiles.rows[int(index)] for index in train]
    texts, owners = _texts(rows, captions, seed)
    key = hashlib.sha256("\n".join(texts).encode())
    layout = Layout.of(embedded_head().schema)
    key.update(embedded_head().schema.digest().encode())
    states, lengths, meant = _cached(
        cache / f"text-{key.hexdigest()[:16]}.safetensors",
        ("states", "lengths", "meanings"),
        lambda: _encoded(texts, encoder, layout),
    )
    for name, value in vae.state_dict().items():
        if name.startswith("encoder."):
            key.update(value.detach().cpu().float().numpy().tobytes())
    key.update(f"{variants} {seed}".encode())
    (latents,) = _cached(
        cache / f"latents-{key.hexdigest()[:16]}.safetensors",
        ("latents",),
        lambda: (_latents(tiles, train, vae, variants, seed, device),),
    )
    return Learned(
        latents=latents, states=states, lengths=lengths, meanings=meant, truth=_truth(rows, layout), layout=layout,
        captions=owners, texts=texts, rows=rows,
    )  # fmt: skip


def _cached(path: Path, names: tuple[str, ...], make: Any) -> tuple[Tensor, ...]:
    if path.is_file():
        found = load_file(path)
        return tuple(found[name] for name in names)
    made: tuple[Tensor, ...] = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    save_file(dict(zip(names, made, strict=True)), aside)
    aside.replace(path)
    return made


def _texts(rows: Sequence[dict[str, Any]], count: int, seed: int) -> tuple[list[str], list[list[int]]]:
    """All texts, the empty one first, and for each row which are its own: the one it was made for and more."""
    registry = families()
    grammar = Grammar(registry)
    texts, owners = [EMPTY_TEXT], []
    for number, row in enumerate(rows):
        rng = np.random.default_rng((seed, number))
        kind = registry.get(row["family"])
        own = [row["caption"]]
        # Of two materials only its own caption tells; others would speak of the first alone.
        if kind is not None and "second" not in row:
            own += [recaption(grammar, rng, row["family"], _values(kind, row)) for _ in range(count - 1)]
        owners.append(list(range(len(texts), len(texts) + len(own))))
        texts += own
    return texts, owners


def _values(kind: Family, row: dict[str, Any]) -> dict[str, Value]:
    """What a sample was drawn with, parsed; parameters that its family no longer has are left out."""
    parameters = {item.name: item for item in kind.all_parameters()}
    return {name: parameters[name].parse(value) for name, value in row["parameters"].items() if name in parameters}


def _truth(rows: Sequence[dict[str, Any]], layout: Layout) -> Tensor:
    registry = families()
    found: list[Tensor] = []
    for row in rows:
        kind = registry.get(row["family"])
        values = {} if kind is None else _values(kind, row)
        meaning = layout.told(row["family"], () if kind is None else kind.all_parameters(), values)
        second = row.get("second", {}).get("family")
        if second in layout.families:
            shares = meaning[: len(layout.families)]
            shares *= 0.5
            shares[layout.families.index(second)] = shares.max()
        found.append(meaning)
    return torch.stack(found)


def _encoded(texts: list[str], encoder: TextEncoder | None, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    encoder = encoder or TextEncoder()
    encoder.load()
    order = np.argsort([len(text) for text in texts], kind="stable")
    states = torch.zeros(len(texts), MAX_TOKENS, 384, dtype=torch.float16)
    lengths = torch.zeros(len(texts), dtype=torch.int64)
    meant = torch.zeros(len(texts), layout.width, dtype=torch.float16)
    for start in range(0, len(order), 64):
        index = order[start : start + 64]
        with autocast("cpu"):
            found = encoder.encode([texts[i] for i in index])
        count = min(MAX_TOKENS, found.mask.shape[1])
        states[index, :count] = found.token_states[:, :count].half()
        lengths[index] = found.mask[:, :count].sum(1)
        meant[index] = meanings(embedded_head(), layout, found).half().cpu()
        if start // 64 % 40 == 0:
            report(f"encoded {start} of {len(texts)} captions")
    # No text means nothing, whatever the head reads in its two marks.
    meant[[not text for text in texts]] = 0.0
    return states[:, : int(lengths.max())].contiguous(), lengths, meant


@torch.no_grad()
def _latents(tiles: Tiles, chosen: NDArray[np.int64], vae: Any, variants: int, seed: int, device: str) -> Tensor:
    rng = np.random.default_rng(seed)
    vae = vae.to(device).eval()
    pixels = vae.spatial_compression_ratio
    parts: list[Tensor] = []
    for start in range(0, len(chosen), 8):
        truth = tiles.whole(chosen[start : start + 8])
        moved: list[Tensor] = []
        for variant in range(variants):
            down, across = (int(value) for value in rng.integers(pixels, size=2))
            turned = truth.flip(-1) if variant % 2 else truth
            moved.append(turned.roll((down, across), (-2, -1)))
        latents = encoded_tiles(vae, torch.stack(moved, 1).flatten(0, 1).to(device))
        parts.append(latents.unflatten(0, (len(truth), variants)).half().cpu())
        if start // 8 % 50 == 0:
            report(f"encoded {start} of {len(chosen)} tiles")
    return torch.cat(parts)


@torch.no_grad()
def encoded_tiles(vae: Any, tiles: Tensor) -> Tensor:
    """Latents [B, channels, h, w] in single precision of tiles [B, 6, H, W], on the device of both."""
    # As if the encoder wrapped around, which is several times slower: a border of the tile's other side.
    batch = F.pad(tiles, (BORDER * vae.spatial_compression_ratio,) * 4, mode="circular")
    with autocast(tiles.device.type):
        latents: Tensor = vae.encode(batch.contiguous(memory_format=torch.channels_last)).latent
    return latents[..., BORDER:-BORDER, BORDER:-BORDER].float()


def held_out_rows(tiles: Tiles) -> list[dict[str, Any]]:
    """The samples kept for measuring: caption, family, parameters."""
    return [tiles.rows[int(index)] for index in tiles.split()[1]]


def facts_of(rows: Sequence[dict[str, Any]]) -> str:
    """A short hash of the samples, for records."""
    return hashlib.sha256(json.dumps(list(rows), sort_keys=True).encode()).hexdigest()[:16]

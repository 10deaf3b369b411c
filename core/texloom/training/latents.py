# SPDX-License-Identifier: GPL-3.0-or-later
"""What the latent generator learns from, made once: the corpus' latents and its captions' token states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache as remembered
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..engine import color_names, sketch
from ..engine.head import Head
from ..engine.learned_text import MAX_TOKENS, with_meaning
from ..engine.material_plan import FOLDER, embedded_head
from ..engine.meaning import Layout, meanings
from ..engine.procedural.family import Family, families
from ..engine.procedural.parameters import Value
from ..engine.text_encoder import TextEncoder
from ..storage import files_sum, write_bytes_atomic
from .captions import Grammar
from .heads import report
from .learned_state import autocast, sent
from .parallel import check_time, cores, spread
from .recaption import recaption
from .tiles import Tiles

BORDER = 3
"""Latents around a tile while it is encoded."""

EMPTY_TEXT = ""
"""Its states stand for no text at all."""

_TEXTS, _TILES = 4096, 128
"""How many are encoded between two looks at the clock; each such part is a file of the cache."""
_CHUNK = 250  # Samples whose captions one process writes at a time; starting it takes as long as that.
_WRITERS = ("captions", "recaption", "blended", "sentences", "phrasing", "related", "colors")
_ROUND = 16  # Tokens, on cards: compiled networks and kernels are made anew for each length.


@dataclass
class Learned:
    """Latents [N, variants, C, H, W] in half precision of N tiles, each variant moved by part of a latent, half of them
    mirrored, and ``sketches`` [N, variants, C, H, W] of the same; for each tile the captions ``captions[n]``, one after
    the other, rows of ``starts`` and ``lengths``: where in ``states`` [tokens, 384] those of a text stand.

    Text 0 is the empty one.  ``meanings`` [texts, W] is what the head reads in each text, in ``layout``, and ``truth``
    [N, W] the same with everything said that is true of a tile.  ``lengths`` stays in main memory.
    """

    latents: Tensor
    sketches: Tensor
    states: Tensor
    starts: Tensor
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

    @property
    def device(self) -> torch.device:
        """Where everything large is, and what is asked for comes from."""
        return self.latents.device

    def to(self, device: str) -> Learned:
        """The same on ``device``."""
        if torch.device(device).type == self.device.type:
            return self
        large = ("latents", "sketches", "states", "starts", "meanings", "truth")
        return replace(self, **{name: getattr(self, name).to(device) for name in large})

    @cached_property
    def _groups(self) -> Tensor:
        return self.layout.groups.to(self.device)

    @cached_property
    def _own(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first caption of each tile, and how many there are."""
        return np.array([own[0] for own in self.captions]), np.array([len(own) for own in self.captions])

    def say(self, rng: np.random.Generator, picked: NDArray[np.int64], unsaid: float) -> NDArray[np.int64]:
        """One of the captions of each tile ``picked``; the part ``unsaid`` of them gets the empty text."""
        first, count = self._own
        # Drawn alike from any number of captions, so that as many random numbers are used.
        chosen = first[picked] + (rng.random(len(picked)) * count[picked]).astype(np.int64)
        return np.where(rng.random(len(picked)) < unsaid, 0, chosen)

    def text(
        self,
        chosen: Sequence[int] | NDArray[np.int64],
        meaning: Tensor | None = None,
        most: int | None = None,
        least: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Token states [B, T, :attr:`width`] and mask [B, T] (1 where there is a token) of these texts.

        ``meaning`` [B, W] takes the place of what the head reads in them; ``most`` tokens are given at most, and
        shorter texts padded to ``least``.
        """
        asked = np.asarray(chosen)
        index = torch.from_numpy(asked)
        lengths = self.lengths[index] if most is None else self.lengths[index].clamp(max=most)
        longest = max(int(lengths.max()), least)
        if self.device.type != "cpu" and most is None:
            longest = -(-longest // _ROUND) * _ROUND
        index, lengths = sent(asked, self.device), lengths.to(self.device, non_blocking=True)
        mask = torch.arange(longest, device=self.device)[None] < lengths[:, None]
        place = (self.starts[index, None] + torch.arange(longest, device=self.device)) * mask
        states = self.states[place].float() * mask[..., None]
        return with_meaning(states, self.meanings[index].float() if meaning is None else meaning), mask.float()

    def partly_told(self, rng: np.random.Generator, picked: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """[B, W] meanings of the tiles ``picked``: the family, and of all that is true everything or a part of any
        size, each half of the time."""
        # The engine completes what a prompt leaves open, so that everything is what is told most.
        part = rng.random((len(picked), 1), np.float32) * 2.0
        kept = rng.random((len(picked), len(self.layout.keys)), np.float32) < part
        # The families are in group -1, which is the column added at the end.
        kept = np.concatenate((kept, np.ones((len(picked), 1), dtype=bool)), axis=1)
        return self.truth[sent(np.asarray(picked), self.device)] * sent(kept, self.device)[:, self._groups]


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
    processes: int | None = None,
    deadline: float | None = None,
) -> Learned:
    """Encode a corpus' training samples with ``vae``; what the folder ``cache`` holds of the same is taken as it is.

    Args:
        tiles: the corpus.
        vae: the autoencoder.
        cache: folder of what is made once.
        encoder: of texts.
        variants: latents made of each tile.
        captions: of each tile.
        seed: of the captions and variants.
        device: encodes.
        processes: write captions; None takes the machine's cores.
        deadline: as :func:`.parallel.deadline_in` gives it.

    Raises:
        OutOfTimeError: it is past ``deadline``; what is made is in ``cache``, and each call makes some more.
    """
    train, _ = tiles.split()
    rows = [tiles.rows[int(index)] for index in train]
    layout = Layout.of(embedded_head().schema)
    reader = encoder or TextEncoder()
    texts, owners, truth, told = _told(
        rows, captions, seed, layout, cache, cores() if processes is None else processes, tiles.size
    )
    key = hashlib.sha256(told.encode())
    key.update("\n".join(texts).encode())
    folder = cache / f"text-{key.hexdigest()[:16]}"

    def states_of(start: int, stop: int) -> dict[str, Tensor]:
        return _encoded(texts[start:stop], reader, layout, device)

    text = _in_parts(folder, len(texts), _TEXTS, states_of, deadline)
    # Whatever is said of them, tiles are the same.
    key = hashlib.sha256()
    for name, value in vae.state_dict().items():
        if name.startswith("encoder."):
            key.update(value.detach().cpu().float().numpy().tobytes())
    pixels = int(vae.spatial_compression_ratio)
    made_of = f"{variants} {seed} {tiles.size} {tiles.shards_sum()}".encode()
    key.update(made_of)
    folder = cache / f"latents-{key.hexdigest()[:16]}"
    vae = vae.to(device).eval()

    def latents_of(start: int, stop: int) -> dict[str, Tensor]:
        return {"latents": _latents(tiles, train[start:stop], vae, variants, (seed, start), device)}

    def sketches_of(start: int, stop: int) -> dict[str, Tensor]:
        return {"sketches": _sketches(tiles, train[start:stop], pixels, variants, (seed, start))}

    latents = _in_parts(folder, len(train), _TILES, latents_of, deadline)["latents"]
    kept = hashlib.sha256(made_of + f"{pixels} {files_sum((Path(sketch.__file__),))}".encode()).hexdigest()[:16]
    sketches = _in_parts(cache / f"sketches-{kept}", len(train), _TILES, sketches_of, deadline)["sketches"]
    return Learned(
        latents=latents, sketches=sketches, states=text["states"], starts=text["lengths"].cumsum(0) - text["lengths"],
        lengths=text["lengths"], meanings=text["meanings"], truth=truth, layout=layout, captions=owners, texts=texts,
        rows=rows,
    )  # fmt: skip


def _in_parts(
    folder: Path, total: int, size: int, make: Callable[[int, int], dict[str, Tensor]], deadline: float | None
) -> dict[str, Tensor]:
    """What ``make`` gives for 0 to ``total``, asked for ``size`` at a time; every part is kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, Tensor]] = []
    made = False
    for start in range(0, total, size):
        path = folder / f"{start:07d}.safetensors"
        if path.is_file():
            parts.append(load_file(path))
            continue
        if made:  # Something at each call, or many short ones would never come to an end.
            check_time(deadline)
        parts.append(make(start, min(total, start + size)))
        aside = path.with_suffix(".tmp")
        save_file(parts[-1], aside)
        aside.replace(path)
        made = True
        report(f"encoded {min(total, start + size)} of {total} into {folder.name}")
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _told(
    rows: list[dict[str, Any]], count: int, seed: int, layout: Layout, cache: Path, processes: int, size: int
) -> tuple[list[str], list[list[int]], Tensor, str]:
    """All texts, the empty one first; for each row which are its own; what is true of it; and a hash of all this."""
    key = hashlib.sha256(json.dumps([rows, count, seed, size], sort_keys=True).encode())
    key.update(embedded_head().schema.digest().encode())
    key.update(_sources().encode())
    if any("second" in row for row in rows):
        key.update(b"signed")  # as Layout.told tells of two materials
    digest = key.hexdigest()[:16]
    words, numbers = cache / f"told-{digest}.json", cache / f"told-{digest}.safetensors"
    if words.is_file() and numbers.is_file():
        own = json.loads(words.read_text(encoding="utf-8"))
        truth = load_file(numbers)["truth"].float()
    else:
        tasks = [(rows[at : at + _CHUNK], at, count, seed, layout) for at in range(0, len(rows), _CHUNK)]
        found = dict(spread(_told_of, tasks, processes))
        own = [texts for number in sorted(found) for texts in found[number][0]]
        truth = torch.from_numpy(np.concatenate([found[number][1] for number in sorted(found)]))
        cache.mkdir(parents=True, exist_ok=True)
        save_file({"truth": truth}, numbers)
        write_bytes_atomic(words, json.dumps(own, ensure_ascii=False).encode())
    texts, owners = [EMPTY_TEXT], []
    for mine in own:
        owners.append(list(range(len(texts), len(texts) + len(mine))))
        texts += mine
    return texts, owners, truth, digest


@remembered
def _sources() -> str:
    """A sum of what writes captions, and of the words that they are made of."""
    here, engine = Path(__file__).parent, Path(color_names.__file__).parent
    tables = (*sorted(here.glob("*.csv")), *sorted(engine.glob("color_names.*")))
    return files_sum((*tables, *(here / f"{name}.py" for name in _WRITERS)))


@remembered
def _grammar() -> Grammar:
    return Grammar(families())


def _told_of(
    rows: Sequence[dict[str, Any]], start: int, count: int, seed: int, layout: Layout
) -> tuple[list[list[str]], NDArray[np.float32]]:
    """The texts of each of these rows, from number ``start`` on, and what is true of them, [rows, W]."""
    registry, grammar = families(), _grammar()
    found: list[list[str]] = []
    for number, row in enumerate(rows, start):
        rng = np.random.default_rng((seed, number))
        kind = registry.get(row["family"])
        own = [row["caption"]]
        # Of two materials only its own caption tells; others would speak of the first alone.
        if kind is not None and "second" not in row:
            own += [recaption(grammar, rng, row["family"], _values(kind, row)) for _ in range(count - 1)]
        found.append(own)
    return found, _truth(rows, layout).numpy()


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
        parameters = () if kind is None else kind.all_parameters()
        second = row.get("second")
        other = None if second is None else (second["family"], second["mode"])
        found.append(layout.told(row["family"], parameters, values, other))
    return torch.stack(found)


@remembered
def _head(device: str) -> Head:
    return embedded_head() if device == "cpu" else Head.load(FOLDER, families(), device)


def _encoded(texts: list[str], encoder: TextEncoder, layout: Layout, device: str) -> dict[str, Tensor]:
    """States [tokens, 384] of all texts one after the other, their lengths, and what the head reads in them."""
    encoder.load(device)
    order = np.argsort([len(text) for text in texts], kind="stable")
    states: list[Tensor] = [torch.empty(0)] * len(texts)
    lengths = torch.zeros(len(texts), dtype=torch.int64)
    meant = torch.zeros(len(texts), layout.width, dtype=torch.float16)
    for start in range(0, len(order), 64):
        index = order[start : start + 64]
        with autocast(device):
            found = encoder.encode([texts[i] for i in index])
        count = min(MAX_TOKENS, found.mask.shape[1])
        half = found.token_states[:, :count].half().cpu()
        lengths[index] = found.mask[:, :count].sum(1).cpu()
        meant[index] = meanings(_head(device), layout, found).half().cpu()
        for row, place in enumerate(index):
            states[place] = half[row, : int(lengths[place])]
    # No text means nothing, whatever the head reads in its two marks.
    meant[[not text for text in texts]] = 0.0
    return {"states": torch.cat(states), "lengths": lengths, "meanings": meant}


@torch.no_grad()
def _latents(
    tiles: Tiles, chosen: NDArray[np.int64], vae: Any, variants: int, seed: tuple[int, int], device: str
) -> Tensor:
    at_once = 8 if torch.device(device).type == "cpu" else max(1, 64 * 256**2 // tiles.size**2)
    return torch.cat(
        [
            encoded_tiles(vae, moved.flatten(0, 1).to(device)).unflatten(0, moved.shape[:2]).half().cpu()
            for moved in _variants(tiles, chosen, vae.spatial_compression_ratio, variants, seed, at_once)
        ]
    )


def _sketches(tiles: Tiles, chosen: NDArray[np.int64], pixels: int, variants: int, seed: tuple[int, int]) -> Tensor:
    return torch.cat(
        [
            sketch.sketch_of(moved.flatten(0, 1), pixels).unflatten(0, moved.shape[:2]).half().cpu()
            for moved in _variants(tiles, chosen, pixels, variants, seed, 8)
        ]
    )


def _variants(
    tiles: Tiles, chosen: NDArray[np.int64], pixels: int, variants: int, seed: tuple[int, int], at_once: int
) -> Iterator[Tensor]:
    """The tiles ``chosen`` as [B, variants, 6, H, W], each variant moved by less than ``pixels``."""
    rng = np.random.default_rng(seed)
    for start in range(0, len(chosen), at_once):
        truth = tiles.whole(chosen[start : start + at_once])
        moved: list[Tensor] = []
        for variant in range(variants):
            down, across = (int(value) for value in rng.integers(pixels, size=2))
            turned = truth.flip(-1) if variant % 2 else truth
            moved.append(turned.roll((down, across), (-2, -1)))
        yield torch.stack(moved, 1)


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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Captioned, exactly tileable materials without end, for training learned generators.

``python -m texloom.training.corpus --count 1000 --size 256 --out corpus`` writes shards: safetensors with the maps,
and a JSON line a sample with its caption and parameters.  A sample depends on the seed and its number alone, so that
shards are made by all cores at once, or on many machines, and a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from ..engine.procedural.blending import Blended
from ..engine.procedural.draw import Drawn, draw
from ..engine.procedural.family import families
from ..errors import TexloomError
from ..storage import write_bytes_atomic
from .blended import blended
from .captions import Grammar
from .parallel import MORE, OutOfTimeError, check_time, cores, deadline_in, spread


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One material: its ``caption``, ``family``, ``parameters`` in JSON types, maps, and tile width in metres.

    ``second`` is the other material of a blend: ``family``, ``mode``, ``amount`` and ``parameters``.
    """

    caption: str
    family: str
    parameters: dict[str, str | float]
    width_m: float
    maps: Drawn
    second: dict[str, Any] | None = None


BLENDS = 0.1
"""The part of the samples that are two materials at once."""

_WORTH = 100
"""Samples for which it is worth to start one more process, which takes some seconds."""


def sample(
    number: int,
    *,
    size: int,
    seed: int = 0,
    grammar: Grammar | None = None,
    device: str = "cpu",
    blends: float = BLENDS,
) -> Sample:
    """Sample ``number`` of the corpus ``seed``: what the caption leaves open is natural for the family.

    Args:
        number: 0 or more.
        size: pixels a side.
        seed: of the corpus.
        grammar: to save making one each time.
        device: draws the maps.
        blends: the part of all samples that are two materials at once; the others are the same for any part.
    """
    registry = families()
    grammar = grammar or Grammar(registry)
    chance = np.random.default_rng((seed, number, 2))
    if chance.random() < blends:
        return _blend(grammar, chance, size, device)
    rng = np.random.default_rng((seed, number))
    caption = grammar.caption(rng, "train")
    family = registry[caption.family]
    # Anywhere in the tile: a learned model must not take the border for a place of its own.
    phase = (float(rng.random()), float(rng.random()))
    maps = draw(
        family, caption.values, width=size, height=size, width_m=family.tile_width_m,
        seed=int(rng.integers(2**31)), device=device, phase=phase,
    )  # fmt: skip
    told = family.to_json(caption.values)
    return Sample(caption=caption.text, family=family.name, parameters=told, width_m=family.tile_width_m, maps=maps)


def _blend(grammar: Grammar, rng: np.random.Generator, size: int, device: str) -> Sample:
    made = blended(grammar, rng)
    first, second = families()[made.first], made.second
    phase = (float(rng.random()), float(rng.random()))
    maps = draw(
        Blended(first, second), made.values, width=size, height=size, width_m=first.tile_width_m,
        seed=int(rng.integers(2**31)), device=device, phase=phase,
    )  # fmt: skip
    told = {"family": second.family.name, "mode": second.mode, "amount": second.amount}
    return Sample(
        caption=made.text,
        family=first.name,
        parameters=first.to_json(made.values),
        width_m=first.tile_width_m,
        maps=maps,
        second={**told, "parameters": second.family.to_json(second.values)},
    )


def samples(
    start: int, stop: int, *, size: int, seed: int = 0, device: str = "cpu", blends: float = BLENDS
) -> Iterator[Sample]:
    """Samples ``start`` to ``stop`` (excluded)."""
    grammar = Grammar(families())
    for number in range(start, stop):
        yield sample(number, size=size, seed=seed, grammar=grammar, device=device, blends=blends)


def write_shard(folder: Path, index: int, found: Sequence[Sample]) -> Path:
    """Write ``<index>.safetensors`` (maps stacked) and ``<index>.jsonl``; the latter last, so it marks a whole shard.

    Raises:
        StorageError: it could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: torch.stack([getattr(item.maps, name).cpu() for item in found])
        for name in ("base_color", "height", "roughness", "metallic")
    }
    aside = folder / f".{index:06d}.tmp"
    save_file(tensors, aside)
    aside.replace(folder / f"{index:06d}.safetensors")
    rows: list[dict[str, Any]] = [
        {"caption": item.caption, "family": item.family, "width_m": item.width_m, "parameters": item.parameters}
        | ({"second": item.second} if item.second is not None else {})
        for item in found
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = folder / f"{index:06d}.jsonl"
    write_bytes_atomic(path, text.encode())
    return path


def make_shard(
    folder: Path, index: int, first: int, last: int, options: dict[str, Any], deadline: float | None
) -> Path:
    """Draw samples ``first`` to ``last`` (excluded) and write them as shard ``index``.

    Raises:
        OutOfTimeError: it was ``deadline`` before the last one.
        StorageError: it could not be written.
    """
    found: list[Sample] = []
    for one in samples(first, last, **options):
        found.append(one)
        if len(found) < last - first:
            check_time(deadline)
    return write_shard(folder, index, found)


def main(argv: Sequence[str] | None = None) -> int:
    """Write shards that are not there yet.

    Exit status 0, 1 when one could not be written, or 3 when the time ran out before the last one.
    """
    parser = argparse.ArgumentParser(prog="python -m texloom.training.corpus", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard", type=int, default=250, help="samples a shard")
    parser.add_argument("--blends", type=float, default=BLENDS, help="part of samples that are two materials at once")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=cores(), help="how many shards are drawn at a time")
    parser.add_argument("--minutes", type=float, help="stop after this time; the same command goes on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    deadline = deadline_in(arguments.minutes)
    options = {name: getattr(arguments, name) for name in ("size", "seed", "device", "blends")}
    tasks: list[tuple[Any, ...]] = []
    missing = 0
    for index in range(-(-arguments.count // arguments.shard)):
        if not (arguments.out / f"{index:06d}.jsonl").is_file():
            first = index * arguments.shard
            last = min(arguments.count, first + arguments.shard)
            tasks.append((arguments.out, index, first, last, options, deadline))
            missing += last - first
    try:
        for _, path in spread(make_shard, tasks, min(arguments.processes, -(-missing // _WORTH)), deadline):
            sys.stderr.write(f"{path}\n")
    except OutOfTimeError:
        sys.stderr.write("The time is up; the same command goes on.\n")
        return MORE
    except (TexloomError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""True materials for measuring: drawn by their families, in as many processes as there are processors, and kept.

They are drawn for the measurement alone, so that there are as many as it needs and no training has seen one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import engine
from ..engine.learned_channels import maps_to_channels
from ..engine.procedural.blending import Blended, Second
from ..engine.procedural.draw import draw
from ..engine.procedural.family import Family, families
from ..engine.procedural.parameters import Value
from ..storage import files_sum
from .heads import report
from .parallel import helpers

_WORTH_PROCESSES = 48
"""Fewer materials are drawn before other processes have imported what they need."""

_TOLD = 250


@dataclass(frozen=True, kw_only=True)
class Other:
    """The second material of a blend, in plain values (see :class:`..engine.procedural.blending.Second`)."""

    mode: str
    family: str
    values: Mapping[str, Value]
    amount: float


@dataclass(frozen=True, kw_only=True)
class Order:
    """One material to draw, in plain values that can be told to another process."""

    family: str
    values: Mapping[str, Value]
    seed: int
    second: Other | None = None


@dataclass
class Materials:
    """Maps of N materials as they are kept: uint8, heights in pixels around their mean in half precision."""

    maps: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.maps["height"])

    def channels(self, start: int, stop: int, device: str = "cpu") -> Tensor:
        """Materials ``start`` to ``stop`` (excluded) as channels [B, 6, size, size]."""
        return maps_to_channels({name: value[start:stop].to(device) for name, value in self.maps.items()})

    def batches(self, batch: int, device: str = "cpu") -> Iterator[Tensor]:
        """All of them as channels, ``batch`` at a time."""
        for start in range(0, len(self), batch):
            yield self.channels(start, start + batch, device)


def true_maps(order: Order, size: int) -> dict[str, NDArray[Any]]:
    """The maps of one material as :class:`Materials` has them."""
    kind: Family | type[Family] = families()[order.family]
    width = families()[order.family].tile_width_m
    if order.second is not None:
        other = order.second
        second = Second(mode=other.mode, family=families()[other.family], values=other.values, amount=other.amount)
        kind = Blended(families()[order.family], second)
    maps = draw(kind, order.values, width=size, height=size, width_m=width, seed=order.seed)  # type: ignore[arg-type]
    pixels = maps.height * (size / width)
    found = {"base_color": maps.base_color, "roughness": maps.roughness, "metallic": maps.metallic}
    return {name: value.numpy() for name, value in found.items()} | {"height": (pixels - pixels.mean()).half().numpy()}


def true_materials(
    sets: Mapping[str, Sequence[Order]], size: int, *, folder: Path | None = None, workers: int = 1
) -> dict[str, Materials]:
    """Draw sets of materials by their names; with ``folder``, those that lie there from the last time are read.

    Args:
        sets: what to draw; one file for each, of which only the latest stays.
        size: pixels a side.
        folder: where they are kept.
        workers: processes that draw.
    """
    found: dict[str, Materials] = {}
    missing: list[str] = []
    for name, orders in sets.items():
        kept = _read(_place(folder, name, size, orders)) if folder is not None else None
        if kept is None:
            missing.append(name)
        else:
            found[name] = kept
    every = [order for name in missing for order in sets[name]]
    if every:
        report(f"drawing {len(every)} true materials")
    coming = _drawn(every, size, workers)
    for name in missing:
        rows = list(itertools.islice(coming, len(sets[name])))
        maps = {key: torch.from_numpy(np.stack([row[key] for row in rows])) for key in rows[0]} if rows else {}
        found[name] = Materials(maps)
        if folder is not None and rows:
            _write(_place(folder, name, size, sets[name]), maps, f"true-{name}-{size}-")
    return found


def _drawn(orders: Sequence[Order], size: int, workers: int) -> Iterator[dict[str, NDArray[Any]]]:
    one = partial(true_maps, size=size)
    if workers < 2 or len(orders) < _WORTH_PROCESSES:
        yield from map(one, orders)
        return
    with helpers(workers) as pool:
        for number, maps in enumerate(pool.map(one, orders, chunksize=4), start=1):
            yield maps
            if number % _TOLD == 0:
                report(f"{number}/{len(orders)}")


def _place(folder: Path, name: str, size: int, orders: Sequence[Order]) -> Path:
    told = json.dumps([asdict(order) for order in orders], sort_keys=True)
    key = hashlib.sha256(f"{_sources()} {told}".encode()).hexdigest()[:12]
    return folder / f"true-{name}-{size}-{len(orders)}-{key}.safetensors"


@cache
def _sources() -> str:
    """A sum of what draws, since materials of other families are no truth."""
    return files_sum(sorted((Path(engine.__file__).parent / "procedural").rglob("*.py")))


def _read(path: Path) -> Materials | None:
    try:
        return Materials(load_file(path)) if path.is_file() else None
    except (SafetensorError, OSError):
        return None  # half written: drawn again


def _write(path: Path, maps: dict[str, Tensor], prefix: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{prefix}*.safetensors"):
        old.unlink(missing_ok=True)
    aside = path.with_suffix(".tmp")
    save_file(maps, aside)
    aside.replace(path)

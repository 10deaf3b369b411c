# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimated maps under new light in Blender: the engine's part of ``scripts/relight_maps.py``.

``export`` writes maps of held-out materials, true and estimated, which Blender then renders; ``table`` reads how far
the renders are apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..engine import pbr
from ..engine.map_estimator import MapEstimator
from ..engine.procedural.family import families
from ..errors import StorageError, TexloomError
from ..png import write_png
from .card import replace_evaluation
from .evaluate_maps import WAYS, by_constants, by_heuristic, by_network, held_out
from .heads import report
from .relight import normals, render
from .statistics import estimate

BEGIN = "<!-- evaluation: written by `python3 scripts/relight_maps.py --write` -->"
_FIRST = 10_000
"""Number of the first material: the tables of errors measure others."""


def chosen(count: int) -> list[str]:
    """So many families, evenly from all of them; again from the first where there are fewer; 0: each once."""
    every = list(families())
    if not count or count == len(every):
        return every
    if count < len(every):
        return [every[number * len(every) // count] for number in range(count)]
    return [every[number % len(every)] for number in range(count)]


def export(estimator: MapEstimator, folder: Path, size: int, count: int) -> int:
    """Write maps of materials as PNG files, below a folder each: ``truth`` and one for each way; how many there are."""
    names = chosen(count)
    for number, family in enumerate(names):
        truth, width = held_out(_FIRST + number, family, size)
        maps = (truth.base_color, truth.slope, truth.occlusion, truth.roughness, truth.metallic)
        seen = (render(*maps, torch.Generator().manual_seed(_FIRST + number)) * 255.0).round() / 255.0
        ways = (by_network(estimator, seen, width), by_heuristic(seen, width), by_constants(seen, width))
        for way, found in zip(("truth", *WAYS), (truth, *ways), strict=True):
            place = folder / f"{number:03d} {family}" / way
            place.mkdir(parents=True, exist_ok=True)
            values = {
                "base_color": found.base_color[0],
                "normal": normals(found.slope)[0] * 0.5 + 0.5,
                "roughness": found.roughness[0, 0],
                "metallic": found.metallic[0, 0],
            }
            for name, value in values.items():
                write_png(place / f"{name}.png", pbr.to_uint8(value), srgb=name == "base_color")
    return len(names)


def table(found: Mapping[str, Any], command: str) -> str:
    """Markdown of what Blender's part has written, with the command that led to it."""
    rows = list(found["materials"].values())
    errors = {way: [float(row[way]) for row in rows] for way in WAYS}
    lines = [
        f"Made by `{command}`: {len(rows)} materials of {found['size']}² under {found['lights']} new lights, rendered "
        f"by Cycles of Blender {found['blender']} with {found['samples']} samples. RMS difference from the picture of "
        "the true maps, of 255; in parentheses: 95 % bootstrap interval.",
        "",
        "| | " + " | ".join(WAYS) + " |",
        "|---|" + "---|" * len(WAYS),
        "| Rendered | " + " | ".join(estimate(errors[way]).text(1) for way in WAYS) + " |",
        "| The estimator is nearer by | – | "
        + " | ".join(
            estimate(np.subtract(errors[way], errors[WAYS[0]]).tolist()).text(1)  # material by material
            for way in WAYS[1:]
        )
        + " |",
    ]
    nearest = sum(row[WAYS[0]] < min(row[way] for way in WAYS[1:]) for row in rows)
    return "\n".join([*lines, "", f"The estimator is nearest to the truth for {nearest} of {len(rows)}."])


def main(argv: Sequence[str] | None = None) -> int:
    """Do one of the parts; exit status 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("export")
    part.add_argument("folder", type=Path)
    part.add_argument("--model", type=Path, help="folder of the weights; default the shipped ones")
    part.add_argument("--count", type=int, default=0, help="materials; default one of each family")
    part.add_argument("--size", type=int, default=256, help="pixels a side")
    part = parts.add_parser("table")
    part.add_argument("file", type=Path, help="what Blender's part has written")
    part.add_argument("--command", required=True, help="that is to stand with the table")
    part.add_argument("--write", action="store_true", help="into the model card")
    arguments = parser.parse_args(argv)
    try:
        if arguments.part == "export":
            estimator = MapEstimator(arguments.model)
            estimator.load("cpu")
            export(estimator, arguments.folder, arguments.size, arguments.count)
            return 0
        text = table(_read(arguments.file), arguments.command)
        if arguments.write:
            replace_evaluation(MapEstimator().folder, BEGIN, text)
        sys.stdout.write(text + "\n")
    except TexloomError as error:
        report(str(error))
        return 1
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}.") from error
    return found


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the upscaler against plain filters: ``texloom evaluate upscaler``.

Materials are drawn with a seed that training never used.  Each is made smaller, by averaging squares or by drawing it
at the smaller size, and enlarged again by each way; the larger drawing is the truth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from ..engine import pbr
from ..engine.device import use_threads
from ..engine.procedural.draw import Drawn, draw
from ..engine.procedural.family import families
from ..engine.upscaler import Pixels, Upscaler, enlarge
from ..errors import TexloomError
from .card import replace_evaluation
from .heads import report
from .statistics import estimate

SEED = 22_000
"""Of the held-out materials; the corpora that networks learn from have other seeds."""
BEGIN = "<!-- evaluation: written by `texloom evaluate upscaler --write` -->"
WAYS = ("network", "bicubic", "lanczos")
FACTORS = (2, 4)

_BORDER = 32


@dataclass(frozen=True)
class Maps:
    """uint8 (height, width, 3) ``base_color`` and ``normal``; uint8 (height, width), ``height`` uint16, the others."""

    base_color: Pixels
    height: Pixels
    roughness: Pixels
    metallic: Pixels
    occlusion: Pixels
    normal: Pixels
    depth_m: float
    width_m: float


def held_out(number: int, family: str, size: int) -> Maps:
    """Material ``number`` at ``size`` pixels a side; the same one at every size."""
    kind = families()[family]
    rng = np.random.default_rng((SEED, number))
    values = kind.sample(rng)
    seed = int(rng.integers(2**31))
    return of_drawn(
        draw(kind, values, width=size, height=size, width_m=kind.tile_width_m, seed=seed), kind.tile_width_m
    )


def of_drawn(drawn: Drawn, width: float) -> Maps:
    """Maps as files hold them."""
    height, low, high = pbr.height_to_pixels(drawn.height)
    metres = pbr.height_from_pixels(height, low, high)
    return Maps(
        base_color=drawn.base_color.permute(1, 2, 0).contiguous().numpy(),
        height=height,
        roughness=drawn.roughness.numpy(),
        metallic=drawn.metallic.numpy(),
        occlusion=pbr.ambient_occlusion_pixels(metres, width, width),
        normal=pbr.normal_pixels(metres, width, width),
        depth_m=high - low,
        width_m=width,
    )


def averaged(pixels: Pixels, factor: int) -> Pixels:
    """(height, width[, channels]) made smaller by averaging squares of ``factor`` pixels a side."""
    planes = torch.from_numpy(pixels.astype(np.float32))
    planes = planes[None, None] if pixels.ndim == 2 else planes.permute(2, 0, 1)[None]
    small = F.avg_pool2d(planes, factor)[0].permute(1, 2, 0).numpy()
    found = (small + 0.5).astype(pixels.dtype)
    return found[..., 0] if pixels.ndim == 2 else found


def by(way: str, upscaler: Upscaler, pixels: Pixels, factor: int) -> Pixels:
    """A periodic picture ``factor`` times as large each way."""
    rows, columns = pixels.shape[:2]
    if way != "lanczos":
        network = upscaler if way == "network" else None
        return enlarge(pixels, columns * factor, rows * factor, wraps=(True, True), upscaler=network)
    room = [(_BORDER, _BORDER)] * 2 + [(0, 0)] * (pixels.ndim - 2)
    wrapped = np.pad(pixels, room, mode="wrap")
    size = (wrapped.shape[1] * factor, wrapped.shape[0] * factor)
    planes = wrapped if wrapped.ndim == 3 else wrapped[..., None]
    parts = [
        np.asarray(Image.fromarray(planes[..., c].astype(np.float32)).resize(size, Image.Resampling.LANCZOS))
        for c in range(planes.shape[2])
    ]
    edge = _BORDER * factor
    large = np.stack(parts, axis=-1)[edge:-edge, edge:-edge]
    found = (large + 0.5).clip(0.0, float(np.iinfo(pixels.dtype).max)).astype(pixels.dtype)
    return found[..., 0] if pixels.ndim == 2 else found


def psnr(found: Pixels, truth: Pixels) -> float:
    """Peak signal to noise in decibels, of the whole range of numbers; at most 99."""
    top = float(np.iinfo(truth.dtype).max)
    error = float(np.square(found.astype(np.float64) - truth).mean()) / top**2
    return min(99.0, -10.0 * np.log10(error)) if error > 0.0 else 99.0


def degrees(found: Pixels, truth: Pixels) -> float:
    """Mean angle between the normals of two maps."""
    one, other = (unit(pixels) for pixels in (found, truth))
    return float(np.degrees(np.arccos((one * other).sum(-1).clip(-1.0, 1.0))).mean())


def unit(normal: Pixels) -> NDArray[np.float64]:
    """Normals of length 1."""
    vectors = normal.astype(np.float64) / 127.5 - 1.0
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def normals_of(height: Pixels, truth: Maps) -> Pixels:
    """The normal map that a height map gives."""
    metres = pbr.height_from_pixels(height, 0.0, truth.depth_m)
    return pbr.normal_pixels(metres, truth.width_m, truth.width_m)


Scores = dict[tuple[str, str], list[float]]
"""By row of the table and way."""


def measure(upscaler: Upscaler, draws: int, size: int) -> tuple[Scores, dict[str, float]]:
    """All scores, and seam ratios."""
    scores: Scores = {}
    fields: dict[str, list[NDArray[np.uint8]]] = {}

    def note(row: str, way: str, value: float) -> None:
        scores.setdefault((row, way), []).append(value)

    for number, family in enumerate(name for name in families() for _ in range(draws)):
        truth = held_out(number, family, size)
        smaller = held_out(number, family, size // 2)
        # Joints often lie on the border of what families draw: it is moved to anywhere.
        rows, columns = (4 * int(place) for place in np.random.default_rng(number).integers(size // 4, size=2))
        color = np.roll(truth.base_color, (rows, columns), (0, 1))
        fields.setdefault("truth", []).append(np.asarray(color, np.uint8))
        for way in WAYS:
            for factor in FACTORS:
                found = by(way, upscaler, averaged(color, factor), factor)
                note(f"Base color, {factor}×, averaged", way, psnr(found, color))
                if factor == 2:
                    fields.setdefault(way, []).append(np.asarray(found, np.uint8))
            drawn = by(way, upscaler, smaller.base_color, 2)
            note("Base color, 2×, drawn small", way, psnr(drawn, truth.base_color))
            for name in ("roughness", "metallic", "occlusion", "height"):
                whole: Pixels = getattr(truth, name)
                if whole.max() > whole.min():
                    large = by(way, upscaler, averaged(whole, 2), 2)
                    note(f"{name.capitalize()}, 2×, averaged", way, psnr(large, whole))
                    if name == "height":
                        note(
                            "Normal of the larger height, degrees", way, degrees(normals_of(large, truth), truth.normal)
                        )
            if truth.height.max() > truth.height.min():
                height = averaged(truth.height, 2)
                resampled = by(way, upscaler, normals_of(height, truth), 2)
                note("Normal map enlarged itself, degrees", way, degrees(resampled, truth.normal))
    return scores, {way: border_ratio(found) for way, found in fields.items()}


def border_ratio(fields: Sequence[NDArray[np.uint8]]) -> float:
    """Mean step across the borders over the mean step inside, both axes of all fields together.

    Inside, only steps between pixels that come of different ones of a picture half the size count, as those across
    the border do: the others are smaller by nature.
    """
    border = inside = 0.0
    for field in fields:
        for lines in (field.astype(np.float64), field.astype(np.float64).transpose(1, 0, 2)):
            steps = np.abs(np.diff(lines, axis=0)).mean((1, 2))
            border += float(np.abs(lines[0] - lines[-1]).mean())
            inside += float(steps[1 :: FACTORS[0]].mean())
    return border / inside if inside > 0.0 else 1.0


def seconds(upscaler: Upscaler) -> float:
    """Time from 1024² to 2048², the best of three."""
    pixels = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        enlarge(pixels, 2048, 2048, wraps=(True, True), upscaler=upscaler)
        best = min(best, time.perf_counter() - began)
    return best


def table(scores: Scores, borders: Mapping[str, float], facts: str) -> str:
    """Markdown, with the command."""
    lines = [
        f"Made by `texloom evaluate upscaler --write`: {facts}. PSNR in decibels, larger is better; angles in degrees, "
        "smaller is better. In parentheses: 95 % bootstrap interval.",
        "",
        "| | " + " | ".join(WAYS) + " |",
        "|---|" + "---|" * len(WAYS),
    ]
    for row in dict.fromkeys(name for name, _ in scores):
        lines.append(f"| {row} | {' | '.join(estimate(scores[row, way]).text(2) for way in WAYS)} |")
    won = [
        f"{row[0].lower()}{row[1:]} {np.mean(np.array(scores[row, WAYS[0]]) > np.array(scores[row, WAYS[1]])):.0%}"
        for row in dict.fromkeys(name for name, _ in scores)
        if "degrees" not in row
    ]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in borders.items())
    return "\n".join(
        [
            *lines,
            "",
            f"Materials in which the network is better than bicubic: {'; '.join(won)}.",
            "",
            f"Seam ratios of base colors, 2×, the border anywhere in the tile: {shown}.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(prog="texloom evaluate upscaler", description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of the weights; default the shipped ones")
    parser.add_argument("--draws", type=int, default=1, help="materials a family")
    parser.add_argument("--size", type=int, default=512, help="pixels a side of the truth")
    parser.add_argument("--write", action="store_true", help="into the model card")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    upscaler = Upscaler(arguments.model)
    try:
        upscaler.load("cpu")
        scores, borders = measure(upscaler, arguments.draws, arguments.size)
        facts = (
            f"{len(families()) * arguments.draws} materials of {len(families())} families, {arguments.size}² large, "
            f"none of them in training; 1024² to 2048² takes the network {seconds(upscaler):.1f} s on "
            f"{torch.get_num_threads()} CPU thread{'s' if torch.get_num_threads() > 1 else ''}"
        )
        text = table(scores, borders, facts)
        if arguments.write:
            replace_evaluation(upscaler.folder, BEGIN, text)
    except TexloomError as error:
        report(str(error))
        return 1
    report(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the map estimator against plain heuristics: ``texloom evaluate maps``.

The materials are drawn anew with a seed that training never used and shown under random light; each way of getting
maps sees the same pictures.  Relit is what the maps are for: truth and estimate under another light, side by side.
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
from torch import Tensor

from ..engine import pbr
from ..engine.map_estimator import Estimated, MapEstimator
from ..engine.map_net import slopes_of
from ..engine.procedural.draw import draw
from ..engine.procedural.family import families
from ..errors import TexloomError
from .card import replace_evaluation
from .heads import report
from .relight import normals, render
from .statistics import Estimate, estimate, seam_gradients

SEED = 21_000
"""Of the held-out materials; the corpora that networks learn from have other seeds, and so had the materials on which
the share of brightness and the limits of metal were chosen (20000)."""
BEGIN = "<!-- evaluation: written by `texloom evaluate maps --write` -->"

DRAWS, SIZE = 2, 512
SEAM_SIZE = 256
PHASES = 4

ERRORS = {
    "base_color": "Base color, RMS of 255",
    "normal": "Normal, degrees",
    "height": "Height, correlation",
    "relief": "Relief, ratio of depths",
    "roughness": "Roughness, mean error",
    "metallic": "Metallic, mean error",
    "occlusion": "Occlusion, mean error",
    "relit": "Relit, RMS of 255",
}
"""Key and heading of each column; all but the correlation are better when smaller, the ratio at 1."""


@dataclass(frozen=True)
class Maps:
    """[1, channels, H, W] each; slopes as rise over run, height [H, W] in metres."""

    base_color: Tensor
    slope: Tensor
    occlusion: Tensor
    roughness: Tensor
    metallic: Tensor
    height: Tensor


def held_out(number: int, family: str, size: int) -> tuple[Maps, float]:
    """A material and its width in metres."""
    kind = families()[family]
    rng = np.random.default_rng((SEED, number))
    width = kind.tile_width_m
    drawn = draw(kind, kind.sample(rng), width=size, height=size, width_m=width, seed=int(rng.integers(2**31)))
    return of_height(
        drawn.base_color[None].float() / 255.0,
        drawn.height,
        drawn.roughness[None, None].float() / 255.0,
        drawn.metallic[None, None].float() / 255.0,
        width,
    ), width


def of_height(base_color: Tensor, height: Tensor, roughness: Tensor, metallic: Tensor, width: float) -> Maps:
    """All maps, those that follow from the height [H, W] too."""
    size = height.shape[-1]
    return Maps(
        base_color=base_color,
        slope=slopes_of(height[None] * (size / width)),
        occlusion=pbr.ambient_occlusion_from_height(height, width, width)[None, None],
        roughness=roughness,
        metallic=metallic,
        height=height,
    )


def compare(found: Maps, truth: Maps, seed: int) -> dict[str, float]:
    """What :data:`ERRORS` names; NaN where it has no meaning (the height of a flat material)."""
    angle = (normals(found.slope) * normals(truth.slope)).sum(1).clamp(-1.0, 1.0).acos().rad2deg()
    flat = float(truth.height.std()) < 1e-5
    one, other = found.height - found.height.mean(), truth.height - truth.height.mean()
    scale = float(one.norm() * other.norm())
    lights = [torch.Generator().manual_seed(seed) for _ in range(2)]
    shown, wanted = (
        render(maps.base_color, maps.slope, maps.occlusion, maps.roughness, maps.metallic, light)
        for maps, light in zip((found, truth), lights, strict=True)
    )
    return {
        "base_color": _rms(found.base_color, truth.base_color),
        "normal": float(angle.mean()),
        "height": float("nan") if flat else float((one * other).sum()) / scale if scale > 0 else 0.0,
        "relief": float("nan") if flat else float(found.height.std() / truth.height.std()),
        "roughness": float((found.roughness - truth.roughness).abs().mean()),
        "metallic": float((found.metallic - truth.metallic).abs().mean()),
        "occlusion": float((found.occlusion - truth.occlusion).abs().mean()),
        "relit": _rms(shown, wanted),
    }


def _rms(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt()) * 255.0


def by_network(estimator: MapEstimator, picture: Tensor, width: float) -> Maps:
    """What the network sees."""
    seen: Estimated = estimator.estimate(picture[0], width)
    return of_height(seen.base_color[None], seen.height_m, seen.roughness[None, None], seen.metallic[None, None], width)


def by_heuristic(picture: Tensor, width: float) -> Maps:
    """Brightness as height, roughness from brightness, no metal."""
    guess = pbr.maps_from_image(picture[0], width)
    return of_height(picture, guess.height_m, guess.roughness[None, None], guess.metallic[None, None], width)


def by_constants(picture: Tensor, width: float) -> Maps:
    """The picture as it is, flat, of one roughness."""
    one = torch.ones_like(picture[:, :1])
    return of_height(picture, torch.zeros_like(picture[0, 0]), 0.6 * one, 0.0 * one, width)


WAYS = ("estimator", "heuristic", "flat")


def measure(estimator: MapEstimator, draws: int, size: int) -> dict[str, dict[str, list[float]]]:
    """Errors by way and map, over all families."""
    found: dict[str, dict[str, list[float]]] = {way: {name: [] for name in ERRORS} for way in WAYS}
    number = 0
    for family in families():
        for _ in range(draws):
            truth, width = held_out(number, family, size)
            light = torch.Generator().manual_seed(number)
            maps = (truth.base_color, truth.slope, truth.occlusion, truth.roughness, truth.metallic)
            # As files come: eight bits a channel.
            picture = (render(*maps, light) * 255.0).round() / 255.0
            ways = (by_network(estimator, picture, width), by_heuristic(picture, width), by_constants(picture, width))
            for way, got in zip(WAYS, ways, strict=True):
                for name, value in compare(got, truth, 1_000_000 + number).items():
                    found[way][name].append(value)
            number += 1
    return found


def seams(estimator: MapEstimator, size: int) -> dict[str, Estimate]:
    """Seam ratios of what is estimated for seamless pictures, one a family, each at :data:`PHASES` phases."""
    steps: dict[str, list[tuple[float, float]]] = {}
    for number, family in enumerate(families()):
        truth, width = held_out(number, family, size)
        fields: dict[str, list[np.ndarray]] = {}
        for phase in range(PHASES):
            picture = truth.base_color.roll((phase * size // PHASES + 13, phase * size // 3), (-2, -1))
            seen = estimator.estimate(picture[0], width)
            values = {
                "base_color": seen.base_color.permute(1, 2, 0),
                "height": seen.height_m,
                "roughness": seen.roughness,
                "metallic": seen.metallic,
            }
            for name, value in values.items():
                fields.setdefault(name, []).append(value.numpy())
        for name, every in fields.items():
            steps.setdefault(name, []).append(border_and_inside(every))
    found = {name: ratio(pairs) for name, pairs in steps.items()}
    return {name: value for name, value in found.items() if value is not None}


def border_and_inside(fields: Sequence[np.ndarray]) -> tuple[float, float]:
    """Sums of the mean steps across the borders of maps and between their other lines."""
    every = np.array([seam_gradients(field) for field in fields]).sum(0)
    return float(every[0] + every[2]), float(every[1] + every[3])


def ratio(pairs: Sequence[tuple[float, float]], rounds: int = 1000) -> Estimate | None:
    """:func:`.seam_ratio` of all of the pairs' maps, its interval over materials; None when all maps are constant."""
    values, rng = np.array(pairs), np.random.default_rng(0)
    if values[:, 1].sum() <= 0.0:
        return None
    sums = [values[rng.integers(len(values), size=len(values))].sum(0) for _ in range(rounds)]
    low, high = np.percentile([border / inside for border, inside in sums if inside > 0.0], (2.5, 97.5))
    border, inside = values.sum(0)
    return Estimate(float(border / inside), float(low), float(high), len(values))


def seconds(estimator: MapEstimator, size: int) -> float:
    """Time that a warm estimator needs, the best of three."""
    picture = F.interpolate(torch.rand(1, 3, size // 8, size // 8), (size, size), mode="bicubic").clamp(0, 1)[0]
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        estimator.estimate(picture, 1.0)
        best = min(best, time.perf_counter() - began)
    return best


def command(arguments: argparse.Namespace) -> str:
    """What leads to the same table again."""
    own = {"draws": DRAWS, "size": SIZE}
    given = [f"--{name} {getattr(arguments, name)}" for name in own if getattr(arguments, name) != own[name]]
    return " ".join(["texloom evaluate maps --write", *given])


def table(
    results: Mapping[str, Mapping[str, Sequence[float]]], borders: Mapping[str, Estimate], facts: str, command: str
) -> str:
    """Markdown, with the command."""
    lines = [
        f"Made by `{command}`: {facts}. In parentheses: 95 % bootstrap interval.",
        "",
        "| | " + " | ".join(WAYS) + " |",
        "|---|" + "---|" * len(WAYS),
    ]
    for name, title in ERRORS.items():
        cells = []
        for way in WAYS:
            values = [value for value in results[way][name] if np.isfinite(value)]
            digits = 1 if name in ("base_color", "normal", "relit") else 3 if name != "height" else 2
            if name == "relief":
                values, digits = [float(np.median(values))], 2
                cells.append(f"{values[0]:.{digits}f} (median)")
            else:
                cells.append(estimate(values).text(digits))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    shown = ", ".join(f"{name} {value.text(3)}" for name, value in borders.items())
    return "\n".join([*lines, "", f"Seam ratios of maps of seamless pictures: {shown}."])


def sheet(estimator: MapEstimator, path: Path, names: Sequence[str], size: int = 256) -> None:
    """A PNG, one material a row: picture; true and estimated base color, normal, height, roughness, metallic."""
    from PIL import Image

    rows = []
    for number, family in enumerate(names):
        truth, width = held_out(100 + number, family, size)
        maps = (truth.base_color, truth.slope, truth.occlusion, truth.roughness, truth.metallic)
        picture = render(*maps, torch.Generator().manual_seed(5000 + number))
        found = by_network(estimator, picture, width)
        low, high = truth.height.min(), truth.height.max()
        cells = [picture[0]]
        for name in ("base_color", "slope", "height", "roughness", "metallic"):
            for shown in (truth, found):
                value: Tensor = getattr(shown, name)
                if name == "slope":
                    cells.append(normals(value)[0] * 0.5 + 0.5)
                elif name == "height":
                    cells.append(((value - value.mean() + (low + high) / 2 - low) / (high - low + 1e-9))[None])
                else:
                    cells.append(value[0])
        rows.append(torch.cat([cell.expand(3, -1, -1).clamp(0.0, 1.0) for cell in cells], dim=2))
    whole = (torch.cat(rows, dim=1) * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(whole).save(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(prog="texloom evaluate maps", description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of the weights; default the shipped ones")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"materials a family (default: {DRAWS})")
    parser.add_argument("--size", type=int, default=SIZE, help=f"pixels a side (default: {SIZE})")
    parser.add_argument("--write", action="store_true", help="into the model card")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="a picture of some materials, true and estimated")
    arguments = parser.parse_args(argv)
    estimator = MapEstimator(arguments.model)
    try:
        estimator.load("cpu")
        if arguments.sheet is not None:
            every = list(families())
            sheet(estimator, arguments.sheet, every[:: max(1, len(every) // 10)])
        results = measure(estimator, arguments.draws, arguments.size)
        time_1024 = seconds(estimator, 1024)
        count = len(results[WAYS[0]]["normal"])
        facts = (
            f"{count} materials of {len(families())} families at {arguments.size}², none of them in training, under "
            f"random light; a picture of 1024² takes {time_1024:.1f} s on {torch.get_num_threads()} CPU threads"
        )
        text = table(results, seams(estimator, SEAM_SIZE), facts, command(arguments))
        if arguments.write:
            replace_evaluation(estimator.folder, BEGIN, text)
    except TexloomError as error:
        report(str(error))
        return 1
    report(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

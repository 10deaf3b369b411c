# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of the learned model: ``texloom evaluate learned``.

Captions that training never saw are drawn by the model, through the engine as a user would, and by their families,
which is the truth.  A judge that was trained on the corpus alone says of both what they are.  So every figure stands
beside what the judge makes of true materials, and every distance beside that of the autoencoder alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.device import use_threads
from ..engine.diffusers_folder import DiffusersFolderGenerator
from ..engine.learned_channels import Surface, to_channels
from ..engine.procedural.draw import draw
from ..engine.procedural.family import families
from ..engine.procedural.parameters import Color, Number
from ..engine.procedural.weathering import ATTRIBUTES
from ..engine.seamless import circular
from ..engine.text_encoder import TextEncoder
from ..errors import TexloomError
from ..storage import write_bytes_atomic
from .captions import Caption, Grammar
from .colors import categories
from .evaluate import number_is_right
from .heads import report
from .learned_draw import channels_of, drawing, drawn
from .learned_folder import read_autoencoder
from .learned_judge import Judge, Verdict, add_judge_arguments, judge_all, judge_for
from .learned_metrics import frechet, kernel, nearest_correlation, resampled, spread_of
from .statistics import Estimate, estimate, seam_ratio
from .tiles import Tiles

SEED = 40_000
"""Seed of the captions; training uses others, and other texts besides."""

GOALS = {"material": 92.0, "color": 90.0, "attributes": 80.0, "seam": (0.95, 1.05)}

_LUMA_SIDE = 64


def true_channels(caption: Caption, size: int, seed: int) -> Tensor:
    """The caption's own material as its family draws it, [6, size, size]."""
    family = families()[caption.family]
    width = family.tile_width_m
    maps = draw(family, caption.values, width=size, height=size, width_m=width, seed=seed)
    height = maps.height * (size / width)
    surface = Surface(
        base_color=maps.base_color[None].float() / 255.0,
        height=(height - height.mean())[None, None],
        roughness=maps.roughness[None, None].float() / 255.0,
        metallic=maps.metallic[None, None].float() / 255.0,
    )
    return to_channels(surface)[0]


@dataclass
class Agreement:
    """Samples of 1 (as the caption says) and 0 (not)."""

    material: list[float]
    color: list[float]
    attributes: list[float]

    def rows(self) -> dict[str, Estimate]:
        """Shares in per cent."""
        return {name: estimate(found).scaled(100.0) for name, found in vars(self).items() if found}


def agreement(captions: Sequence[Caption], verdict: Verdict) -> Agreement:
    """Compare what captions say with what the judge saw.

    A color is right when people would call both by a common basic term; an attribute when it is on the right side
    (see :func:`.evaluate.number_is_right`).
    """
    found = Agreement([], [], [])
    for index, caption in enumerate(captions):
        if caption.noun:
            found.material.append(float(verdict.family[index] == caption.family))
        for item in families()[caption.family].all_parameters():
            said = caption.mentioned.get(item.name)
            if said is None:
                continue
            if isinstance(item, Color) and item.name == "color":
                assert isinstance(said, tuple)
                found.color.append(float(bool(categories(said) & categories(verdict.color[index]))))
            elif isinstance(item, Number) and item.name in ATTRIBUTES:
                assert isinstance(said, (int, float))
                seen = item.from_unit(verdict.attributes[index][item.name])
                found.attributes.append(float(number_is_right(item, float(said), seen)))
    return found


def seam_estimate(pictures: Sequence[np.ndarray[Any, Any]], rounds: int = 200) -> Estimate | None:
    """Seam ratio over many maps with a bootstrap interval; None where all are flat."""
    whole = seam_ratio(pictures)
    if whole is None:
        return None
    rng = np.random.default_rng(0)
    found = [
        seam_ratio([pictures[int(i)] for i in rng.integers(len(pictures), size=len(pictures))]) for _ in range(rounds)
    ]
    low, high = np.percentile([value for value in found if value is not None], (2.5, 97.5))
    return Estimate(whole, float(low), float(high), len(pictures))


def evaluate(
    model: Path,
    tiles: Tiles,
    judge: Judge,
    *,
    count: int,
    repeats: int,
    seed: int = SEED,
    encoder: TextEncoder | None = None,
) -> dict[str, Any]:
    """All figures of the model in ``model`` on ``count`` held-out captions; ``repeats`` pictures for diversity.

    Raises:
        TexloomError: the model cannot be loaded or drawn with.
    """
    size = tiles.size
    grammar = Grammar({name: families()[name] for name in judge.names if name in families()})
    rng = np.random.default_rng(seed)
    captions = [grammar.caption(rng, "held_out") for _ in range(count)]
    generator = drawing(model, encoder)
    report(f"drawing {count} captions")
    seeds = [seed + index for index in range(count)]
    images = list(drawn(generator, [caption.text for caption in captions], size=size, seeds=seeds))
    made = torch.stack([channels_of(image) for image in images])
    truth = torch.stack([true_channels(caption, size, seed + index) for index, caption in enumerate(captions)])
    train, kept = tiles.split()
    held_out = tiles.whole(kept)
    vae = read_autoencoder(model / "vae")
    with torch.no_grad(), circular([vae]):
        rebuilt = torch.cat([vae.decode(vae.encode(part).latent).sample for part in held_out.split(8)])
    verdicts = {
        name: judge_all(judge, value.split(16))
        for name, value in (("made", made), ("truth", truth), ("held_out", held_out), ("rebuilt", rebuilt))
    }
    result: dict[str, Any] = {"count": count, "size": size, "steps": generator.info.default_steps}
    result["agreement"] = _plain(agreement(captions, verdicts["made"]).rows())
    result["agreement_of_truth"] = _plain(agreement(captions, verdicts["truth"]).rows())
    reference = np.concatenate((verdicts["truth"].features, verdicts["held_out"].features))
    for name, measure in (("frechet", frechet), ("kernel", kernel)):
        result[name] = _plain(
            {
                "model": resampled(measure, verdicts["made"].features, reference),
                "autoencoder": resampled(measure, verdicts["rebuilt"].features, reference),
                "truth": resampled(measure, verdicts["held_out"].features, verdicts["truth"].features),
            }
        )
    report("diversity")
    result["diversity"] = _plain(_diversity(generator, judge, captions[: max(4, count // 10)], size, repeats, seed))
    maps = {name: [image.maps[name] for image in images] for name in ("base_color", "height", "roughness", "metallic")}
    seams = {name: seam_estimate(pictures) for name, pictures in maps.items()}
    result["seams"] = _plain({name: value for name, value in seams.items() if value is not None})
    report("nearest training samples")
    known = _lumas(tiles, train)
    result["nearest"] = _plain(
        {
            "model": estimate(nearest_correlation(_small(made), known).tolist()),
            "held_out": estimate(nearest_correlation(_small(held_out), known).tolist()),
        }
    )
    return result


def _diversity(
    generator: DiffusersFolderGenerator, judge: Judge, captions: Sequence[Caption], size: int, repeats: int, seed: int
) -> dict[str, Estimate]:
    """Spread of pictures of one caption, of the model and of the families with all parameters fixed."""
    model, truth = [], []
    for caption in captions:
        seeds = [seed + 7919 * (turn + 1) for turn in range(repeats)]
        made = [channels_of(image) for image in drawn(generator, [caption.text] * repeats, size=size, seeds=seeds)]
        model.append(spread_of(judge_all(judge, [torch.stack(made)]).features))
        true = [true_channels(caption, size, one) for one in seeds]
        truth.append(spread_of(judge_all(judge, [torch.stack(true)]).features))
    return {"model": estimate(model), "truth": estimate(truth)}


def _small(channels: Tensor) -> Tensor:
    return F.interpolate(channels[:, :1].float(), (_LUMA_SIDE, _LUMA_SIDE), mode="area")[:, 0]


def _lumas(tiles: Tiles, chosen: np.ndarray[Any, Any]) -> Tensor:
    return torch.cat([_small(tiles.whole(chosen[start : start + 32])) for start in range(0, len(chosen), 32)])


def _plain(rows: dict[str, Estimate]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "mean": round(found.mean, 4),
            "low": round(found.low, 4),
            "high": round(found.high, 4),
            "of": found.count,
        }
        for name, found in rows.items()
    }


def summary(result: dict[str, Any]) -> str:
    """The figures as a Markdown table, goals beside them."""

    def text(found: dict[str, float], digits: int, unit: str = "") -> str:
        return Estimate(found["mean"], found["low"], found["high"], int(found["of"])).text(digits, unit)

    lines = [f"{result['count']} held-out captions at {result['size']}², {result['steps']} steps.", ""]
    lines += ["| | learned model | true materials | goal |", "|---|---|---|---|"]
    for name in ("material", "color", "attributes"):
        if name in result["agreement"]:
            own, true = result["agreement"][name], result["agreement_of_truth"][name]
            lines.append(f"| {name} agrees | {text(own, 1, ' %')} | {text(true, 1, ' %')} | {GOALS[name]} % |")
    for name in ("frechet", "kernel"):
        found = result[name]
        lines.append(
            f"| {name} distance | {text(found['model'], 3)} | {text(found['truth'], 3)} | "
            f"autoencoder alone {text(found['autoencoder'], 3)} |"
        )
    found = result["diversity"]
    lines.append(f"| spread within a prompt | {text(found['model'], 3)} | {text(found['truth'], 3)} | |")
    for name, value in result["seams"].items():
        lines.append(f"| seam ratio, {name} | {text(value, 3)} | | 0.95 to 1.05 |")
    found = result["nearest"]
    lines.append(f"| nearest training sample | {text(found['model'], 3)} | {text(found['held_out'], 3)} | not above |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate learned``: exit status 0, or 1 when the model cannot be used."""
    parser = argparse.ArgumentParser(prog="texloom evaluate learned", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the learned model's folder")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of shards that it was trained on")
    add_judge_arguments(parser)
    parser.add_argument("--count", type=int, default=240, help="captions")
    parser.add_argument("--repeats", type=int, default=4, help="pictures of one prompt for diversity")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file that gets the figures")
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    try:
        tiles = Tiles(arguments.corpus)
        judge = judge_for(arguments, tiles)
        result = evaluate(arguments.model, tiles, judge, count=arguments.count, repeats=arguments.repeats)
    except TexloomError as error:
        report(str(error))
        return 1
    if arguments.out is not None:
        write_bytes_atomic(arguments.out, (json.dumps(result, indent=1) + "\n").encode())
    sys.stdout.write(summary(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

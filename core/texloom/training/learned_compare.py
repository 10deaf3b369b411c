# SPDX-License-Identifier: GPL-3.0-or-later
"""Which generator learns best: ``texloom evaluate learned-networks``.

Networks that were trained on latents of one autoencoder draw the same held-out captions from the same noise, each in
the steps that it is meant for, and the judge says what it sees (see :mod:`.learned_evaluate`).  The loss is that of the
flow on samples that training never saw, at fixed times and with fixed noise, and cannot be compared with that of a
distilled network, which learned another flow.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from ..engine.families.learned import GUIDANCE, STEPS, distilled_steps
from ..engine.flow_network import sees_sketches
from ..engine.learned_text import planned, together, token_states
from ..engine.material_plan import Plans
from ..engine.meaning import Layout
from ..engine.seamless import circular
from ..engine.sketch import planned_sketches, sketch_of
from ..engine.text_encoder import TextEncoder
from ..errors import TexloomError
from ..request import GenerationRequest
from ..storage import write_json_atomic
from .asked import SEED, Asked, agreement, captions
from .distill import carried, velocity_of
from .flow import Trainer
from .heads import report
from .latents import encoded_tiles
from .learned_draw import quiet
from .learned_evaluate import add_truth_arguments, grammar_of, reference_orders, settle
from .learned_folder import read_autoencoder, read_network
from .learned_judge import Judge, add_judge_arguments, judge_all, judge_for
from .learned_metrics import frechet, in_units_of, kernel, resampled
from .statistics import Estimate
from .tiles import Tiles
from .true_materials import true_materials

_BATCH = 16
_COLUMNS = (
    *("network", "million weights", "steps", "ms a picture", "loss", "words explain %"),
    *("material %", "color %", "attributes %", "Fréchet", "kernel"),
)


@dataclass
class Ground:
    """What all networks are measured on: held-out captions, what the engine reads in them and the sketches of that,
    latents and sketches of held-out samples, and what true materials of other captions look like to the judge."""

    captions: list[Asked]
    plans: list[Plans]
    sketches: Tensor
    noise: Tensor
    latents: Tensor
    latent_sketches: Tensor
    latent_captions: list[str]
    features: Any
    encoder: TextEncoder
    device: str


def prepare_ground(
    tiles: Tiles,
    vae: Any,
    judge: Judge,
    *,
    count: int,
    encoder: TextEncoder | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    workers: int = 1,
) -> Ground:
    """Draw ``count`` true materials to compare with (kept in ``folder``), and encode the corpus' held-out samples."""
    if encoder is None:
        encoder = TextEncoder()
        encoder.load(device)
    grammar = grammar_of(judge)
    texts = captions(grammar, count)
    _, kept = tiles.split()
    whole = tiles.whole(kept)
    latents = torch.cat([encoded_tiles(vae, part.to(device)) for part in whole.split(8)])
    # Of each caption as the engine draws it, with the seed of its number.
    size, pixels, context = tiles.size, vae.spatial_compression_ratio, quiet(device)
    requests = [
        GenerationRequest(prompt=asked.text, width=size, height=size, seed=number) for number, asked in enumerate(texts)
    ]
    plans = [planned(encoder, request, context) for request in requests]
    orders = {"reference": reference_orders(grammar, count)}
    reference = true_materials(orders, tiles.size, folder=folder, workers=workers)["reference"]
    source = torch.Generator().manual_seed(SEED)
    return Ground(
        captions=texts,
        plans=plans,
        sketches=planned_sketches([one.each[0] for one in plans], size, size, pixels, device),
        noise=torch.randn((count, *latents.shape[1:]), generator=source).to(device),
        latents=latents,
        latent_sketches=sketch_of(whole, pixels).to(device),
        latent_captions=[tiles.rows[int(index)]["caption"] for index in kept],
        features=judge_all(judge, reference.batches(_BATCH, device)).features,
        encoder=encoder,
        device=device,
    )


def measure(model: Path, ground: Ground, vae: Any, judge: Judge) -> dict[str, Any]:
    """The figures of the network in the folder ``model``.

    Raises:
        ModelInvalidError: there is none.
    """
    device = ground.device
    network, layout = read_network(model).to(device), Layout.load(model)
    text = together(ground.encoder, ground.plans, device, layout)
    sees = sees_sketches(network)
    few = distilled_steps(model)
    steps = STEPS if few is None else few
    made: list[Tensor] = []
    began = time.perf_counter()
    with circular([network]), sdpa_kernel(Trainer.kernels(device)):
        for start in range(0, len(ground.noise), _BATCH):
            part = slice(start, start + _BATCH)
            states, mask, empty, unmasked = (value[part] for value in text)
            none = (empty, unmasked) if few is None and GUIDANCE != 1.0 else None
            sketch = ground.sketches[part] if sees else None
            # Back on the processor a picture is done, whatever the device puts off.
            made.append(carried(network, ground.noise[part], (states, mask), none, sketch, steps=steps).cpu())
        spent = time.perf_counter() - began
        told = token_states(ground.encoder, ground.latent_captions, device, layout)
        sketches = ground.latent_sketches if sees else None
        loss = _loss(network, ground.latents, told, sketches)
        words = words_explain(network, ground.latents, told, sketches)
    with torch.no_grad(), circular([vae]):
        pictures = (vae.decode(part.to(device)).sample for part in torch.cat(made).split(8))
        verdict = judge_all(judge, pictures)
    drawn, reference = (in_units_of(ground.features, one) for one in (verdict.features, ground.features))
    return {
        "network": type(network).__name__,
        "parameters": sum(value.numel() for value in network.parameters()),
        "steps": steps,
        "count": len(ground.captions),
        "milliseconds": 1000.0 * spent / len(ground.noise),
        "loss": loss,
        "words": words,
        "agreement": {name: vars(value) for name, value in agreement(ground.captions, verdict).rows().items()},
        "frechet": vars(resampled(frechet, drawn, reference)),
        "kernel": vars(resampled(kernel, drawn, reference)),
    }


@torch.inference_mode()
def _loss(network: Any, latents: Tensor, text: tuple[Tensor, Tensor], sketches: Tensor | None) -> float:
    """Mean squared error of the velocity at four times each."""
    source = torch.Generator().manual_seed(1)
    found: list[float] = []
    for start in range(0, len(latents), _BATCH):
        part = slice(start, start + _BATCH)
        clean, sketch = latents[part], None if sketches is None else sketches[part]
        states, mask = (value[part] for value in text)
        for at in (0.2, 0.4, 0.6, 0.8):
            noise = torch.randn(clean.shape, generator=source).to(clean.device)
            time_ = torch.full((len(clean),), at * 1000.0, device=clean.device)
            seen = velocity_of(network, clean * (1.0 - at) + noise * at, (states, mask), time_, sketch)
            found += (seen - (noise - clean)).square().mean((1, 2, 3)).tolist()
    return float(np.mean(found))


@torch.inference_mode()
def words_explain(network: Any, latents: Tensor, text: tuple[Tensor, Tensor], sketches: Tensor | None = None) -> float:
    """The part of the variance of tiles' mean latents that a flow tells from its words (and sketch) alone, at pure
    noise.

    Args:
        network: predicts the velocity; sees across the borders.
        latents: [N, C, H, W] of tiles that training never saw.
        text: token states and mask of their captions.
        sketches: of them, for a network that sees some.

    Returns:
        1 for all of it, 0 for nothing (also of a single tile), and less for what is worse than the mean of all tiles.
    """
    source = torch.Generator().manual_seed(1)
    said: list[Tensor] = []
    for start in range(0, len(latents), _BATCH):
        part = slice(start, start + _BATCH)
        clean, sketch = latents[part], None if sketches is None else sketches[part]
        states, mask = (value[part] for value in text)
        noise = torch.randn(clean.shape, generator=source).to(clean.device)
        time_ = torch.full((len(clean),), 1000.0, device=clean.device)
        velocity = velocity_of(network, noise, (states, mask), time_, sketch)
        said.append((noise - velocity).mean((2, 3)))
    truth = latents.mean((2, 3))
    missed = (torch.cat(said) - truth).square().sum()
    variance = (truth - truth.mean(0)).square().sum()
    return float(1.0 - missed / variance) if variance > 0.0 else 0.0


def summary(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table, a network a row."""

    def text(value: dict[str, Any], digits: int) -> str:
        return Estimate(**value).text(digits)

    count = next(iter(results.values()))["count"]
    lines = [
        f"{count} held-out captions; distances are from {count} true materials of other captions.",
        "",
        "| | " + " | ".join(_COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
    ]
    for name, found in results.items():
        agreed = found["agreement"]
        cells = [text(agreed[key], 1) if key in agreed else "–" for key in ("material", "color", "attributes")]
        lines.append(
            f"| {name} | {found['network']} | {found['parameters'] / 1e6:.1f} | {found['steps']} | "
            f"{found['milliseconds']:.0f} | {found['loss']:.4f} | {100.0 * found['words']:.0f} | {' | '.join(cells)} | "
            f"{text(found['frechet'], 3)} | {text(found['kernel'], 3)} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate learned-networks``: exit status 0, or 1 when a folder cannot be used."""
    parser = argparse.ArgumentParser(prog="texloom evaluate learned-networks", description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="folders that texloom train flow or distill wrote")
    parser.add_argument("--autoencoder", type=Path, required=True, help="whose latents all of them draw")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of shards that they were trained on")
    add_judge_arguments(parser)
    add_truth_arguments(parser)
    parser.add_argument("--out", type=Path, help="JSON file that gets the figures")
    arguments = parser.parse_args(argv)
    settle(arguments)
    try:
        vae = read_autoencoder(arguments.autoencoder).to(arguments.device)
        tiles = Tiles(arguments.corpus)
        judge = judge_for(arguments, tiles).to(arguments.device)
        ground = prepare_ground(
            tiles, vae, judge, count=arguments.count, device=arguments.device, folder=arguments.truth,
            workers=arguments.threads,
        )  # fmt: skip
        results: dict[str, dict[str, Any]] = {}
        for model in arguments.models:
            report(f"measuring {model}")
            # As it was given: folders of several trainings may have one name.
            results[str(model)] = measure(model, ground, vae, judge)
        if arguments.out is not None:
            write_json_atomic(arguments.out, results)
    except TexloomError as error:
        report(str(error))
        return 1
    sys.stdout.write(summary(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

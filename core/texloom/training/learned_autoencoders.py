# SPDX-License-Identifier: GPL-3.0-or-later
"""Which autoencoder keeps most: ``texloom evaluate learned-autoencoders A B …``.

All of them rebuild the same true materials of held-out captions, which none has seen.  Errors of pixels say little
where grain of the right kind is wanted and not the very grain; so beside them stand how far the amplitudes of local
spectra are off, how much steeper the whole spectrum falls (blur makes it steeper, a grid of blocks flatter), and what
the judge makes of the rebuilt materials against as many true ones of other captions.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..engine.learned_channels import CHANNELS
from ..engine.seamless import circular
from ..errors import TexloomError
from ..storage import write_json_atomic
from .asked import Asked, agreement, captions
from .heads import report
from .learned_evaluate import add_truth_arguments, grammar_of, plain, reference_orders, settle
from .learned_folder import read_autoencoder
from .learned_judge import Judge, add_judge_arguments, judge_all, judge_for
from .learned_look import BATCH, distances
from .learned_metrics import Features
from .learned_table import text
from .shards import size_of
from .spectra import local_amplitudes, slopes
from .statistics import Estimate, estimate
from .true_materials import Materials, true_materials

_TIMED_SIDE = 256
_TIMES = 12


def measure(
    vae: Any, asked: Sequence[Asked], true: Materials, reference: Features, judge: Judge, *, device: str = "cpu"
) -> dict[str, dict[str, Estimate]]:
    """The figures of an autoencoder on ``device`` by kind: errors, spectra, agreement and distances."""
    errors: list[Tensor] = []
    local: list[Tensor] = []
    steeper: list[Tensor] = []

    def rebuilt() -> Iterator[Tensor]:
        for batch in true.batches(BATCH, device):
            seen = vae.decode(vae.encode(batch).latent).sample.float()
            errors.append((seen - batch).abs().mean((2, 3)).cpu())
            local.append((local_amplitudes(seen) - local_amplitudes(batch)).abs().mean((1, 2, 3, 4)).cpu())
            steeper.append((slopes(seen[:, 0]) - slopes(batch[:, 0])).cpu())
            yield seen

    with torch.no_grad(), circular([vae]):
        verdict = judge_all(judge, rebuilt())
    by_channel = torch.cat(errors)
    # A flat material has no slope.
    tilted = torch.cat(steeper)
    tilted = tilted[tilted.isfinite()]
    found = {name: estimate(by_channel[:, place].tolist()) for place, name in enumerate(CHANNELS)}
    spectra = {"local": estimate(torch.cat(local).tolist())}
    if len(tilted):
        spectra |= {"slope": estimate(tilted.tolist()), "slope off": estimate(tilted.abs().tolist())}
    return {
        "errors": found,
        "spectra": spectra,
        "agreement": agreement(asked, verdict).rows(),
        **distances({"rebuilt": verdict.features}, reference),
    }


@torch.no_grad()
def milliseconds(vae: Any, device: str) -> Estimate:
    """How long one 256² picture takes to decode, warm."""
    side = _TIMED_SIDE // vae.spatial_compression_ratio
    latents = torch.zeros(1, vae.config.latent_channels, side, side, device=device)
    spent = []
    with circular([vae]):
        for turn in range(_TIMES + 2):
            began = time.perf_counter()
            # Back on the processor it is done, whatever the device puts off.
            vae.decode(latents).sample.cpu()
            if turn >= 2:
                spent.append(1000.0 * (time.perf_counter() - began))
    return estimate(spent)


def summary(results: dict[str, Any], count: int, size: int, device: str) -> str:
    """A Markdown table, an autoencoder a row, and what the judge says of the true materials themselves as the last."""
    columns = ["million weights", *(f"error, {name}" for name in CHANNELS), "local spectra", "slope", "slope off"]
    columns += ["Fréchet", "Fréchet, endless", "kernel", "material %", "color %", "ms to decode 256²"]
    lines = [
        f"{count} true materials of held-out captions at {size}², rebuilt; distances are from {count} true materials "
        f"of other captions; times on {device}.",
        "",
        "| | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name, found in results.items():
        weights = f"{found['parameters'] / 1e6:.2f}" if found.get("parameters") else "–"
        cells = [text(found.get("errors", {}).get(channel), 4) for channel in CHANNELS]
        cells += [text(found.get("spectra", {}).get(key), 3) for key in ("local", "slope", "slope off")]
        cells += [text(found[key]["rebuilt"], 3) for key in ("frechet", "frechet_endless", "kernel")]
        cells += [text(found["agreement"].get(key), 1) for key in ("material", "color")]
        cells.append(text(found.get("milliseconds"), 0))
        lines.append(f"| {name} | {weights} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate learned-autoencoders``: exit status 0, or 1 when a folder cannot be used."""
    parser = argparse.ArgumentParser(prog="texloom evaluate learned-autoencoders", description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="folders of autoencoders, or of models with a vae folder")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of shards that they were trained on")
    add_judge_arguments(parser)
    add_truth_arguments(parser)
    parser.add_argument("--out", type=Path, help="JSON file that gets the figures")
    arguments = parser.parse_args(argv)
    settle(arguments)
    count, device = arguments.count, arguments.device
    results: dict[str, Any] = {}
    try:
        size = size_of(arguments.corpus)
        judge = judge_for(arguments).to(device)
        grammar = grammar_of(judge)
        asked = captions(grammar, count)
        orders = {"captions": [one.truth for one in asked], "reference": reference_orders(grammar, count)}
        true = true_materials(orders, size, folder=arguments.truth, workers=arguments.threads)
        reference = judge_all(judge, true["reference"].batches(BATCH, device)).features
        for model in arguments.models:
            report(f"measuring {model}")
            vae = read_autoencoder(model / "vae" if (model / "vae").is_dir() else model).to(device)
            found = measure(vae, asked, true["captions"], reference, judge, device=device)
            results[str(model)] = {
                "parameters": sum(value.numel() for value in vae.parameters()),
                **{kind: plain(rows) for kind, rows in found.items()},
                **plain({"milliseconds": milliseconds(vae, device)}),
            }
        verdict = judge_all(judge, true["captions"].batches(BATCH, device))
        floor = distances({"rebuilt": verdict.features}, reference)
        results["true materials"] = {kind: plain(rows) for kind, rows in floor.items()}
        results["true materials"]["agreement"] = plain(agreement(asked, verdict).rows())
        if arguments.out is not None:
            write_json_atomic(arguments.out, {"count": count, "size": size, "device": device, "rows": results})
    except TexloomError as error:
        report(str(error))
        return 1
    sys.stdout.write(summary(results, count, size, device))
    return 0


if __name__ == "__main__":
    sys.exit(main())

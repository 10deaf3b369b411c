# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of the learned model: ``texloom evaluate learned``.

Captions that training never saw, designers' prompts in English and Chinese, and texts of two materials are drawn by
the model, through the engine's own pipeline, by the instant model, and by their families, which is the truth.  A judge
that was trained on the corpus alone says of all what they are.  So every figure stands beside what the judge makes of
true materials.
All distances are those from one reference: as many true materials of other captions, which neither the model nor the
autoencoder has seen.

With ``--out`` each part is written down once it is measured, and a stopped measurement goes on after it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import __version__
from ..engine.device import use_threads
from ..engine.diffusers_folder import DiffusersFolderGenerator
from ..engine.instant import InstantGenerator
from ..engine.procedural.family import families
from ..engine.seamless import circular
from ..engine.text_encoder import TextEncoder
from ..errors import TexloomError
from ..storage import home, read_json, write_json_atomic
from .asked import REFERENCE_SEED, SEED, Asked, agreement, blends, both_seen, captions, of_prompts
from .captions import Grammar
from .evaluate import CHINESE_PROMPTS, load_prompts
from .heads import report
from .learned_draw import drawing, drawn, drawn_together, quiet
from .learned_folder import read_autoencoder
from .learned_judge import Judge, Verdict, add_judge_arguments, judge_all, judge_for
from .learned_look import BATCH, Seams, distances, look, nearest, trained_on
from .learned_metrics import spread_of
from .learned_state import default_device
from .learned_table import summary
from .shards import size_of
from .statistics import Estimate, estimate
from .true_materials import Materials, Order, true_materials

COUNT, COUNT_OF_CARD = 240, 1000
_TOGETHER = 32
_MOST_SPREAD = 60


@dataclass
class Sets:
    """What is asked, by name, and the true materials of it; ``reference`` is what all are compared with."""

    asked: dict[str, list[Asked]]
    true: dict[str, Materials]
    spread: list[Asked]


def add_truth_arguments(parser: argparse.ArgumentParser) -> None:
    """``--count``, ``--truth``, ``--device`` and ``--threads``, as :func:`settle` wants them."""
    place = home() / "training" / "true-materials"
    parser.add_argument(
        "--count", type=int, help=f"samples of each set (default: {COUNT}, and {COUNT_OF_CARD} with a card)"
    )
    parser.add_argument("--truth", type=Path, default=place, help="folder that keeps true materials once drawn")
    parser.add_argument("--device", help="cuda or cpu (default: the best there is)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="also processes that draw the truth")


def settle(arguments: argparse.Namespace) -> None:
    """Use the threads, and fill in what :func:`add_truth_arguments` leaves open."""
    use_threads(arguments.threads)
    arguments.device = arguments.device or default_device()
    if arguments.count is None:
        arguments.count = COUNT if torch.device(arguments.device).type == "cpu" else COUNT_OF_CARD


def grammar_of(judge: Judge) -> Grammar:
    """Of the families that the judge knows."""
    return Grammar({name: families()[name] for name in judge.names if name in families()})


def reference_orders(grammar: Grammar, count: int) -> list[Order]:
    """The true materials that everything is compared with."""
    return [asked.truth for asked in captions(grammar, count, REFERENCE_SEED)]


def gather(
    judge: Judge, size: int, *, count: int, prompts: int, repeats: int, folder: Path | None, workers: int
) -> Sets:
    """All that is asked, and its true materials."""
    grammar = grammar_of(judge)
    asked = {
        "captions": captions(grammar, count),
        "prompts": of_prompts(load_prompts(), judge.names, prompts),
        "chinese": of_prompts(load_prompts(CHINESE_PROMPTS), judge.names, prompts),
        "blends": blends(grammar, max(2, min(count, prompts) // 2)),
    }
    spread = asked["captions"][: min(_MOST_SPREAD, max(4, count // 10))]
    orders = {name: [one.truth for one in texts] for name, texts in asked.items() if texts}
    orders["reference"] = reference_orders(grammar, count)
    orders["spread"] = [replace(one.truth, seed=seed) for one in spread for seed in _seeds(repeats)]
    return Sets(asked, true_materials(orders, size, folder=folder, workers=workers), spread)


def _seeds(repeats: int) -> list[int]:
    return [SEED + 7919 * (turn + 1) for turn in range(repeats)]


class Parts:
    """Figures, part by part; written to ``path`` after each, and found there again for the same ``key``."""

    def __init__(self, path: Path | None, key: Mapping[str, Any]) -> None:
        self._path = path
        self.result: dict[str, Any] = {**key, "parts": []}
        if path is not None and path.is_file():
            found = read_json(path)
            if all(found.get(name) == value for name, value in key.items()) and isinstance(found.get("parts"), list):
                self.result = found

    def part(self, name: str, make: Callable[[], dict[str, Any]]) -> None:
        """Measure it, unless that is done."""
        if name in self.result["parts"]:
            return
        report(name)
        self.result |= make()
        self.result["parts"].append(name)
        if self._path is not None:
            write_json_atomic(self._path, self.result)


class Evaluation:
    """One model on its device, measured in parts."""

    def __init__(
        self, model: Path, sets: Sets, judge: Judge, *, size: int, device: str, encoder: TextEncoder | None = None
    ) -> None:
        encoder = encoder or TextEncoder()
        self.generator: DiffusersFolderGenerator = drawing(model, encoder, device)
        self._instant = InstantGenerator(encoder)
        self._instant.load(quiet(device))
        self._vae = read_autoencoder(model / "vae").to(device)
        self._sets, self._judge = sets, judge.to(device)
        self._size, self._device = size, device

    def _pictures(self, texts: Sequence[str], seeds: Sequence[int]) -> Iterator[Any]:
        together = 1 if torch.device(self._device).type == "cpu" else _TOGETHER
        return drawn_together(
            self.generator, texts, size=self._size, seeds=seeds, together=together, device=self._device
        )

    def _asked(self, name: str) -> Iterator[Any]:
        texts = self._sets.asked[name]
        return self._pictures([one.text for one in texts], [one.truth.seed for one in texts])

    def _by_instant(self, name: str) -> Iterator[Tensor]:
        asked = self._sets.asked[name]
        seeds = [one.truth.seed for one in asked]
        texts = [one.text for one in asked]
        return Seams().batches(drawn(self._instant, texts, size=self._size, seeds=seeds, device=self._device))

    def _verdicts(self, name: str) -> dict[str, Verdict]:
        """What the judge sees, by whose pictures they are, as :mod:`.learned_table` calls them."""
        whose = {"": Seams().batches(self._asked(name)), "_of_instant": self._by_instant(name)}
        whose["_of_truth"] = self._true(name)
        return {who: judge_all(self._judge, pictures) for who, pictures in whose.items()}

    def _true(self, name: str) -> Iterator[Tensor]:
        return self._sets.true[name].batches(BATCH, self._device)

    @torch.no_grad()
    def _rebuilt(self, name: str) -> Iterator[Tensor]:
        with circular([self._vae]):
            for batch in self._true(name):
                yield self._vae.decode(self._vae.encode(batch).latent).sample

    def captions(self, corpus: Path) -> dict[str, Any]:
        """Agreement, distances, seams and copies."""
        seams = Seams(side=int(self._vae.spatial_compression_ratio))
        looks = {
            "model": look(self._judge, seams.batches(self._asked("captions"))),
            "instant": look(self._judge, self._by_instant("captions")),
            "autoencoder": look(self._judge, self._rebuilt("captions")),
            "truth": look(self._judge, self._true("captions")),
        }
        reference = judge_all(self._judge, self._true("reference")).features
        found = distances({name: one.verdict.features for name, one in looks.items()}, reference)
        texts = self._sets.asked["captions"]
        report("nearest training samples")
        copies = nearest(
            {name: looks[name] for name in ("model", "truth")}, trained_on(corpus, self._device), self._device
        )
        return {
            "agreement": plain(agreement(texts, looks["model"].verdict).rows()),
            "agreement_of_instant": plain(agreement(texts, looks["instant"].verdict).rows()),
            "agreement_of_autoencoder": plain(agreement(texts, looks["autoencoder"].verdict).rows()),
            "agreement_of_truth": plain(agreement(texts, looks["truth"].verdict).rows()),
            **{name: plain(rows) for name, rows in found.items()},
            "seams": plain(seams.rows()),
            "seams_of_blocks": plain(seams.rows_of_blocks()),
            "nearest": {name: plain(rows) for name, rows in copies.items()},
        }

    def texts(self, name: str) -> dict[str, Any]:
        """Agreement with hand-written prompts."""
        texts = self._sets.asked[name]
        if not texts:
            return {}
        found = self._verdicts(name)
        return {f"{name}{who}": plain(agreement(texts, verdict).rows()) for who, verdict in found.items()}

    def blends(self) -> dict[str, Any]:
        """Whether both materials of a blend are seen."""
        texts = self._sets.asked["blends"]
        if not texts:
            return {}
        found = self._verdicts("blends")
        return {f"blends{who}": plain(both_seen(texts, verdict)) for who, verdict in found.items()}

    def spread(self, repeats: int) -> dict[str, Any]:
        """Spread of pictures of one caption, of the model and of the families with all parameters fixed."""
        texts = [one.text for one in self._sets.spread for _ in range(repeats)]
        made = self._pictures(texts, _seeds(repeats) * len(self._sets.spread))
        sets = {"model": Seams().batches(made), "truth": self._true("spread")}
        found = {}
        for name, batches in sets.items():
            features = judge_all(self._judge, batches).features
            groups = features.reshape(len(self._sets.spread), repeats, -1)
            found[name] = estimate([spread_of(group) for group in groups])
        return {"diversity": plain(found)}


def evaluate(
    model: Path,
    corpus: Path,
    judge: Judge,
    *,
    count: int,
    repeats: int = 4,
    prompts: int | None = None,
    device: str = "cpu",
    workers: int = 1,
    truth: Path | None = None,
    out: Path | None = None,
    encoder: TextEncoder | None = None,
) -> dict[str, Any]:
    """All figures of the model in ``model``.

    Args:
        model: its folder.
        corpus: what it was trained on.
        judge: says what is seen.
        count: captions, their true materials, and materials of the reference: as many each.
        repeats: pictures of one caption, for diversity.
        prompts: hand-written prompts of each language at most; None: as many as captions.
        device: draws and judges.
        workers: processes that draw true materials.
        truth: folder that keeps those.
        out: file that gets the figures after each part, and may hold some already.
        encoder: reads the texts.

    Raises:
        TexloomError: the model cannot be loaded or drawn with, or there is no corpus.
    """
    size = size_of(corpus)
    prompts = count if prompts is None else prompts
    sets = gather(judge, size, count=count, prompts=prompts, repeats=repeats, folder=truth, workers=workers)
    measured = Evaluation(model, sets, judge, size=size, device=device, encoder=encoder)
    info = measured.generator.info
    key = {
        "version": __version__,
        "model": _sum(sorted(info.files.items())),
        "judge": _sum([(name, value.cpu().numpy().tobytes()) for name, value in sorted(judge.state_dict().items())]),
        "count": count,
        "repeats": repeats,
        "size": size,
        "steps": info.default_steps,
        "beside": "instant",
        "asked": {name: len(texts) for name, texts in sets.asked.items()} | {"spread": len(sets.spread)},
    }
    parts = Parts(out, key)
    parts.part("captions", lambda: measured.captions(corpus))
    for name in ("prompts", "chinese"):
        parts.part(name, lambda name=name: measured.texts(name))  # type: ignore[misc]
    parts.part("blends", measured.blends)
    parts.part("diversity", lambda: measured.spread(repeats))
    return parts.result


def _sum(items: Sequence[tuple[str, Any]]) -> str:
    found = hashlib.sha256()
    for name, value in items:
        found.update(name.encode())
        found.update(value if isinstance(value, bytes) else str(value).encode())
    return found.hexdigest()[:16]


def plain(rows: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Estimates as JSON has them."""
    return {
        name: {
            "mean": round(found.mean, 4),
            "low": round(found.low, 4),
            "high": round(found.high, 4),
            "of": found.count,
        }
        for name, found in rows.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate learned``: exit status 0, or 1 when the model cannot be used."""
    parser = argparse.ArgumentParser(prog="texloom evaluate learned", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the learned model's folder")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of shards that it was trained on")
    add_judge_arguments(parser)
    add_truth_arguments(parser)
    parser.add_argument("--repeats", type=int, default=4, help="pictures of one prompt for diversity")
    parser.add_argument("--prompts", type=int, help="hand-written prompts of a language (default: as many as captions)")
    parser.add_argument("--fresh", action="store_true", help="measure parts anew that --out holds already")
    parser.add_argument("--out", type=Path, help="JSON file that gets the figures, part by part")
    arguments = parser.parse_args(argv)
    settle(arguments)
    try:
        judge = judge_for(arguments)
        if arguments.fresh and arguments.out is not None:
            arguments.out.unlink(missing_ok=True)
        result = evaluate(
            arguments.model, arguments.corpus, judge,
            count=arguments.count, repeats=arguments.repeats, prompts=arguments.prompts, device=arguments.device,
            workers=arguments.threads, truth=arguments.truth, out=arguments.out,
        )  # fmt: skip
    except TexloomError as error:
        report(str(error))
        return 1
    sys.stdout.write(summary(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

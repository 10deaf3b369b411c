# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the instant model's head: ``texloom train instant``."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import __version__
from ..engine.color_names import meaning, parse_name
from ..engine.device import use_threads
from ..engine.head import Calibration, Head
from ..engine.head_net import HeadNet, ParameterOutput
from ..engine.procedural.family import families
from ..engine.schema import Schema
from ..engine.vocabulary import Vocabulary
from ..errors import ModelInvalidError
from .batches import Corpus, Encoder, Targets, encode_corpus, known_nouns, token_mask, write_captions
from .captions import Grammar, vocabulary_texts

MODEL_FOLDER = Path(__file__).parents[1] / "models" / "instant"
WORK_FOLDER = Path(".checkpoints") / "instant"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that determines a training, besides the registry and the text encoder."""

    captions: int = 72000
    steps: int = 7500
    batch: int = 128
    rate: float = 1.5e-3
    weight_decay: float = 0.03
    noise: float = 0.06
    seed: int = 1
    width: int = 192
    layers: int = 2


def report(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Trainer:
    """One training that can stop and go on: the same options give the same weights either way."""

    def __init__(
        self, schema: Schema, corpus: Corpus, options: Options, nouns: Sequence[tuple[str, str]], vectors: Tensor
    ) -> None:
        self.schema = schema
        self.corpus = corpus
        self.options = options
        torch.manual_seed(options.seed)
        self.net = HeadNet(
            len(schema.families), len(schema.keys), schema.max_options, len(nouns),
            width=options.width, layers=options.layers,
        )  # fmt: skip
        self.net.noun_vectors.copy_(vectors)
        self.net.noun_family.copy_(torch.tensor([schema.families.index(family) for _, family in nouns]))
        decayed = [value for value in self.net.parameters() if value.dim() > 1]
        plain = [value for value in self.net.parameters() if value.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=options.rate, betas=(0.9, 0.98),
        )  # fmt: skip
        self.step = 0
        self.seconds = 0.0
        self._average: dict[str, float] = {}

    def identity(self) -> str:
        """Hash of all that a checkpoint must agree with."""
        texts = hashlib.sha256("\n".join(caption.text for caption in self.corpus.captions).encode()).hexdigest()
        facts = json.dumps([asdict(self.options), self.schema.digest(), texts], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:20]

    def run(self, minutes: float | None, folder: Path | None, every: int = 500) -> bool:
        """Train until the last step (True) or until the time is up (False); writes checkpoints to ``folder``."""
        began = time.monotonic()
        order = self.corpus.batches(self.options.batch, np.random.default_rng(self.options.seed))
        for _ in range(self.step):
            next(order)
        self.net.train()
        while self.step < self.options.steps:
            if minutes is not None and time.monotonic() - began > minutes * 60:
                self._keep(folder)
                return False
            started = time.monotonic()
            self._one(next(order))
            self.seconds += time.monotonic() - started
            if self.step % 200 == 0:
                parts = "  ".join(f"{name} {value:.4f}" for name, value in self._average.items())
                report(f"step {self.step}/{self.options.steps}  {self.seconds:.0f} s  {parts}")
            if folder is not None and self.step % every == 0:
                self.save(folder)
        self._keep(folder)
        return True

    def _keep(self, folder: Path | None) -> None:
        if folder is not None:
            self.save(folder)

    def _one(self, index: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        options = self.options
        # Dice of a step depend on its number alone, so that a resumed training throws the same.
        torch.manual_seed((options.seed << 32) + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = options.rate * _schedule(self.step / options.steps)
        states, mask, pooled = self.corpus.batch(index)
        states = states + torch.randn_like(states) * options.noise
        targets = self.corpus.targets.pick(torch.from_numpy(index))
        losses = compute_losses(self.net, states, mask, pooled, targets)
        loss = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        for name, value in losses.items():
            amount = float(value.detach())
            self._average[name] = self._average.get(name, amount) * 0.98 + 0.02 * amount

    def save(self, folder: Path) -> None:
        """Write net, optimizer and step, each file aside first."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"net.{name}": value.detach().clone() for name, value in self.net.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value).clone()
        facts = {"identity": self.identity(), "step": self.step, "seconds": self.seconds, "average": self._average}
        save_file(tensors, folder / "checkpoint.tmp", metadata={"facts": json.dumps(facts)})
        (folder / "checkpoint.tmp").replace(folder / "checkpoint.safetensors")

    def resume(self, folder: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            ModelInvalidError: none there, or of another training.
        """
        path = folder / "checkpoint.safetensors"
        if not path.exists():
            raise ModelInvalidError(f"There is no checkpoint in {folder}.", advice="Train without --resume.")
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
        if facts["identity"] != self.identity():
            raise ModelInvalidError(
                "The checkpoint is of another training: options, families or captions differ.",
                advice="Train without --resume.",
            )
        tensors = load_file(path)
        self.net.load_state_dict({key[4:]: value for key, value in tensors.items() if key.startswith("net.")})
        state = self.optimizer.state_dict()
        restored: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, number, name = key.split(".", 2)
                restored.setdefault(int(number), {})[name] = value
        state["state"] = restored
        self.optimizer.load_state_dict(state)
        self.step, self.seconds, self._average = facts["step"], facts["seconds"], facts["average"]


def _schedule(progress: float) -> float:
    """Warm-up over 3 %, then half a cosine down to 2 %."""
    if progress < 0.03:
        return progress / 0.03 + 0.01
    return 0.02 + 0.49 * (1.0 + math.cos(math.pi * (progress - 0.03) / 0.97))


def compute_losses(net: HeadNet, states: Tensor, mask: Tensor, pooled: Tensor, targets: Targets) -> dict[str, Tensor]:
    """All losses of a batch, weighted."""
    memory = net.remember(states, mask, pooled)
    paths, hidden = _family_dice(targets)
    read = net.read_family(memory, paths, hidden)
    logits, domain, attention = read.logits, read.domain, read.attention
    inside = targets.family >= 0
    safe = targets.family.clamp(min=0)
    family = F.cross_entropy(logits, safe, reduction="none", label_smoothing=0.03)
    tokens = states.shape[1]
    named = token_mask(targets.family_tokens, tokens)
    # All words of a name count alike: of "salt and pepper stone", "pepper" alone would mislead.
    share = named / named.sum(-1, keepdim=True).clamp(min=1)
    family_attention = -(share * (attention * named.sum(-1, keepdim=True) + 1e-4).log()).sum(-1)
    has_name = targets.family_tokens != 0
    output = net.read_parameters(memory, safe, targets.asked)
    counted = targets.present & inside[:, None]
    mentioned = F.binary_cross_entropy_with_logits(output.mentioned, targets.mentioned.float(), reduction="none")
    said = targets.mentioned & counted
    spoken = token_mask(targets.tokens, tokens)
    focus = -((output.attention * spoken).sum(-1) + 1e-4).log()
    return {
        "family": _mean(family, inside),
        "names": _names_loss(net, len(safe)),
        "domain": 0.3 * F.binary_cross_entropy_with_logits(domain, inside.float()),
        "where": 0.15 * _mean(family_attention, has_name) + 0.15 * _mean(focus, said & (targets.tokens != 0)),
        "mention": 3.0 * _mean(mentioned, counted),
        **_value_losses(output, targets, said),
    }


def _family_dice(targets: Targets) -> tuple[Tensor, Tensor]:
    """Which of the ways to the family each sample trains, and which nouns are hidden from likeness."""
    count = len(targets.family)
    # A quarter each: one way alone, or all together.
    which = torch.randint(4, (count,))
    paths = torch.stack([(which == way) | (which == 3) for way in range(3)]).float()
    hidden = torch.where(torch.rand(count) < 0.75, targets.noun, torch.full_like(targets.noun, -1))
    return paths, hidden


def _names_loss(net: HeadNet, count: int) -> Tensor:
    """Families of bare names, all families alike however many names they have."""
    share = torch.bincount(net.noun_family, minlength=net.config["families"]).clamp(min=1)
    index = torch.multinomial(1.0 / share[net.noun_family], count, replacement=True)
    return F.cross_entropy(
        net.read_names(F.normalize(net.noun_vectors[index], dim=-1)), net.noun_family[index], label_smoothing=0.05
    )


def _value_losses(output: ParameterOutput, targets: Targets, said: Tensor) -> dict[str, Tensor]:
    number = _gaussian(output.number[..., :1], output.number[..., 1:], targets.value[..., :1])
    color = _gaussian(output.color[..., :3], output.color[..., 3:], targets.value)
    count = output.options.shape[-1]
    options = F.cross_entropy(output.options.flatten(0, 1), targets.option.flatten(), reduction="none")
    return {
        "number": 1.0 * _mean(number, said & (targets.kind == 1)),
        "color": 1.5 * _mean(color, said & (targets.kind == 0)),
        "option": 0.5 * _mean(options.view(targets.option.shape), said & (targets.kind == 2))
        if count > 1
        else options.sum() * 0,
    }


def _gaussian(mean: Tensor, log_spread: Tensor, target: Tensor) -> Tensor:
    """Absolute error for the mean, and a likelihood that fits the spread to it without touching the mean."""
    error = (mean - target).abs()
    log_spread = log_spread.clamp(-5.0, 1.0)
    likelihood = error.detach() / log_spread.exp() + log_spread
    return (3.0 * error + 0.05 * likelihood).mean(-1)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    weights = where.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp(min=1.0)


@torch.inference_mode()
def calibrate(net: HeadNet, schema: Schema, corpus: Corpus) -> Calibration:
    """Temperatures by which the probabilities are as right as they claim, on captions not trained on."""
    net.eval()
    logits, domains, mentions, said = [], [], [], []
    for start in range(0, len(corpus), 256):
        index = np.arange(start, min(start + 256, len(corpus)))
        states, mask, pooled = corpus.batch(index)
        targets = corpus.targets.pick(torch.from_numpy(index))
        memory = net.remember(states, mask, pooled)
        read = net.read_family(memory)
        output = net.read_parameters(memory, targets.family.clamp(min=0), targets.asked)
        counted = targets.present & (targets.family >= 0)[:, None]
        logits.append(read.logits)
        domains.append(read.domain)
        mentions.append(output.mentioned[counted])
        said.append(targets.mentioned[counted])
    truth = corpus.targets.family
    inside = truth >= 0
    scale = [float(x) for x in np.geomspace(0.5, 4.0, 60)]
    all_logits, all_domains = torch.cat(logits)[inside].double(), torch.cat(domains).double()
    all_mentions, all_said = torch.cat(mentions).double(), torch.cat(said).double()
    return Calibration(
        family_temperature=min(scale, key=lambda t: float(F.cross_entropy(all_logits / t, truth[inside]))),
        mention_temperature=min(
            scale, key=lambda t: float(F.binary_cross_entropy_with_logits(all_mentions / t, all_said))
        ),
        domain_temperature=min(
            scale, key=lambda t: float(F.binary_cross_entropy_with_logits(all_domains / t, inside.double()))
        ),
    )


def calibration_corpus(grammar: Grammar, schema: Schema, encoder: Encoder, count: int, seed: int) -> Corpus:
    """Held-out captions and unknown nouns, with texts outside the domain; another seed than any evaluation's."""
    rng = np.random.default_rng((seed, 77))
    captions = [grammar.caption(rng, "held_out") for _ in range(count)]
    captions += [grammar.out_of_domain(rng) for _ in range(count // 4)]
    return encode_corpus(captions, encoder, schema, (), None, lambda text: None)


def build_vocabulary(grammar: Grammar, encoder: Encoder) -> Vocabulary:
    """Known words and colours of the grammar with their embeddings."""
    named = {}
    for name in (*grammar.color_names, *grammar.held_out_colors):
        parsed = parse_name(name)
        assert parsed is not None
        named[name] = meaning(parsed)
    return Vocabulary.build(vocabulary_texts(grammar), named, encoder)


def train(
    encoder: Encoder,
    options: Options,
    out: Path,
    *,
    work: Path | None = WORK_FOLDER,
    minutes: float | None = None,
    resume: bool = False,
) -> Head | None:
    """Train a head and write the model to ``out``; None when the time ran out before the last step.

    Raises:
        ModelInvalidError: ``resume`` without a fitting checkpoint.
    """
    registry = families()
    schema, grammar = Schema(registry), Grammar(registry)
    began = time.monotonic()
    captions = write_captions(grammar, options.captions, options.seed)
    report(f"{len(registry)} families, {len(schema.keys)} keys, {len(captions)} captions")
    nouns = known_nouns(grammar)
    corpus = encode_corpus(captions, encoder, schema, nouns, work, report)
    vectors = encoder.encode([noun for noun, _ in nouns]).pooled.float().cpu()
    encoded = time.monotonic() - began
    trainer = Trainer(schema, corpus, options, nouns, vectors)
    if resume and work is not None:
        trainer.resume(work)
        report(f"resumed at step {trainer.step}")
    if not trainer.run(minutes, work):
        report(f"Time is up at step {trainer.step} of {options.steps}; go on with --resume.")
        return None
    trainer.net.fold()
    calibration = calibrate(trainer.net, schema, calibration_corpus(grammar, schema, encoder, 1500, options.seed))
    head = Head(trainer.net, schema, calibration)
    facts: Mapping[str, Any] = {
        "version": __version__,
        "options": asdict(options),
        "parameters": sum(value.numel() for value in trainer.net.parameters()),
        "seconds": {"captions": round(encoded, 1), "training": round(trainer.seconds, 1)},
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    head.save(out, facts)
    build_vocabulary(grammar, encoder).save(out)
    report(f"wrote {out}")
    return head


def main(argv: Sequence[str] | None = None, encoder: Encoder | None = None) -> int:
    """``texloom train instant``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train instant", description=__doc__)
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--captions", type=int, default=Options.captions)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--minutes", type=float, help="stop after this time, to go on with --resume")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--work", type=Path, default=WORK_FOLDER, help="cache and checkpoints")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    if encoder is None:
        encoder = default_encoder()
    options = replace(Options(), steps=arguments.steps, captions=arguments.captions, seed=arguments.seed)
    try:
        head = train(
            encoder, options, arguments.out, work=arguments.work, minutes=arguments.minutes, resume=arguments.resume
        )
    except ModelInvalidError as error:
        report(str(error))
        return 1
    return 0 if head is not None else 3


def default_encoder() -> Encoder:
    """The text encoder of the product, on the CPU."""
    from ..engine.text_encoder import TextEncoder

    encoder: Encoder = TextEncoder()
    return encoder


if __name__ == "__main__":
    sys.exit(main())

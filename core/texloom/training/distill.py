# SPDX-License-Identifier: GPL-3.0-or-later
"""A learned model that needs few steps: ``texloom train distill``.

The trained model carries many noises to pictures, in many steps and guided as it is.  A copy of it learns the straight
line from each noise to its own picture (the second rectification of X. Liu et al., "Flow straight and fast", 2022):
since a noise now leads to one picture, and not to the mean of all, few steps along the line arrive, without guidance.

A stopped run goes on with ``--resume``; pictures that are drawn already are kept in any case.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from .. import __version__
from ..engine.families.learned import GUIDANCE, STEPS, TRAINING_FILE
from ..engine.flow_network import sees_sketches, showing
from ..engine.meaning import Layout
from ..engine.seamless import circular
from ..errors import ModelInvalidError, TexloomError
from ..storage import home
from .flow import Options as FlowOptions
from .flow import Sample, Words, add_arguments, moved, prepare_all, set_up, told
from .flow import Trainer as FlowTrainer
from .heads import report
from .latents import Learned
from .learned_folder import SHIFT, read_autoencoder, read_network, write_folder
from .learned_state import autocast, sent
from .parallel import MORE, OutOfTimeError, check_time, deadline_in, minutes_left

WORK_FOLDER = home() / "training" / "distill"
DISTILLED_STEPS = 4
_SHARD = 128
_CHOSEN = ("steps", "total", "rate", "batch", "seed", "pairs")


@dataclass(frozen=True)
class Options(FlowOptions):
    """What decides the result, besides that of a flow: how many ``pairs`` of noise and picture there are."""

    steps: int = 4000
    rate: float = 2e-4
    unsaid: float = 0.0
    pairs: int = 4096
    seed: int = 6


@dataclass
class Pairs:
    """Noise [N, C, H, W] and the latents [N, C, H, W] that it leads to, with the caption of that number; all else that
    is told of a tile, and its sketch, are those of tile and variant ``shown`` [N, 2]."""

    noise: Tensor
    latents: Tensor
    texts: list[int]
    shown: Tensor

    def to(self, device: str) -> Pairs:
        """The same on ``device``."""
        return Pairs(self.noise.to(device), self.latents.to(device), self.texts, self.shown.to(device))


def sigmas(steps: int) -> Tensor:
    """How far on the way to noise each of the model's ``steps`` begins: [steps + 1], 1 first, 0 last."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(steps)
    found: Tensor = scheduler.sigmas
    return found


@torch.inference_mode()
def carried(
    network: Any,
    noise: Tensor,
    text: tuple[Tensor, Tensor],
    none: tuple[Tensor, Tensor] | None,
    sketch: Tensor | None = None,
    *,
    steps: int,
) -> Tensor:
    """The latents that ``network`` makes of ``noise`` [B, C, H, W] in ``steps`` Euler steps.

    Args:
        network: on its device, seeing across the borders.
        noise: what it begins with.
        text: token states and mask of each.
        none: those of no text, to guide away from; None for no guidance.
        sketch: that they are painted over, with and without text.
        steps: of the schedule.
    """
    latents, at = noise, sigmas(steps)
    for here, there in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        time = torch.full((len(latents),), here * 1000.0, device=latents.device)
        with autocast(latents.device.type):
            velocity = velocity_of(network, latents, text, time, sketch)
            if none is not None:
                unsaid = velocity_of(network, latents, none, time, sketch)
                velocity = unsaid + GUIDANCE * (velocity - unsaid)
        latents = latents + (there - here) * velocity
    return latents


def velocity_of(
    network: Any, latents: Tensor, text: tuple[Tensor, Tensor], time: Tensor, sketch: Tensor | None = None
) -> Tensor:
    """What ``network`` says of latents [B, C, H, W] with this text and sketch, at ``time`` [B] from 0 to 1000."""
    states, mask = text
    latents = latents.contiguous(memory_format=torch.channels_last)
    said = {"encoder_hidden_states": states, "encoder_attention_mask": mask, **showing(sketch)}
    found = network(latents, timestep=time, **said).sample
    result: Tensor = found.float()
    return result


def make_pairs(
    network: Any,
    learned: Learned,
    options: Options,
    *,
    cache: Path,
    device: str = "cpu",
    deadline: float | None = None,
) -> Pairs:
    """Draw ``options.pairs`` tiles anew with the trained ``network``, told of each all that the engine would tell it;
    those in the folder ``cache`` are kept.

    Raises:
        OutOfTimeError: it is past ``deadline``; each call draws some more.
    """
    key = hashlib.sha256("\n".join(learned.texts).encode())
    for value in network.state_dict().values():
        key.update(value.detach().cpu().float().numpy().tobytes())
    key.update(f"{options.seed} {STEPS} {GUIDANCE}".encode())
    folder = cache / f"pairs-{key.hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    network = network.to(device).eval()
    noises: list[Tensor] = []
    pictures: list[Tensor] = []
    texts: list[int] = []
    shown: list[Tensor] = []
    made = False
    for start in range(0, options.pairs, _SHARD):
        rng = np.random.default_rng((options.seed, start))
        count = min(_SHARD, options.pairs - start)
        tiles = rng.integers(len(learned.latents), size=_SHARD)
        variants = rng.integers(learned.latents.shape[1], size=_SHARD)
        chosen = learned.say(rng, tiles, 0.0)[:count]
        which = torch.from_numpy(np.stack((tiles, variants), axis=1))[:count]
        source = torch.Generator().manual_seed(int(rng.integers(2**31)))
        noise = torch.randn((_SHARD, *learned.latents.shape[-3:]), generator=source)[:count]
        path = folder / f"{start:06d}-{count}.safetensors"
        if not path.is_file():
            if made:
                check_time(deadline)
            parts = [
                _drawn(network, learned, *(value[at : at + options.batch] for value in (noise, chosen, which)), device)
                for at in range(0, count, options.batch)
            ]
            aside = path.with_suffix(".tmp")
            save_file({"latents": torch.cat(parts)}, aside)
            aside.replace(path)
            made = True
            report(f"drew {start + count} of {options.pairs} pictures")
        noises.append(noise)
        pictures.append(load_file(path)["latents"].float())
        texts += chosen.tolist()
        shown.append(which)
    return Pairs(torch.cat(noises), torch.cat(pictures), texts, torch.cat(shown))


def _drawn(
    network: Any, learned: Learned, noise: Tensor, chosen: NDArray[np.int64], shown: Tensor, device: str
) -> Tensor:
    def said(which: NDArray[np.int64], meaning: Tensor | None = None) -> Words:
        states, mask = told(network, learned, which, meaning)
        return states.to(device), mask.to(device)

    text = said(chosen, learned.truth[shown[:, 0].to(learned.device)])
    none = said(np.zeros_like(chosen)) if GUIDANCE != 1.0 else None
    with circular([network]), sdpa_kernel(FlowTrainer.kernels(device)):
        sketch = _sketch(network, learned, shown, device)
        return carried(network, noise.to(device), text, none, sketch, steps=STEPS).half().cpu()


def _sketch(network: Any, learned: Learned, shown: Tensor, device: str) -> Tensor | None:
    """[B, SKETCH_CHANNELS, H, W] of tiles and variants ``shown`` [B, 2]; None for networks that see none."""
    if not sees_sketches(network):
        return None
    tiles, variants = shown.to(learned.device).unbind(1)
    return learned.sketches[tiles, variants].to(device).float()


class Trainer(FlowTrainer):
    """Begins as a copy of ``teacher``; every step is decided by the seed and its number."""

    options: Options

    def __init__(
        self,
        learned: Learned,
        pairs: Pairs,
        options: Options,
        *,
        teacher: Any,
        device: str = "cpu",
        compiled: bool = False,
    ) -> None:
        config = {name: value for name, value in teacher.config.items() if not name.startswith("_")}
        super().__init__(learned, options, config=config, device=device, compiled=compiled)
        self.begin_with(teacher)
        self.pairs = pairs.to(device)
        self._texts = np.array(pairs.texts)

    def _pairs(self, rng: np.random.Generator, source: torch.Generator) -> Sample:
        picked = rng.integers(len(self._texts), size=self.options.batch)
        index = sent(picked, self.device)
        shown = self.pairs.shown[index]
        # A noise that is moved, with its sketch, leads to the moved picture.
        parts = [self.pairs.latents[index], self.pairs.noise[index]]
        sketch = _sketch(self.network, self.learned, shown, self.device)
        found = moved(torch.cat(parts if sketch is None else [*parts, sketch], dim=1), rng)
        clean, noise, *rest = found.tensor_split((parts[0].shape[1], 2 * parts[0].shape[1]), dim=1)
        words = told(self.network, self.learned, self._texts[picked], self.learned.truth[shown[:, 0]])
        return clean, noise, words, None if sketch is None else rest[0]

    def _times(self, count: int, source: torch.Generator) -> Tensor:
        # Half of them where the few steps begin, for these are what it will be asked.
        asked = sigmas(DISTILLED_STEPS)[:-1].to(source.device, non_blocking=True)
        some = asked[torch.randint(len(asked), (count,), generator=source, device=source.device)]
        even, which = torch.rand((2, count), generator=source, device=source.device)
        return torch.where(which < 0.5, some, even)


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train distill``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train distill", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder that texloom train flow wrote")
    add_arguments(parser, Options(), _CHOSEN, WORK_FOLDER)
    arguments = parser.parse_args(argv)
    deadline = deadline_in(arguments.minutes)
    set_up(arguments)
    options = Options(**{name: getattr(arguments, name) for name in _CHOSEN})
    device, cache = arguments.device, arguments.cache or arguments.work / "cache"
    try:
        if arguments.out.resolve() == arguments.model.resolve():
            raise ModelInvalidError(
                "The distilled model cannot go where its teacher is.", advice="Choose another --out."
            )
        vae, teacher = read_autoencoder(arguments.model / "vae"), read_network(arguments.model)
        # Of several sizes it learns the first: what the few steps do does not depend on it.
        (learned,) = prepare_all(arguments.corpus[:1], arguments, vae, cache, deadline)
        if Layout.load(arguments.model) != learned.layout:
            raise ModelInvalidError(
                f"The model in {arguments.model} reads prompts in another way than this version teaches.",
                advice="Train it further first: texloom train flow --start.",
            )
        pairs = make_pairs(teacher, learned, options, cache=cache, device=device, deadline=deadline)
        trainer = Trainer(learned, pairs, options, teacher=teacher, device=device, compiled=arguments.compile)
        if arguments.resume:
            trainer.resume(arguments.work)
            report(f"resumed at step {trainer.step}")
        finished = trainer.run(minutes_left(deadline), arguments.work)
    except OutOfTimeError:
        report("The time was up before training began; what is prepared is kept.")
        return MORE
    except TexloomError as error:
        report(str(error))
        return 1
    known = arguments.model / TRAINING_FILE
    facts = {
        "version": __version__, "distilled_steps": DISTILLED_STEPS, "options": asdict(options), "steps": trainer.step,
        "seconds": round(trainer.seconds), "torch": torch.__version__, "device": device,
        "teacher": json.loads(known.read_text(encoding="utf-8")) if known.is_file() else None,
    }  # fmt: skip
    write_folder(arguments.out, vae=vae, network=trainer.average.model, layout=learned.layout, training=facts)
    report(f"wrote {arguments.out}")
    return 0 if finished else MORE


if __name__ == "__main__":
    sys.exit(main())

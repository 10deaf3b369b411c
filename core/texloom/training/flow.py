# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the learned model's generator: ``texloom train flow``.

A UNet2DConditionModel of diffusers learns to carry noise to the latents of the corpus along straight lines (rectified
flow; X. Liu et al., 2022), reading captions through cross-attention to the text encoder's token states, and through
what these say together, which scales and shifts its features (as in A. Nichol, P. Dhariwal, 2021, and in DeepFloyd IF).
It has no positions: wrapped around, it does not know where in a tile it is, so that its pictures tile exactly at any
size.  A tenth of the captions is left out, for classifier-free guidance (J. Ho, T. Salimans, 2022).

Nearly all of its work is dense convolutions, which processors do near their peak, and which learn textures
from few samples; a transformer is there to compare with.

A stopped run goes on with ``--resume``.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from .. import __version__
from ..engine.device import use_threads
from ..engine.flow_network import sees_sketches, showing, tell_velocity
from ..engine.learned_text import USUAL_TOKENS
from ..engine.meaning import Layout
from ..engine.seamless import circular
from ..engine.sketch import SKETCH_CHANNELS
from ..engine.text_encoder import TextEncoder
from ..errors import ModelInvalidError, TexloomError
from ..storage import home
from .heads import report
from .latents import Learned, prepare
from .learned_folder import SHIFT, read_autoencoder, read_network, write_folder
from .learned_state import Average, autocast, default_device, load_checkpoint, progress, save_checkpoint, sent
from .parallel import MORE, OutOfTimeError, deadline_in, minutes_left
from .tiles import Tiles

WORK_FOLDER = home() / "training" / "flow"

UNET: dict[str, Any] = {
    "sample_size": 32,
    "in_channels": 16,
    "out_channels": 16,
    # Text is looked at where a latent of the network is 32 pixels wide; everywhere else what it says as a whole scales
    # and shifts what blocks normalize, which costs next to nothing.
    "down_block_types": ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    "block_out_channels": (48, 96, 192),
    "layers_per_block": 1,
    "norm_num_groups": 16,
    "resnet_time_scale_shift": "scale_shift",
    "attention_head_dim": 8,
    "use_linear_projection": True,
    "cross_attention_dim": 256,
    "encoder_hid_dim_type": "text_proj",
    "encoder_hid_dim": 384,
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 1,
}
"""Of UNet2DConditionModel: 12 million weights."""

TRANSFORMER: dict[str, Any] = {
    "in_channels": 16,
    "out_channels": 16,
    "num_layers": 8,
    "num_attention_heads": 8,
    "attention_head_dim": 32,
    "num_cross_attention_heads": 8,
    "cross_attention_head_dim": 32,
    "cross_attention_dim": 256,
    "caption_channels": 384,
    "mlp_ratio": 2.5,
    # A token for 2 × 2 latents, 16 × 16 pixels; on processors 4 × 4 are a quarter of the work.
    "patch_size": 2,
    "sample_size": 32,
}
"""Of SanaTransformer2DModel (E. Xie et al., "SANA: efficient high-resolution image synthesis with linear diffusion
transformers", 2024), which the UNet is measured against."""

NETWORKS = {"unet": UNET, "transformer": TRANSFORMER}
_KEEP_SECONDS = 120  # Between checkpoints: as much is lost at most when it is killed.
_COARSE, _ROUGH, _MISSING = 0.25, 0.3, 0.1  # parts of the sketches, and the noise of a rough one
_FEW_TOKENS = 3  # Of small pieces: else most of the work would be reading.
_GROWN = ("conv_in.weight", "caption_projection.linear_1.weight")
"""Weights that see more than earlier networks did: sketches a UNet, meanings a transformer."""

Words = tuple[Tensor, Tensor]
"""Token states and mask, as :meth:`.latents.Learned.text` gives them."""

Sample = tuple[Tensor, Tensor, Words, Tensor | None]
"""A batch of latents, the noise that each shall come from, what is said of it, and the sketch of it, if one is seen."""

_CHOSEN = ("steps", "total", "rate", "batch", "crop", "shift", "seed")


@dataclass(frozen=True)
class Options:
    """What decides the result; ``unsaid`` is the part of pictures without a caption.

    ``batch`` is pictures a step.  Of several corpora, those with larger tiles get fewer, so that all steps cost alike.

    ``told`` is the part whose meaning is told from the truth instead of read in a caption.  ``crop`` latents a side
    of each tile are seen, 0 for all: what words look like is learned from many small pieces at a fraction of the work,
    and afterwards how the pieces hang together from a few whole tiles.

    ``total`` minutes, where given, decide instead of the steps how far training is.  ``shift`` moves the times towards
    noise, as that of the schedule does (P. Esser et al., 2024, section 5.3.2).
    """

    steps: int = 20000
    total: float = 0.0
    rate: float = 6e-4
    batch: int = 32
    unsaid: float = 0.1
    told: float = 0.75
    crop: int = 0
    average: float = 0.999
    shift: float = SHIFT
    seed: int = 5


def make_network(config: dict[str, Any] | None = None) -> Any:
    """A new network whose last layer says nothing at first: a UNet where ``config`` has widths of levels, else a
    transformer."""
    from diffusers import SanaTransformer2DModel, UNet2DConditionModel

    shape = config or UNET
    if _is_unet(shape):
        network: Any = tell_velocity(UNet2DConditionModel(**shape))
        last = network.conv_out
    else:
        network = SanaTransformer2DModel(**shape)
        last = network.proj_out
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return network


def _is_unet(config: Mapping[str, Any]) -> bool:
    return "block_out_channels" in config


def fitted(config: dict[str, Any] | None, *, channels: int, text: int) -> dict[str, Any]:
    """The configuration for latents of ``channels`` numbers and token states of ``text`` ones."""
    shape = config or UNET
    unet = _is_unet(shape)
    read, seen = ("encoder_hid_dim", SKETCH_CHANNELS) if unet else ("caption_channels", 0)
    return shape | {"in_channels": channels + seen, "out_channels": channels, read: text}


class Trainer:
    """Owns the network, its average and optimizer; every step is decided by the seed and its number.

    Each step takes one of the corpora in ``learned``, which all lie on ``device`` meanwhile.
    """

    def __init__(
        self,
        learned: Learned | Sequence[Learned],
        options: Options,
        *,
        config: dict[str, Any] | None = None,
        device: str = "cpu",
        compiled: bool = False,
    ) -> None:
        torch.manual_seed(options.seed)
        given = [learned] if isinstance(learned, Learned) else learned
        self.corpora = [found.to(device) for found in given]
        self.learned, self.options, self.device = self.corpora[0], options, device
        shape = fitted(config, channels=self.learned.latents.shape[2], text=self.learned.width)
        # Convolutions of processors are faster where channels lie next to each other.
        self.network = make_network(shape).to(device, memory_format=torch.channels_last)
        # Its many small operations become few; compiling takes a minute or two on processors.
        self._forward = compiled_network(self.network, device) if compiled else self.network
        self.average = Average(self.network, options.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        self.step = 0
        self.seconds = 0.0
        self._attention = self.kernels(device)

    def begin_with(self, network: Any) -> None:
        """Take over the weights of ``network``; one that reads words alone learns to read meanings besides, one that
        knows no sketches to see them.

        Raises:
            ModelInvalidError: it is of another shape.
        """
        weights = dict(network.state_dict())
        for name, wanted in self.network.state_dict().items():
            if name in _GROWN and name in weights and weights[name].shape[1] < wanted.shape[1]:
                # What it does not know yet says nothing at first.
                missing = wanted.shape[1] - weights[name].shape[1]
                weights[name] = nn.functional.pad(weights[name], (0, 0) * (wanted.ndim - 2) + (0, missing))
        try:
            for own in (self.network, self.average.model):
                own.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelInvalidError(
                "That model is of another shape.", advice="Give the same --layers, --patch and --network."
            ) from error

    @staticmethod
    def kernels(device: str) -> list[SDPBackend]:
        """What attends to the words fastest on ``device``."""
        # A few words against a few hundred tokens: on processors plain products are faster than the fused kernel.
        return [SDPBackend.MATH] if device == "cpu" else [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

    @property
    def done(self) -> float:
        """How far training is, from 0 to 1."""
        return progress(self.step, self.options.steps, self.seconds, self.options.total)

    def run(self, minutes: float | None, work: Path, out: Path | None = None, vae: Any = None) -> bool:
        """Train until the last step or until the time is up; whether it is the last.

        ``out`` gets the whole model, with ``vae``, at each checkpoint.
        """
        began = saved = time.monotonic()
        before = self.seconds
        losses: list[Tensor] = []
        with self._drawing():
            while self.done < 1.0:
                losses.append(self._step())
                now = time.monotonic()
                self.seconds = before + now - began
                # Reading a loss waits for the card, which must always have something to do.
                if self.step % 200 == 0:
                    spent, loss = self.seconds / 60, float(torch.stack(losses).mean())
                    report(f"step {self.step}/{self.options.steps}  {spent:.1f} min  loss {loss:.4f}")
                    losses = []
                late = minutes is not None and now - began > minutes * 60
                if now - saved > _KEEP_SECONDS or late:
                    self._keep(work, out, vae)
                    saved = time.monotonic()
                if late:
                    return self.done >= 1.0
        self._keep(work, out, vae)
        return True

    def _keep(self, work: Path, out: Path | None, vae: Any) -> None:
        self.save(work)
        if out is not None:
            write_folder(out, vae=vae, network=self.average.model, layout=self.learned.layout)

    @contextlib.contextmanager
    def _drawing(self) -> Iterator[None]:
        """The network sees across the borders; backward needs the same kernels as forward."""
        # Once for all steps: compiled code would take what it is given anew for another network.
        # A piece of a tile does not go on at its other side.
        wrapped = [] if self.options.crop else [self.network]
        with circular(wrapped), sdpa_kernel(self._attention):
            yield

    def _one(self) -> Tensor:
        """One step alone."""
        with self._drawing():
            return self._step()

    def _step(self) -> Tensor:
        options = self.options
        rng = np.random.default_rng((options.seed, self.step))
        source = torch.Generator(self.device).manual_seed(int(rng.integers(2**31)))
        clean, noise, (states, mask), sketch = self._pairs(rng, source)
        at = self._times(len(clean), source)
        self._set_rate()
        loss = self._loss(torch.lerp(clean, noise, at.view(-1, 1, 1, 1)), noise - clean, states, mask, at, sketch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.network, self.step)
        return loss.detach()

    def _corpus(self, rng: np.random.Generator) -> tuple[Learned, int]:
        """Where this step's pictures come from, each tile as likely as any other, and how many they are."""
        if len(self.corpora) == 1:
            return self.learned, self.options.batch
        # Steps with larger tiles have fewer of them, and so are more.
        areas = np.array([float(np.prod(found.latents.shape[-2:])) for found in self.corpora])
        if self.options.crop:
            areas = np.minimum(areas, self.options.crop**2)
        counts = np.maximum(1, np.round(self.options.batch * areas.min() / areas))
        shares = np.array([len(found.latents) for found in self.corpora]) / counts
        which = int(rng.choice(len(self.corpora), p=shares / shares.sum()))
        return self.corpora[which], int(counts[which])

    def _pairs(self, rng: np.random.Generator, source: torch.Generator) -> Sample:
        options = self.options
        learned, count = self._corpus(rng)
        picked = rng.integers(len(learned.latents), size=count)
        variants = rng.integers(learned.latents.shape[1], size=count)
        index = sent(picked, self.device), sent(variants, self.device)
        both = moved(torch.cat((learned.latents[index], learned.sketches[index]), dim=1).float(), rng, options.crop)
        clean, seen = both.split((learned.latents.shape[2], learned.sketches.shape[2]), dim=1)
        sketch = roughened(seen, rng, source) if sees_sketches(self.network) else None
        chosen = learned.say(rng, picked, options.unsaid)
        # The head tells what captions say; more often more is told than they do, so that what each parameter looks
        # like is learned from every picture that has it.
        more = (rng.random((count, 1)) < options.told) & (chosen != 0)[:, None]
        said = learned.meanings[sent(chosen, self.device)].float()
        meaning = torch.where(sent(more, self.device), learned.partly_told(rng, picked), said)
        noise = torch.randn(clean.shape, generator=source, device=self.device)
        return clean, noise, told(self.network, learned, chosen, meaning, few=bool(options.crop)), sketch

    def _times(self, count: int, source: torch.Generator) -> Tensor:
        """How far on the way to noise each sample is, from 0 to 1."""
        # Most is decided in the middle of the way (P. Esser et al., 2024); a part is spread evenly, for the ends.
        sigma = torch.sigmoid(torch.randn(count, generator=source, device=source.device))
        even, which = torch.rand((2, count), generator=source, device=source.device)
        found = torch.where(which < 0.2, even, sigma)
        # The mean of 256 latents shows through all but the strongest noise, so only there do words decide the color.
        shift = self.options.shift
        return shift * found / (1.0 + (shift - 1.0) * found)

    def _loss(
        self, noisy: Tensor, velocity: Tensor, states: Tensor, mask: Tensor, sigma: Tensor, sketch: Tensor | None
    ) -> Tensor:
        with autocast(self.device):
            seen = self._forward(
                noisy.contiguous(memory_format=torch.channels_last),
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                timestep=sigma * 1000.0,
                **showing(sketch),
            ).sample
        return (seen.float() - velocity).square().mean()

    def _set_rate(self) -> None:
        options = self.options
        warm = max(1, min(100, options.steps // 10))
        rate = options.rate * min(1.0, (self.step + 1) / warm)
        # Level for two thirds, then down to nothing: what is learned late settles.
        late = min(1.0, max(0.0, (self.done - 0.66) / 0.34))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * late)))

    def save(self, work: Path) -> None:
        """Write everything that is needed to go on."""
        save_checkpoint(
            work,
            models={"net": self.network, "mean": self.average.model},
            optimizers={"adam": self.optimizer},
            facts={"step": self.step, "seconds": self.seconds, "options": asdict(self.options)},
        )

    def resume(self, work: Path) -> None:
        """Go on where :meth:`save` was.

        Raises:
            ModelInvalidError: there is no checkpoint, or it is of other options.
        """
        facts = load_checkpoint(
            work,
            models={"net": self.network, "mean": self.average.model},
            optimizers={"adam": self.optimizer},
            device=self.device,
        )
        if facts["options"] != asdict(self.options):
            raise ModelInvalidError(f"The checkpoint in {work} is of other options.", advice="Start without --resume.")
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])


def roughened(sketch: Tensor, rng: np.random.Generator, source: torch.Generator) -> Tensor:
    """Sketches [B, SKETCH_CHANNELS, H, W] as they may come: coarse or noisy ones, without relief, pattern or both."""
    count, device = len(sketch), sketch.device

    def some(part: float) -> Tensor:
        return sent(rng.random((count, 1, 1, 1)) < part, device)

    latents = sketch.view(count, -1, 4, *sketch.shape[2:])
    coarse = latents.mean(2, keepdim=True).expand_as(latents).flatten(1, 2)
    found = torch.where(some(_COARSE), coarse, sketch)
    noise = torch.randn(sketch.shape, generator=source, device=device)
    found = found + noise * sent(rng.random((count, 1, 1, 1), np.float32), device) * _ROUGH * some(0.5)
    relief, pattern = found.chunk(2, dim=1)
    missing = some(_MISSING)
    return torch.cat((relief * ~(missing | some(_MISSING)), pattern * ~(missing | some(_MISSING))), dim=1)


def told(
    network: Any, learned: Learned, chosen: Sequence[int] | NDArray[np.int64], meaning: Tensor | None = None,
    *, few: bool = False,
) -> Words:  # fmt: skip
    """What ``network`` is told of these texts; ``few`` words of small pieces to those whom reading costs much."""
    if _is_unet(network.config):
        # What a text says as a whole depends a little on how much is empty behind it: always as in the engine.
        return learned.text(chosen, meaning, USUAL_TOKENS, USUAL_TOKENS)
    return learned.text(chosen, meaning, _FEW_TOKENS if few else None)


def compiled_network(network: Any, device: str) -> Any:
    """The network, compiled; on cards it stays as it is where that is not possible."""
    if torch.device(device).type != "cpu":
        # Many machines with a card have no compiler; it is only slower without.
        from torch._dynamo import config

        config.suppress_errors = True
    return torch.compile(network)


def moved(latents: Tensor, rng: np.random.Generator, side: int = 0) -> Tensor:
    """Each [..., H, W] of a batch moved by whole latents: tiles repeat, so any place may be their corner.

    Only the corner [..., side, side] of it, where ``side`` is not 0 and they are larger.
    """
    rows, columns = latents.shape[-2:]
    moves = sent(rng.integers((rows, columns), size=(len(latents), 2)), latents.device)
    down, across = (
        (torch.arange(min(size, side) if side > 0 else size, device=latents.device) - moves[:, axis, None]) % size
        for axis, size in enumerate((rows, columns))
    )
    place = (down[:, :, None] * columns + across[:, None, :]).flatten(1)
    flat = latents.flatten(-2).flatten(1, -2)
    found = flat.gather(2, place[:, None].expand(-1, flat.shape[1], -1))
    return found.view(*latents.shape[:-2], down.shape[1], across.shape[1])


def add_arguments(parser: argparse.ArgumentParser, options: Options, names: Sequence[str], work: Path) -> None:
    """What every training of a flow can be told; ``names`` are those of ``options`` that may be chosen."""
    for name in names:
        default = getattr(options, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="folders of shards, one a size")
    parser.add_argument("--cache", type=Path, help="folder for what is made once (default: in --work)")
    parser.add_argument("--variants", type=int, default=4, help="latents made of each tile")
    parser.add_argument("--captions", type=int, default=6, help="captions of each tile")
    parser.add_argument(
        "--minutes", type=float, help="stop after this time, preparing included, to go on with --resume"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the whole model")
    parser.add_argument("--work", type=Path, default=work)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--compile", action="store_true", help="compile the network first (needs a C++ compiler)")


def set_up(arguments: argparse.Namespace) -> None:
    """The command's threads; and on cards, products of full precision in the fast way."""
    use_threads(arguments.threads)
    if torch.device(arguments.device).type != "cpu":
        torch.set_float32_matmul_precision("high")


def prepare_all(
    folders: Sequence[Path], arguments: argparse.Namespace, vae: Any, cache: Path, deadline: float | None
) -> list[Learned]:
    """What is learned from, of each corpus in ``folders``, as the command's ``arguments`` have it.

    Raises:
        OutOfTimeError, ModelInvalidError: see :func:`.latents.prepare`.
    """
    found: list[Learned] = []
    encoder = TextEncoder()
    for folder in folders:
        learned = prepare(
            Tiles(folder, device=arguments.device), vae, cache=cache, encoder=encoder, variants=arguments.variants,
            captions=arguments.captions, device=arguments.device, processes=arguments.threads, deadline=deadline,
        )  # fmt: skip
        found.append(learned)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train flow``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train flow", description=__doc__)
    add_arguments(parser, Options(), _CHOSEN, WORK_FOLDER)
    parser.add_argument("--autoencoder", type=Path, required=True, help="folder that texloom train autoencoder wrote")
    parser.add_argument("--start", type=Path, help="folder of a model whose weights it begins with")
    parser.add_argument("--network", choices=tuple(NETWORKS), default="unet")
    parser.add_argument("--layers", type=int, default=TRANSFORMER["num_layers"], help="of a transformer")
    parser.add_argument("--patch", type=int, default=TRANSFORMER["patch_size"], help="latents a side of its tokens")
    arguments = parser.parse_args(argv)
    deadline = deadline_in(arguments.minutes)
    set_up(arguments)
    options = Options(**{name: getattr(arguments, name) for name in _CHOSEN})
    try:
        vae = read_autoencoder(arguments.autoencoder)
        learned = prepare_all(arguments.corpus, arguments, vae, arguments.cache or arguments.work / "cache", deadline)
        config = NETWORKS[arguments.network]
        if not _is_unet(config):
            config = config | {"num_layers": arguments.layers, "patch_size": arguments.patch}
        trainer = Trainer(
            learned,
            options,
            config=config,
            device=arguments.device,
            compiled=arguments.compile,
        )
        if arguments.start is not None:
            if Layout.load(arguments.start) not in (None, learned[0].layout):
                raise ModelInvalidError(
                    f"The model in {arguments.start} was trained for other families.", advice="Start without --start."
                )
            trainer.begin_with(read_network(arguments.start))
        if arguments.resume:
            trainer.resume(arguments.work)
            report(f"resumed at step {trainer.step}")
        finished = trainer.run(minutes_left(deadline), arguments.work, arguments.out, vae)
    except OutOfTimeError:
        report("The time was up before training began; what is prepared is kept.")
        return MORE
    except TexloomError as error:
        report(str(error))
        return 1
    facts = {
        "version": __version__, "options": asdict(options), "steps": trainer.step,
        "samples": sum(len(found.rows) for found in learned), "captions": sum(len(found.texts) for found in learned),
        "seconds": round(trainer.seconds), "torch": torch.__version__,
        "parameters": sum(p.numel() for p in trainer.network.parameters()), "device": arguments.device,
    }  # fmt: skip
    write_folder(arguments.out, vae=vae, network=trainer.average.model, layout=learned[0].layout, training=facts)
    report(f"wrote {arguments.out}")
    return 0 if finished else MORE


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the learned model's autoencoder: ``texloom train autoencoder``.

Six channels (see :mod:`..engine.learned_channels`) to 16 numbers for every 8 × 8 pixels and back, in diffusers'
AutoencoderDC (J. Chen et al., "Deep compression autoencoder for efficient high-resolution diffusion models", 2024):
its shortcuts fold pixels into channels, so that it starts as a coarse picture instead of as nothing.

It is variational with a variance that is given instead of learned: latents get noise of :attr:`Options.noise` and pay
for their size.  That leaves one thing to balance instead of two, and cannot collapse at the start.  A patch
discriminator (hinge loss, with its features compared too) joins in late; what noise-like materials need most comes
from the amplitudes of local spectra, which do not care where exactly a grain lies.

A stopped run goes on with ``--resume``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import __version__
from ..engine.device import use_threads
from ..engine.seamless import circular
from ..errors import ModelInvalidError, TexloomError
from ..storage import home
from .heads import report
from .learned_folder import read_autoencoder
from .learned_state import Average, autocast, default_device, load_checkpoint, progress, read_facts, save_checkpoint
from .reconstruction import Discriminator, grid_cost, reconstruction_loss
from .tiles import Tiles

WORK_FOLDER = home() / "training" / "autoencoder"
LATENT_CHANNELS = 16

CONFIG: dict[str, Any] = {
    "in_channels": 6,
    "latent_channels": LATENT_CHANNELS,
    "encoder_block_out_channels": (32, 32, 64, 128),
    "decoder_block_out_channels": (32, 32, 64, 128),
    "encoder_layers_per_block": (0, 1, 1, 2),
    "decoder_layers_per_block": (0, 1, 2, 3),
    "encoder_qkv_multiscales": ((), (), (), ()),
    "decoder_qkv_multiscales": ((), (), (), ()),
    # Without these the first and last layers are plain convolutions, into which the latents' scale can be folded.
    "encoder_out_shortcut": False,
    "decoder_in_shortcut": False,
}
"""Of AutoencoderDC."""


@dataclass(frozen=True)
class Options:
    """What decides the result.

    Attributes:
        total: minutes that, where given, decide instead of the steps how far training is: for machines of a speed that
            is not known ahead.
        crop: pixels a side; crops as large as the tiles are whole tiles, which wrap around as those of users do.
        batch: crops a step.
        exact: what single pixels that are off count.  Where grain of the right kind is wanted rather than the very
            grain, which the latents cannot hold, it is small, and ``spectral`` and the discriminator's share of the
            pull, ``adversarial_weight``, are large.
        grid: what it counts that borders of the decoder's blocks show.
        adversarial: the part of the steps after which the discriminator joins, 1 for never.
    """

    steps: int = 12000
    total: float = 0.0
    rate: float = 8e-4
    crop: int = 96
    batch: int = 8
    noise: float = 0.1
    size_cost: float = 2e-4
    exact: float = 1.0
    spectral: float = 0.5
    grid: float = 0.1
    adversarial: float = 0.6
    adversarial_weight: float = 0.12
    average: float = 0.998
    seed: int = 1


def make_autoencoder(config: dict[str, Any] | None = None) -> Any:
    """A new AutoencoderDC that passes a coarse picture through from the first step.

    Residual blocks start small, so that the shortcuts around them lead; convolutions keep the size of what they get;
    and those next to the latents begin with a shortcut of the same kind in their middle weights (as a part of its
    own, it could not be rescaled with the latents).
    """
    from diffusers import AutoencoderDC
    from diffusers.models.autoencoders.autoencoder_dc import DCUpBlock2d

    vae = AutoencoderDC(**(config or CONFIG))
    for name, parameter in vae.named_parameters():
        if ".norm.weight" in name:
            nn.init.constant_(parameter, 0.3)
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for layer, share in ((vae.encoder.conv_out, True), (vae.decoder.conv_in, False)):
            wide, narrow = max(layer.weight.shape[:2]), min(layer.weight.shape[:2])
            group = wide // narrow
            for index in range(narrow * group):
                if share:
                    layer.weight[index // group, index, 1, 1] += 1.0 / group
                else:
                    layer.weight[index, index // group, 1, 1] += 1.0
        # The decoder's last normalization hides how large its channels are. Beside a constant that shows again.
        narrow = vae.config.decoder_block_out_channels[0]
        constant = 2.0 * torch.randn(narrow)
        vae.decoder.conv_in.bias.copy_(constant.repeat_interleave(len(vae.decoder.conv_in.bias) // narrow))
        for block in vae.decoder.up_blocks:
            for module in block.modules():
                if isinstance(module, DCUpBlock2d):
                    module.conv.weight.mul_(0.5)
    return vae


_TRUNK_SIZE, _TRUNK_COST = 4.0, 0.05


class Trainer:
    """Owns the autoencoder, the discriminator and their optimizers; every step is decided by seed and number."""

    def __init__(
        self,
        tiles: Sequence[Tiles],
        options: Options,
        *,
        config: dict[str, Any] | None = None,
        device: str = "cpu",
        compiled: bool = False,
    ) -> None:
        torch.manual_seed(options.seed)
        self.tiles, self.options, self.device = list(tiles), options, device
        layout: Any = torch.channels_last
        self.vae = make_autoencoder(config).to(device, memory_format=layout)
        self.judge = Discriminator().to(device, memory_format=layout)
        self.average = Average(self.vae, options.average)
        self.optimizer = _optimizer(self.vae, options.rate)
        self.judge_optimizer = torch.optim.AdamW(self.judge.parameters(), lr=2e-4, betas=(0.5, 0.9), fused=True)
        self.step = 0
        self.seconds = 0.0
        self.frozen = False
        self._side = int(self.vae.spatial_compression_ratio)
        self._sizes = _sizes(self.vae)
        self._trunk: list[Tensor] = []
        for stage in (self.vae.decoder.conv_in, *self.vae.decoder.up_blocks):
            stage.register_forward_hook(lambda _module, _given, seen: self._trunk.append(seen))
        self._encode, self._decode = self.vae.encode, self.vae.decode
        if compiled:
            self._encode, self._decode = torch.compile(self._encode), torch.compile(self._decode)
        self._indices = [found.split()[0] for found in self.tiles]

    @property
    def done(self) -> float:
        """How far training is, from 0 to 1."""
        return progress(self.step, self.options.steps, self.seconds, self.options.total)

    def begin_with(self, vae: Any, *, frozen: bool = False) -> None:
        """Take over the weights of ``vae``; ``frozen`` leaves its encoder, and so all latents, exactly as they are.

        Raises:
            ModelInvalidError: it is of another shape.
        """
        try:
            for own in (self.vae, self.average.model):
                own.load_state_dict(vae.state_dict())
        except RuntimeError as error:
            raise ModelInvalidError("That autoencoder is of another shape.", advice="Start without --start.") from error
        self._sizes = {weight: max(size, float(weight.detach().norm())) for weight, size in self._sizes.items()}
        if frozen:
            self._hold_encoder()

    def freeze_encoder(self) -> None:
        """From here on only the decoder learns, from latents that stay what they are: mean 0 and deviation 1.

        The latent generator may be trained meanwhile.
        """
        self.vae.load_state_dict(self.average.model.state_dict())
        fold(self.vae, *self._statistics(self.vae))
        self.average.model.load_state_dict(self.vae.state_dict())
        first = self.vae.decoder.conv_in.weight
        self._sizes[first] = max(self._sizes[first], float(first.detach().norm()))
        self._hold_encoder()

    def _hold_encoder(self) -> None:
        self.frozen = True
        self.vae.encoder.requires_grad_(False)
        self.optimizer = _optimizer(self.vae.decoder, self.options.rate)

    def run(self, minutes: float | None, work: Path, out: Path | None = None) -> bool:
        """Train until the last step or until the time is up; whether it is the last.

        ``out`` gets the model at each checkpoint, so that others may use what there is.
        """
        began = saved = time.monotonic()
        before = self.seconds
        losses: dict[str, list[Tensor]] = {}
        while self.done < 1.0:
            found = self._one()
            for name, value in found.items():
                losses.setdefault(name, []).append(value.detach())
            now = time.monotonic()
            self.seconds = before + now - began
            if self.step % 100 == 0:
                # Not at each step: reading a number waits for the card, which must always have something to do.
                told = " ".join(f"{name} {float(torch.stack(found).mean()):.4f}" for name, found in losses.items())
                report(f"step {self.step}/{self.options.steps}  {self.seconds / 60:.1f} min  {told}")
                losses = {}
            late = minutes is not None and now - began > minutes * 60
            if now - saved > 240 or late:
                self.save(work)
                if out is not None:
                    self.export(out)
                saved = now
            if late:
                return self.done >= 1.0
        self.save(work)
        if out is not None:
            self.export(out)
        return True

    def _one(self) -> dict[str, Tensor]:
        options = self.options
        rng = np.random.default_rng((options.seed, self.step))
        torch.manual_seed(int(rng.integers(2**31)))
        sizes = np.array([len(found) for found in self._indices], dtype=float)
        which = int(rng.choice(len(self.tiles), p=sizes / sizes.sum()))
        tiles = self.tiles[which]
        index = rng.choice(self._indices[which], size=options.batch)
        truth = tiles.crops(index, min(options.crop, tiles.size), rng).to(
            self.device, memory_format=torch.channels_last
        )
        whole = options.crop >= tiles.size
        with circular((self.vae, self.judge), whole, whole):
            found = self._learn(truth)
        self.step += 1
        self.average.update(self.vae, self.step)
        return found

    def _learn(self, truth: Tensor) -> dict[str, Tensor]:
        options = self.options
        self._set_rate()
        judged = self.done >= options.adversarial
        with autocast(self.device):
            with torch.set_grad_enabled(not self.frozen):
                latents = self._encode(truth).latent
            noisy = latents + options.noise * torch.randn_like(latents)
            seen = self._decode(noisy).sample
        seen, latents = seen.float(), latents.float()
        found = reconstruction_loss(seen, truth, options.spectral, options.exact)
        found["trunk"] = self._trunk_cost()
        if options.grid:
            found["grid"] = options.grid * grid_cost(seen, truth, self._side)
        if not self.frozen:
            found["size"] = options.size_cost * latents.square().mean()
        if judged:
            with autocast(self.device):
                fake, fake_features = self.judge(seen)
                with torch.no_grad():
                    _, true_features = self.judge(truth)
            near = [(a.float() - b.float()).abs().mean() for a, b in zip(fake_features, true_features, strict=True)]
            ready = min(1.0, (self.done - options.adversarial) * 30.0)
            found["features"] = 0.5 * ready * torch.stack(near).mean()
            found["judged"] = -fake.float().mean() * self._balance(found, fake) * ready
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(found.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.vae.parameters(), 1.0)
        self.optimizer.step()
        self._hold_sizes()
        if judged:
            found["judge"] = self._teach_judge(seen.detach(), truth)
        return found

    def _trunk_cost(self) -> Tensor:
        """What a decoder's trunk costs that grows beyond the size it began with.

        The blocks beside the trunk end in a normalization, so what they add has a size of its own.  Nothing else keeps
        the trunk in proportion, as a last normalization hides its size: without this it grew to thousands, the blocks
        counted for nothing, and the decoder had become a stack of linear layers.
        """
        sizes = torch.stack([seen.float().square().mean().sqrt() for seen in self._trunk])
        self._trunk.clear()
        return _TRUNK_COST * F.relu(torch.log2(sizes / _TRUNK_SIZE)).square().sum()

    @torch.no_grad()
    def _hold_sizes(self) -> None:
        """Bring weights that grew too large back to size (T. Karras et al., 2024, section 2.3).

        Nothing else would: what comes after a normalization does not change with their size, but steps of a set length
        turn large weights less and less.
        """
        for weight, size in self._sizes.items():
            if weight.requires_grad:
                weight.mul_((size / weight.norm().clamp(min=1e-8)).clamp(max=1.0))

    def _balance(self, found: dict[str, Tensor], fake: Tensor) -> Tensor:
        """Weight that gives the judge a set share of the pull on the last layer (P. Esser et al., 2021)."""
        last = self.vae.decoder.conv_out.conv.weight
        own = torch.autograd.grad(found["values"] + found["steps"], last, retain_graph=True)[0].norm()
        other = torch.autograd.grad(fake.float().mean(), last, retain_graph=True)[0].norm()
        return (self.options.adversarial_weight * own / (other + 1e-6)).clamp(0.0, 10.0)

    def _teach_judge(self, seen: Tensor, truth: Tensor) -> Tensor:
        with autocast(self.device):
            fake, _ = self.judge(seen)
            real, _ = self.judge(truth)
        loss = (F.relu(1.0 - real.float()).mean() + F.relu(1.0 + fake.float()).mean()) * 0.5
        self.judge_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.judge_optimizer.step()
        return loss

    def _set_rate(self) -> None:
        options = self.options
        warm = max(1, min(150, options.steps // 10))
        rate = options.rate * min(1.0, (self.step + 1) / warm)
        rate *= 0.04 + 0.96 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, self.done)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def measure(self, count: int = 48) -> dict[str, float]:
        """Errors of the averaged model on tiles kept for measuring: mean absolute, by channel."""
        from ..engine.learned_channels import CHANNELS

        tiles = self.tiles[0]
        truth = tiles.whole(tiles.split()[1][:count]).to(self.device)
        vae = self.average.model
        with autocast(self.device):
            seen = torch.cat([vae.decode(vae.encode(part).latent).sample for part in truth.split(8)])
        errors = (seen.float() - truth).abs().mean((0, 2, 3))
        return {name: round(float(value), 4) for name, value in zip(CHANNELS, errors, strict=True)}

    @torch.no_grad()
    def export(self, folder: Path) -> None:
        """Write the averaged model with latents of mean 0 and deviation 1, in half precision, as diffusers reads it.

        Raises:
            OSError: it could not be written.
        """
        vae = make_autoencoder(dict(self.vae.config)).eval()
        vae.load_state_dict(self.average.model.state_dict())
        if not self.frozen:
            vae.to(self.device, memory_format=torch.channels_last)
            fold(vae, *self._statistics(vae))
        vae.to("cpu").half().save_pretrained(folder, safe_serialization=True)

    @torch.no_grad()
    def _statistics(self, vae: Any) -> tuple[Tensor, Tensor]:
        """Mean and deviation of latents, channel by channel, over some of the corpus."""
        tiles = self.tiles[0]
        chosen = self._indices[0][:: max(1, len(self._indices[0]) // 128)]
        parts = []
        with circular([vae.encoder]), autocast(self.device):
            for start in range(0, len(chosen), 8):
                batch = tiles.whole(chosen[start : start + 8]).to(self.device)
                parts.append(vae.encode(batch).latent.float())
        latents = torch.cat(parts)
        return latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp(min=1e-3)

    def save(self, work: Path) -> None:
        """Write everything that is needed to go on."""
        save_checkpoint(
            work,
            models={"vae": self.vae, "mean": self.average.model, "judge": self.judge},
            optimizers={"adam": self.optimizer, "judge_adam": self.judge_optimizer},
            facts={
                "step": self.step,
                "seconds": self.seconds,
                "options": asdict(self.options),
                "frozen": self.frozen,
                "sizes": list(self._sizes.values()),
            },
        )

    def resume(self, work: Path) -> None:
        """Go on where :meth:`save` was.

        Raises:
            ModelInvalidError: there is no checkpoint, or it is of other options.
        """
        if read_facts(work).get("frozen"):
            self._hold_encoder()
        facts = load_checkpoint(
            work,
            models={"vae": self.vae, "mean": self.average.model, "judge": self.judge},
            optimizers={"adam": self.optimizer, "judge_adam": self.judge_optimizer},
            device=self.device,
        )
        if facts["options"] != asdict(self.options):
            raise ModelInvalidError(f"The checkpoint in {work} is of other options.", advice="Start without --resume.")
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])
        self._sizes = dict(zip(self._sizes, facts["sizes"], strict=True))


def _sizes(vae: Any) -> dict[nn.Parameter, float]:
    """How large convolutions' weights may be: so that they keep the size of what they get, as they do at the start.

    The last ones are free: they decide how large what comes out is.
    """
    last = {id(vae.encoder.conv_out.weight), *(id(value) for value in vae.decoder.conv_out.parameters())}
    found = (module.weight for module in vae.modules() if isinstance(module, nn.Conv2d))
    return {weight: float(len(weight)) ** 0.5 for weight in found if id(weight) not in last}


def _optimizer(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)


@torch.no_grad()
def fold(vae: Any, mean: Tensor, deviation: Tensor) -> None:
    """Make latents ``(z - mean) / deviation``, channel by channel, by changing the layers around them.

    Exact where convolutions wrap around, as they do for tiles; at borders padded with zeros the decoder sees the
    mean instead of zero.
    """
    out, into = vae.encoder.conv_out, vae.decoder.conv_in
    out.weight.div_(deviation.view(-1, 1, 1, 1))
    out.bias.sub_(mean).div_(deviation)
    into.bias.add_((into.weight * mean.view(1, -1, 1, 1)).sum((1, 2, 3)))
    into.weight.mul_(deviation.view(1, -1, 1, 1))


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train autoencoder``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train autoencoder", description=__doc__)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="folders of shards, one a size")
    for name in ("steps", "batch", "crop", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Options, name))
    for name in ("rate", "adversarial", "adversarial_weight", "exact", "spectral", "grid", "noise", "total"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Options, name))
    parser.add_argument("--minutes", type=float, help="stop after this time, to go on with --resume")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the autoencoder")
    parser.add_argument("--work", type=Path, default=WORK_FOLDER)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=Path, help="folder of an autoencoder whose weights it begins with")
    parser.add_argument(
        "--freeze-encoder", action="store_true", help="with --resume or --start: only the decoder learns from here on"
    )
    parser.add_argument("--compile", action="store_true", help="compile the network first (needs a C++ compiler)")
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    given = {name: getattr(arguments, name) for name in Options.__dataclass_fields__ if hasattr(arguments, name)}
    try:
        tiles = [Tiles(folder, device=arguments.device) for folder in arguments.corpus]
        trainer = Trainer(tiles, Options(**given), device=arguments.device, compiled=arguments.compile)
        if arguments.start is not None:
            trainer.begin_with(read_autoencoder(arguments.start), frozen=arguments.freeze_encoder)
        if arguments.resume:
            trainer.resume(arguments.work)
            report(f"resumed at step {trainer.step}")
        if arguments.freeze_encoder and not trainer.frozen:
            trainer.freeze_encoder()
        finished = trainer.run(arguments.minutes, arguments.work, arguments.out)
    except TexloomError as error:
        report(str(error))
        return 1
    facts = {
        "version": __version__, "options": asdict(trainer.options), "steps": trainer.step,
        "samples": sum(len(found) for found in tiles), "seconds": round(trainer.seconds),
        "errors": trainer.measure(), "torch": torch.__version__, "device": arguments.device,
    }  # fmt: skip
    (arguments.out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    report(f"wrote {arguments.out}; errors {facts['errors']}")
    return 0 if finished else 3


if __name__ == "__main__":
    sys.exit(main())

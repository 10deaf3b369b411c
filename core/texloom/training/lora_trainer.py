# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps by which a LoRA learns, measured on the way and stopped when nothing more is learned."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.device import is_out_of_memory
from ..engine.flow_network import sees_sketches, showing
from ..engine.seamless import circular
from ..errors import ErrorCode, ModelInvalidError, TexloomError
from .flow import moved
from .learned_state import autocast, load_checkpoint, progress, save_checkpoint
from .lora_bench import Bench
from .lora_layers import Adapter
from .lora_noise import Noise
from .lora_pictures import Material
from .lora_replay import Replay, Tree

HELD_FROM: Final = 8
"""Of so many pictures and more, some are kept for measuring and not learned."""
_HELD: Final = 4
_MEASURED: Final = 16
_BETTER: Final = 0.998
_TELL_SECONDS: Final = 10.0
_SAVE_SECONDS: Final = 120.0
_MOST: Final = 12.0
"""Minutes that the learned model is taught on a processor: with reading, measuring and two sheets less than 15."""


@dataclass(frozen=True)
class Options:
    """What decides the result; ``batch`` is pictures a step, ``unsaid`` the part of them without their caption.

    ``alpha`` over ``rank`` scales what is learned; 0: as the rank.  Every ``check`` steps the loss is measured; after
    ``patience`` measurements without a better one training ends (0: never).  ``total`` minutes, where given, decide
    instead of the steps how far training is; after ``most`` minutes it is over in any case (0: no limit).
    """

    steps: int = 1000
    total: float = 0.0
    most: float = 0.0
    rate: float = 1e-4
    batch: int = 1
    rank: int = 16
    alpha: float = 0.0
    layers: str = "attention"
    unsaid: float = 0.1
    check: int = 50
    patience: int = 8
    seed: int = 1

    @classmethod
    def of_learned(cls) -> Options:
        """Those that suit the learned model, which is a hundred times smaller than the others, on a processor."""
        return replace(cls(), steps=1500, most=_MOST, rate=1e-3, batch=8, rank=32, layers="all")


class Trainer:
    """Owns the adapter and its optimizer; every step is decided by the seed and its number.

    Args:
        bench: the model.
        replay: how its network is called.
        noise: what it learned to take away.
        materials: with their latents.
        options: how to learn.
        tell: gets lines about the progress.
        key: of the data; a checkpoint of other data is refused.
    """

    def __init__(
        self,
        bench: Bench,
        replay: Replay,
        noise: Noise,
        materials: Sequence[Material],
        calls: Sequence[Sequence[Tree]],
        options: Options,
        *,
        tell: Callable[[str], None],
        key: str = "",
    ) -> None:
        self.bench, self.replay, self.noise, self.options = bench, replay, noise, options
        self.materials, self._calls, self._tell, self._key = materials, calls, tell, key
        self.network = bench.network
        self.adapter = Adapter(
            self.network,
            rank=options.rank,
            alpha=options.alpha or float(options.rank),
            which=options.layers,
            seed=options.seed,
        )
        self.best = copy.deepcopy(self.adapter)
        self.optimizer = torch.optim.AdamW(
            self.adapter.parameters(), lr=options.rate, betas=(0.9, 0.99), weight_decay=1e-3
        )
        self.held, self.taught = split(len(materials))
        self.step, self.seconds = 0, 0.0
        self.first_loss = self.best_loss = math.inf
        self.best_step = 0
        self.losses: list[tuple[int, float]] = []
        self.checkpointing = False
        self._sketched = sees_sketches(self.network) and all(len(one.sketches) for one in materials)

    @property
    def done(self) -> float:
        """How far training is, from 0 to 1."""
        options = self.options
        own = progress(self.step, options.steps, self.seconds, options.total)
        return max(own, self.seconds / (60.0 * options.most)) if options.most > 0.0 else own

    @property
    def out_of_time(self) -> bool:
        """Whether it ended by ``most``, before its steps or minutes."""
        options = self.options
        return self.done >= 1.0 > progress(self.step, options.steps, self.seconds, options.total)

    @property
    def stopped_early(self) -> bool:
        """Whether nothing more was learned for long."""
        patience = self.options.patience
        return bool(patience) and self.step - self.best_step >= patience * self.options.check

    def begin(self) -> None:
        """Measure what there is before the first step, once."""
        if not self.losses:
            self._measure()

    def run(
        self,
        minutes: float | None,
        work: Path,
        *,
        on_step: Callable[[Trainer, float], None] = lambda trainer, loss: None,
    ) -> bool:
        """Train until the last step, an early end or until the time is up; whether it is not the latter.

        Args:
            minutes: from now; None: no limit.
            work: folder of the checkpoint.
            on_step: told of each step and its loss.

        Raises:
            OutOfMemoryError: the device has too little memory.
        """
        began = told = saved = time.monotonic()
        before, recent = self.seconds, list[float]()
        self.begin()
        while self.done < 1.0 and not self.stopped_early:
            loss = self._one_that_fits()
            recent.append(loss)
            now = time.monotonic()
            self.seconds = before + now - began
            late = minutes is not None and now - began > minutes * 60
            if self.step % self.options.check == 0 or self.done >= 1.0 or late:
                self._measure()
                told = 0.0
            if now - told > _TELL_SECONDS:
                text = f"step {self.step}/{self.options.steps}  {self.seconds / 60:.1f} min  loss {np.mean(recent):.4f}"
                if self.losses[-1][0] == self.step:
                    text += f"  measured {self.losses[-1][1]:.4f} (at first {self.first_loss:.4f})"
                self._tell(text)
                told, recent = now, []
            on_step(self, loss)
            if now - saved > _SAVE_SECONDS or late:
                self.save(work)
                saved = now
            if late:
                return self.done >= 1.0
        self.save(work)
        if self.stopped_early:
            self._tell(f"nothing more was learned since step {self.best_step}: stopped")
        elif self.out_of_time:
            self._tell(f"{self.options.most:g} minutes are over: it ended at step {self.step} (--most 0: all steps)")
        return True

    def _one_that_fits(self) -> float:
        try:
            return self._one()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.checkpointing or not getattr(self.network, "_supports_gradient_checkpointing", False):
                raise TexloomError(
                    f"There is too little memory to teach {self.bench.model.info.name} at this size.",
                    advice="Choose a smaller --size, --batch or --rank.",
                    code=ErrorCode.OUT_OF_MEMORY,
                ) from error
        # Out here, where nothing of what was tried is alive any more.
        self.save_memory()
        return self._one_that_fits()

    def save_memory(self) -> None:
        """Compute what was seen on the way again instead of keeping it: less memory, a third more time."""
        self._tell("memory is short: what the network saw on the way is computed twice from here on")
        self.network.enable_gradient_checkpointing()
        self.checkpointing = True

    def _one(self) -> float:
        options, device = self.options, self.bench.device
        rng = np.random.default_rng((options.seed, self.step))
        source = torch.Generator().manual_seed(int(rng.integers(2**31)))
        chosen = [self._turn(self.step * options.batch + number) for number in range(options.batch)]
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for axes, group in self._by_axes([self._shown(index, rng) for index in chosen]).items():
            clean = self.replay.packing(torch.stack([latents for latents, _ in group]))
            calls = [call for _, call in group]
            added = torch.randn(clean.shape, generator=source)
            times = self.noise.times(len(group), source)
            # Backward runs in here as well: what is computed twice must see the same convolutions.
            with self._wrapping(axes):
                loss = self._loss(calls, clean, added, times, device) * (len(group) / options.batch)
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self.adapter.parameters(), 1.0)
        self._set_rate()
        self.optimizer.step()
        self.step += 1
        return total

    def _turn(self, position: int) -> int:
        """Whose turn it is: all are shown before one is shown again."""
        count = len(self.taught)
        order = np.random.default_rng((self.options.seed, position // count, 1)).permutation(count)
        return self.taught[int(order[position % count])]

    def _shown(self, index: int, rng: np.random.Generator) -> tuple[tuple[bool, bool], Tensor, Tree]:
        """Axes that repeat, latents and what is said of one of its squares, moved where it repeats."""
        material = self.materials[index]
        number = int(rng.integers(len(material.squares)))
        square, latents = material.squares[number], material.latents[number]
        sketch = material.sketches[number] if self._sketched else None
        if square.tile_x and square.tile_y:
            both = latents if sketch is None else torch.cat((latents, sketch))
            both = moved(both[None], rng)[0]
            latents, sketch = both[: len(latents)], None if sketch is None else both[len(latents) :]
        said = rng.random() >= self.options.unsaid
        # The last calls are those of no text.
        calls = self._calls[index if said else -1]
        call = calls[int(rng.integers(len(calls)))]
        # Over its own sketch, and not over that of what its caption would be drawn as.
        return (square.tile_x, square.tile_y), latents, call | showing(None if sketch is None else sketch[None])

    def _by_axes(
        self, shown: Sequence[tuple[tuple[bool, bool], Tensor, Tree]]
    ) -> dict[tuple[bool, bool], list[tuple[Tensor, Tree]]]:
        groups: dict[tuple[bool, bool], list[tuple[Tensor, Tree]]] = {}
        for axes, latents, call in shown:
            groups.setdefault(axes if self.bench.convolutional() else (False, False), []).append((latents, call))
        return groups

    def _wrapping(self, axes: tuple[bool, bool]) -> Any:
        return circular([self.network], *axes)

    def _loss(self, calls: Sequence[Tree], clean: Tensor, added: Tensor, times: Tensor, device: str) -> Tensor:
        noisy = self.noise.noisy(clean, added, times).to(device)
        target = self.noise.target(clean, added, times).to(device)
        with autocast(device):
            seen = self.replay.predict(self.network, calls, noisy, times.to(device))
        return (seen.float() - target).square().mean()

    @torch.no_grad()
    def measure(self) -> float:
        """The loss on the same noise and times as ever, of the pictures kept for it."""
        total, count = 0.0, max(1, _MEASURED // len(self.held))
        for index in self.held:
            material, source = self.materials[index], torch.Generator().manual_seed(index)
            square = material.squares[0]
            clean = self.replay.packing(material.latents[:1])
            axes = (square.tile_x, square.tile_y) if self.bench.convolutional() else (False, False)
            with self._wrapping(axes):
                for when in self.noise.spread(count)[:, None]:
                    added = torch.randn(clean.shape, generator=source)
                    call = self._calls[index][0] | showing(material.sketches[:1] if self._sketched else None)
                    total += float(self._loss([call], clean, added, when, self.bench.device))
        return total / (count * len(self.held))

    def _measure(self) -> None:
        loss = self.measure()
        if not self.losses:
            self.first_loss = loss
        self.losses.append((self.step, loss))
        if loss < self.best_loss * (_BETTER if math.isfinite(self.best_loss) else 1.0):
            self.best_loss, self.best_step = loss, self.step
            self.best.load_state_dict(self.adapter.state_dict())

    def _set_rate(self) -> None:
        options = self.options
        warm = max(1, min(100, options.steps // 20))
        late = min(1.0, max(0.0, (self.done - 0.5) / 0.5))
        rate = options.rate * min(1.0, (self.step + 1) / warm) * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * late)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def save(self, work: Path) -> None:
        """Write everything that is needed to go on."""
        save_checkpoint(
            work,
            models={"lora": self.adapter, "best": self.best},
            optimizers={"adam": self.optimizer},
            facts={
                "step": self.step,
                "seconds": self.seconds,
                "options": asdict(self.options),
                "key": self._key,
                "losses": self.losses,
                "best_step": self.best_step,
            },
        )

    def resume(self, work: Path) -> None:
        """Go on where :meth:`save` was.

        Raises:
            ModelInvalidError: there is no checkpoint, or it is of other options or pictures.
        """
        facts = load_checkpoint(
            work,
            models={"lora": self.adapter, "best": self.best},
            optimizers={"adam": self.optimizer},
            device=self.bench.device,
        )
        if _decisive(facts["options"]) != _decisive(asdict(self.options)) or facts["key"] != self._key:
            raise ModelInvalidError(
                f"The checkpoint in {work} is of other options, pictures or captions.", advice="Start without --resume."
            )
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])
        self.losses = [(int(step), float(loss)) for step, loss in facts["losses"]]
        self.best_step = int(facts["best_step"])
        self.first_loss = self.losses[0][1]
        self.best_loss = next(loss for step, loss in self.losses if step == self.best_step)


def _decisive(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which going on is the same training; how long it may take in all is none of them."""
    return {name: value for name, value in options.items() if name != "most"}


def split(count: int) -> tuple[list[int], list[int]]:
    """Which of ``count`` pictures are measured and which are learned; of a few all are both."""
    every = list(range(count))
    if count < HELD_FROM:
        return every[:_HELD], every
    kept = min(_HELD, max(1, count // 10))
    held = [round((number + 0.5) * count / kept) for number in range(kept)]
    return held, [number for number in every if number not in held]

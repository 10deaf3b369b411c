# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a loaded pipeline faster, and how long each of its stages takes.

Always: prompts that were read are kept, and on graphics cards networks of convolutions lie in memory as their kernels
like it.  diffusers computes attention by torch's fused kernels itself.  By the settings, since they change pictures a
little or take time at first: another kernel for attention, leaving out steps that change little, and compiling.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn

from ..settings import Settings
from .compiling import CompiledBlocks, lacking
from .generator import Context
from .memory_estimate import DENOISER, role_of
from .memory_plan import GROUPS, Demand, MemoryPlan
from .prompt_cache import PromptCache
from .step_cache import leaves_out, step_cache

LEAST_CACHED_STEPS: Final = 12
"""With fewer steps each one changes too much to be left out."""
COMPILED_AFTER: Final = 3
"""Compiling takes as long as several pictures, so that many of one size come first."""
_CONVOLUTIONAL: Final = ("UNet2DConditionModel", "AutoencoderKL", "AutoencoderKLFlux2", "AutoencoderDC")


class Acceleration:
    """Speeds up one pipeline.

    Args:
        pipeline: placed by ``plan``.
        plan: how it is kept.
        device: where it computes.
        settings: what the user wants.
    """

    def __init__(self, pipeline: Any, plan: MemoryPlan, device: str, settings: Settings) -> None:
        self._device = torch.device(device)
        self._settings = settings
        self._networks = {key: part for key, part in pipeline.components.items() if isinstance(part, nn.Module)}
        self._denoisers = [part for key, part in self._networks.items() if role_of(key) == DENOISER]
        self._drawn: Counter[tuple[int, int, int]] = Counter()
        self._blocks = CompiledBlocks(self._denoisers, self._compiling_failed)
        self._problem = ""
        self._way_out = "Install what is missing, or turn compiling off in the settings."
        self._facts: dict[str, Any] = {}
        self._context: Context | None = None
        self.prompts = PromptCache()
        self.prompts.attach(pipeline)
        if self._device.type in ("cuda", "cpu") and plan.offload != GROUPS:
            for part in self._networks.values():
                if type(part).__name__ in _CONVOLUTIONAL:
                    nn.Module.to(part, memory_format=torch.channels_last)

    def choose_attention(self, context: Context) -> None:
        """Let the networks that draw compute attention as the settings want it; warns where that cannot be."""
        wanted = self._settings.attention.strip()
        for network in self._denoisers:
            if not wanted or not hasattr(network, "set_attention_backend"):
                continue
            try:
                network.set_attention_backend(wanted)
            except (ValueError, ImportError, RuntimeError) as error:
                text = " ".join(str(error).split())[:200]
                context.warn(
                    "attention_unavailable",
                    f"Attention cannot be computed by {wanted} here: {text}",
                    advice="Leave the setting for attention empty, or install what it needs.",
                )

    def batches(self, steps: int) -> bool:
        """Whether several pictures may be drawn at a time: steps that are left out are left out for all of them."""
        return not any(True for _ in self._step_cached(steps))

    def _leaves_out(self, steps: int) -> bool:
        """Whether steps are to be left out."""
        return self._settings.step_threshold is not None and steps >= LEAST_CACHED_STEPS

    def _step_cached(self, steps: int) -> Iterator[tuple[Any, float]]:
        """Networks of which steps are left out, and how much those change at most."""
        threshold = self._settings.step_threshold
        if threshold is not None and self._leaves_out(steps):
            for network in self._denoisers:
                if leaves_out(network):
                    yield network, threshold

    @contextlib.contextmanager
    def drawing(
        self,
        plan: MemoryPlan,
        demand: Demand,
        steps: int,
        loras: Sequence[Mapping[str, Any]],
        context: Context,
        words: Sequence[Mapping[str, Any]] = (),
        *,
        controlled: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Within the block a picture is drawn as fast as the settings allow; yields what the manifest says of that.

        What it says is known for certain once the picture is drawn.

        Args:
            plan: how the model is kept now.
            demand: what is drawn.
            steps: how many steps it takes.
            loras: what changes the model.
            context: gets the seconds of the stages ``text`` and ``decode``.
            words: learned words that the text encoders know.
            controlled: whether another network adds to the layers, so that none of them may be left out.
        """
        facts: dict[str, Any] = {}
        self._facts, self._context = facts, context
        self.prompts.use(loras, context.timing, words)
        size = (demand.width, demand.height, demand.batch)
        self._drawn[size] += 1
        if self._pays(plan, loras) and not demand.extra and self._drawn[size] >= COMPILED_AFTER:
            self._compile(context)
        if self._blocks.active:
            facts["compiled"] = True
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._timed(context))
            if not controlled:
                for network, threshold in self._step_cached(steps):
                    stack.enter_context(step_cache(network, threshold))
                    facts["step_cache"] = threshold
                if "step_cache" not in facts and self._leaves_out(steps):
                    context.warn(
                        "step_cache_unavailable",
                        "This model draws every step: leaving out those that change little is made for others.",
                    )
            yield facts

    def compile(self, **options: Any) -> None:
        """Compile the blocks that the networks that draw repeat; ``options`` are those of ``torch.compile``."""
        self._blocks.start(**options)

    def _compile(self, context: Context) -> None:
        """The same where this computer can; warns where it cannot."""
        self._problem = self._problem or lacking()
        if not self._problem:
            self.compile()
            if self._blocks.active or self._problem:
                return
            self._problem = "This model has no blocks of layers that are known to be worth compiling."
            self._way_out = "Turn compiling off in the settings."
        context.warn("compile_unavailable", self._problem, advice=f"Pictures are drawn without it. {self._way_out}")

    def _compiling_failed(self, text: str) -> None:
        self._problem = f"Compiling the networks failed: {text}"
        self._facts.pop("compiled", None)
        if self._context is not None:
            self._compile(self._context)

    def _pays(self, plan: MemoryPlan, loras: Sequence[Mapping[str, Any]]) -> bool:
        wanted = self._settings.compile.strip().lower() in ("1", "on", "yes", "true")
        return wanted and self._device.type == "cuda" and plan.offload != GROUPS and not plan.quantization and not loras

    @contextlib.contextmanager
    def _timed(self, context: Context) -> Iterator[None]:
        decoder = getattr(self._networks.get("vae"), "decoder", None)
        if not isinstance(decoder, nn.Module):
            yield
            return
        began: list[float] = []

        def before(_module: nn.Module, _args: Any) -> None:
            self._wait()
            began.append(time.perf_counter())

        def after(_module: nn.Module, _args: Any, _result: Any) -> None:
            self._wait()
            context.timing("decode", time.perf_counter() - began.pop())

        handles = [decoder.register_forward_pre_hook(before), decoder.register_forward_hook(after)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _wait(self) -> None:
        # Kernels run on behind the program; a stage ends when they do.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

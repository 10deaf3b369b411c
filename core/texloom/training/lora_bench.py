# SPDX-License-Identifier: GPL-3.0-or-later
"""A loaded model that is taught and draws in turns, and whoever is told about it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..engine.catalog import create
from ..engine.context import SilentContext
from ..engine.device import empty_cache
from ..engine.diffusers_folder import USUAL_SIDE, DiffusersFolderGenerator
from ..engine.drawing import LoadedModel
from ..engine.families import TEXT_TO_IMAGE
from ..engine.families.learned import Learned
from ..engine.text_encoder import TextEncoder
from ..errors import ErrorCode, ModelInvalidError, RequestError, TexloomError, together
from .lora_layers import ADAPTER
from .lora_replay import denoiser

LEARNED_SIDE: Final = 256
"""What the learned model was trained at, in pixels."""
UNTAUGHT: Final = ("flux3", "qwen-image-2.1")
"""Families whose networks are called by blocks, or whose word is changed before the scheduler gets it."""

FEW_STEPS: Final = 8


class Telling(SilentContext):
    """Passes warnings on.

    Args:
        device: torch's name of it.
        tell: gets sentences.
    """

    def __init__(self, device: str, tell: Callable[[str], None]) -> None:
        super().__init__(device, threading.Event())
        self._tell = tell
        self._told: set[str] = set()

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        """See ``Context``; each sentence once."""
        if message not in self._told:
            self._told.add(message)
            self._tell(together(message, advice))


class Bench:
    """One model, its network free to be taught.

    Args:
        name: as ``--model`` of other commands.
        device: torch's name of it.
        tell: gets warnings.

    Raises:
        ModelNotFoundError, ModelInvalidError: there is no such model, or it takes no LoRA.
        OutOfMemoryError: it fits only in a way that cannot be taught.
    """

    def __init__(self, name: str, device: str, tell: Callable[[str], None]) -> None:
        generator = create(name, TextEncoder())
        if not isinstance(generator, DiffusersFolderGenerator):
            raise RequestError(
                f"model: {name} has no network that takes a LoRA.",
                advice="Choose a model that texloom models lists, or a diffusers folder.",
            )
        self.generator, self.device = generator, device
        self._away = False
        self.context = Telling(device, tell)
        generator.load(self.context)
        if TEXT_TO_IMAGE not in self.model.family.tasks(self.model.folder) and self.model.family.pipelines:
            raise ModelInvalidError(
                f"{self.model.info.name} draws over pictures and cannot be taught.",
                advice="Teach the model that it was made from, which draws from words.",
            )
        if self.model.family.id in UNTAUGHT:
            raise ModelInvalidError(
                f"{self.model.info.name} cannot be taught: how its network is called is not known.",
                advice="Choose another model.",
            )
        self.part, network = denoiser(self.model)
        self.learned = isinstance(self.model.family, Learned)
        if not (hasattr(self.model.pipeline, "load_lora_weights") and hasattr(network, "load_lora_adapter")):
            raise ModelInvalidError(
                f"{self.model.info.name} takes no LoRA.", advice="Choose a model of another family."
            )
        streamed = any(hasattr(layer, "_diffusers_hook") for layer in network.modules())
        if streamed or any(value.dtype == torch.float8_e4m3fn for value in network.parameters()):
            raise TexloomError(
                f"There is too little memory to teach {self.model.info.name} here.",
                advice="Choose a smaller model, or a machine with more memory.",
                code=ErrorCode.OUT_OF_MEMORY,
            )
        steps = self.model.info.default_steps
        if steps is not None and steps <= FEW_STEPS:
            tell(
                f"{self.model.info.name} was distilled to draw in {steps} steps. What it learns may look unclear: "
                "better teach the model that it was distilled from, and use the LoRA with both."
            )

    @property
    def model(self) -> LoadedModel:
        """What it draws with now."""
        return self.generator.opened

    @property
    def network(self) -> Any:
        """The network that is taught."""
        return denoiser(self.model)[1]

    def side(self) -> int:
        """Pixels a side that it was made for, as far as that is known."""
        if self.learned:
            return LEARNED_SIDE
        folder = self.model.folder
        part = folder.component(self.part)
        size = part.config.get("sample_size") if part is not None else None
        return int(size) * folder.latent_pixels if isinstance(size, int) else USUAL_SIDE

    def check_side(self, size: int) -> None:
        """Raises RequestError: it cannot draw squares of ``size`` pixels."""
        step = self.model.family.size_step(self.model.folder)
        if size < step or size % step:
            raise RequestError(f"size: {self.model.info.name} draws multiples of {step} pixels, got {size}.")

    def convolutional(self) -> bool:
        """Whether its convolutions are to wrap around where pictures repeat."""
        return self.model.family.convolutional(self.model.folder)

    @contextlib.contextmanager
    def taught(self) -> Iterator[None]:
        """Within the block only the network is on the device: text encoders and autoencoder wait in main memory."""
        self._move("cpu")
        try:
            # A few words against few tokens: on processors plain products are faster than the fused kernel.
            with sdpa_kernel(SDPBackend.MATH) if self.learned and self.device == "cpu" else contextlib.nullcontext():
                yield
        finally:
            self._move(self.device)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Within the block it draws, also in the midst of :meth:`taught`."""
        away = self._away
        self._move(self.device)
        try:
            yield
        finally:
            if away:
                self._move("cpu")

    def _move(self, device: str) -> None:
        self._away = device != self.device
        if torch.device(self.device).type in ("cpu", "mps"):
            return
        for part in self.model.pipeline.components.values():
            # Those with a hook come and go by themselves.
            if isinstance(part, nn.Module) and part is not self.network and not hasattr(part, "_hf_hook"):
                nn.Module.to(part, device)
        empty_cache(self.device)

    def forget_adapter(self) -> None:
        """The network is as it was loaded."""
        self.network.delete_adapters(ADAPTER)

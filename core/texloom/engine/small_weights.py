# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights in few bits: how parts are read so, and what says that this cannot be done, or computed with, here.

A package may load and make weights smaller where its kernels do not run: that shows in the first layer that computes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import nn

from .device import is_out_of_memory
from .memory_estimate import DENOISER, TEXT, role_of
from .memory_plan import INT8, NF4, MemoryPlan
from .model_folder import Component

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""torch's names of the precisions."""

UNABLE: Final = (ImportError, RuntimeError, ValueError, AssertionError)
"""What torch and the packages that make weights smaller raise where they cannot do that, or compute with them.

Too little memory is among them, so ask :func:`is_out_of_memory` first; ``NotImplementedError`` is a ``RuntimeError``.
"""

_TOLD: Final = 200


class CannotShrink(Exception):
    """Weights cannot be kept smaller here; it says why."""


def cannot_shrink(error: BaseException) -> CannotShrink:
    """The same of what was raised while weights were made smaller, or computed with."""
    return CannotShrink(f"{type(error).__name__}: {' '.join(str(error).split())}"[:_TOLD])


def short(error: Exception) -> Exception:
    """An error of a class that is caught where memory may run out; libraries have more of them."""
    return MemoryError(" ".join(str(error).split())[:300])


def smaller(item: Component, plan: MemoryPlan) -> bool:
    """Whether a part's weights are made smaller while they are read."""
    return plan.quantization in (INT8, NF4) and role_of(item.name) in (TEXT, DENOISER)


def quantized(item: Component, plan: MemoryPlan, device: str = "") -> dict[str, Any]:
    """Arguments that make a part's weights smaller while they are read; ``device`` is where that is done, if asked."""
    if not smaller(item, plan):
        return {}
    import diffusers
    import transformers

    library: Any = transformers if item.library == "transformers" else diffusers
    if plan.quantization == INT8:
        from torchao.quantization import Int8WeightOnlyConfig

        return {"quantization_config": library.TorchAoConfig(Int8WeightOnlyConfig())}
    config = library.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=DTYPES[plan.precision]
    )
    # Left to itself bitsandbytes takes the first device there is.
    return {"quantization_config": config} | ({"device_map": {"": device}} if device else {})


def shrinking(item: Component, plan: MemoryPlan, device: str = "") -> dict[str, Any]:
    """As :func:`quantized`.

    Raises:
        CannotShrink: the package does not load.
        MemoryError: too little memory for it.
    """
    try:
        return quantized(item, plan, device)
    except (ImportError, OSError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise short(error) from error
        raise cannot_shrink(error) from error


class Trial:
    """Listens to layers with small weights, to tell what they raise from what anything else does.

    Args:
        networks: with their weights as they are to be drawn with.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self._handles: list[Any] = []
        self._heard: tuple[int, str] = (0, "")
        for network in networks:
            self.add(network)

    def add(self, network: nn.Module) -> None:
        """Listen to one more network."""
        layers = (layer for layer in network.modules() if _small(layer))
        self._handles += [layer.register_forward_hook(self._after, always_call=True) for layer in layers]

    def blames(self, error: BaseException) -> str:
        """Why weights cannot be so small here, if ``error`` came out of a layer with some; else empty."""
        number, why = self._heard
        return why if number == id(error) else ""

    def end(self) -> None:
        """Listen no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _after(self, _layer: nn.Module, _args: Any, _result: Any) -> None:
        # torch calls this while it handles what a layer has raised.  Its number alone: itself, it holds everything.
        error = sys.exc_info()[1]
        if isinstance(error, UNABLE) and not is_out_of_memory(error):
            self._heard = (id(error), str(cannot_shrink(error)))


def _small(layer: nn.Module) -> bool:
    """Whether a layer has weights of its own in fewer bits than it computes in."""
    plain = DTYPES.values()
    # Those of torchao are shells around numbers and scales, which give themselves out as plain.
    return any(
        tensor.dtype not in plain or hasattr(tensor, "__tensor_flatten__") for tensor in layer.parameters(recurse=False)
    )

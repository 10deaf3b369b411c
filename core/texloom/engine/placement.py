# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pipeline's parts are: on the device together, in turns, or layer by layer.

diffusers moves parts in turns as well (``enable_model_cpu_offload``), but sends all of them away after every picture,
and the network that draws away for every preview.  Here a part stays until another one needs its place.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from accelerate.utils import send_to_device
from torch import Tensor, nn

from .device import empty_cache, is_out_of_memory
from .memory_estimate import DECODER, DENOISER, TEXT, role_of
from .memory_plan import FLOAT8, FLOAT32, GROUPS, TURNS, MemoryPlan
from .small_weights import DTYPES, cannot_shrink

_ADDED = ("lora_",)
"""Small layers that a request has added: they stay as exact as they are."""

_MAIN = ("cpu", "mps")
"""Devices whose memory is the main memory."""


class Placement:
    """Keeps the parts of one pipeline where a plan wants them.

    Args:
        pipeline: with all parts in main memory.
        device: where they compute.
    """

    def __init__(self, pipeline: Any, device: str) -> None:
        # With its number, as tensors that are there have it.
        self._device = torch.empty(0, device=device).device
        self._networks: dict[str, Any] = {
            name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)
        }
        self._plan: MemoryPlan | None = None
        self._hooks: list[Any] = []
        self._room, self._cell = 0, 1  # latents of a picture that is decoded beside everything else, and their pixels

    def apply(self, plan: MemoryPlan) -> None:
        """Bring everything where ``plan`` wants it.

        Plans may follow each other in any order, but for one after :data:`GROUPS` or another quantization: then the
        pipeline must be loaded anew (see :meth:`can_follow`).

        Raises:
            RuntimeError: too little memory; the parts may be anywhere then.
            CannotShrink: weights do not go into 8 bits here; likewise.
        """
        before, self._plan = self._plan, None
        if before is not None and before.offload == TURNS:
            self._free()
        dtype = DTYPES[plan.precision]
        if before is not None and before.precision != plan.precision:
            for part in self._networks.values():
                nn.Module.to(part, dtype=dtype)
        if plan.quantization == FLOAT8 and (before is None or before.quantization != FLOAT8):
            self._shrink(dtype)
        if plan.offload == GROUPS:
            if before is None or before.offload != GROUPS:
                self._in_groups()
        elif plan.offload == TURNS:
            self._in_turns(plan)
        else:
            for part in self._networks.values():
                self._move(part, self._device)
        self._plan = plan

    def can_follow(self, plan: MemoryPlan) -> bool:
        """Whether :meth:`apply` can go over to ``plan`` without loading the pipeline anew."""
        now = self._plan
        if now is None:
            return False
        if now.offload == GROUPS:
            return plan.offload == GROUPS and now.same_weights(plan)
        # Precision that is lost does not come back; 8 bits are taken on, never off.
        same = now.precision == plan.precision or (now.precision == FLOAT32 and not now.quantization)
        return same and (
            now.quantization == plan.quantization or (not now.quantization and plan.quantization == FLOAT8)
        )

    def resident(self) -> int:
        """Bytes of weights that are on the device now."""
        return sum(_bytes(part) for part in self._networks.values() if _device(part).type == self._device.type)

    def in_main_memory(self) -> int:
        """Bytes of weights that are in main memory now."""
        return sum(_bytes(part) for part in self._networks.values() if _device(part).type in _MAIN)

    def join(self, name: str, network: nn.Module) -> None:
        """Keep one more network as the plan in use wants it.

        Raises:
            RuntimeError: too little memory; the network is not kept then.
            CannotShrink: its weights do not go into 8 bits here; likewise.
        """
        plan = self._plan
        assert plan is not None
        self._networks[name] = network
        try:
            if plan.quantization == FLOAT8:
                self._shrink(DTYPES[plan.precision], only=name)
            if plan.offload == GROUPS:
                self._in_groups(only=name)
            elif plan.offload == TURNS:
                # Some are made smaller on the device.
                self._move(network, torch.device("cpu"))
                add_hook_to_module(network, _Turn(self, name, self._device))
            else:
                self._move(network, self._device)
        except BaseException:
            self.leave(name)
            raise

    def leave(self, name: str) -> None:
        """Keep a network no longer; nothing where it is not kept."""
        network = self._networks.pop(name, None)
        if network is not None and self._plan is not None and self._plan.offload == TURNS:
            _unhooked(network)

    def release(self) -> None:
        """Let go of all networks: what was put on them to move them holds them, and this."""
        self._free()
        self._networks.clear()
        self._plan = None

    def need(self, name: str) -> None:
        """Bring a part to the device, and send away those that it does not work together with."""
        role = role_of(name)
        for other, part in self._networks.items():
            kind = role_of(other)
            apart = other != name and {role, kind} in ({TEXT}, {TEXT, DENOISER})
            if apart and _device(part).type == self._device.type:
                self._move(part, torch.device("cpu"))
                empty_cache(str(self._device))
        self._move(self._networks[name], self._device)

    def clear(self) -> None:
        """Send away the parts that take turns, so that something from outside the pipeline has the device."""
        if self._plan is None or self._plan.offload != TURNS:
            return
        for name, part in self._networks.items():
            if role_of(name) in (TEXT, DENOISER):
                self._move(part, torch.device("cpu"))
        empty_cache(str(self._device))

    def _free(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        for part in self._networks.values():
            _unhooked(part)

    def _in_turns(self, plan: MemoryPlan) -> None:
        for name, part in self._networks.items():
            self._move(part, torch.device("cpu"))
            add_hook_to_module(part, _Turn(self, name, self._device))
        empty_cache(str(self._device))
        for name, part in self._networks.items():
            # What else there is is small and always there, the decoder above all: previews need it at any time.
            if role_of(name) not in (TEXT, DENOISER):
                self._move(part, self._device)
            if role_of(name) != DECODER or plan.striped:
                continue
            for half, encodes in (("encoder", True), ("decoder", False)):
                network = getattr(part, half, None)
                if isinstance(network, nn.Module):
                    before = functools.partial(self._codes, encodes)
                    self._hooks.append(network.register_forward_pre_hook(before))

    def _codes(self, encodes: bool, _network: nn.Module, args: tuple[Any, ...]) -> None:
        """A whole picture gets all of the device; a preview, which is smaller, does not."""
        grid = args[0].shape[-1] * args[0].shape[-2] if args else 0
        if grid <= self._room * (self._cell if encodes else 1):
            return
        for name, part in self._networks.items():
            if role_of(name) in (TEXT, DENOISER):
                self._move(part, torch.device("cpu"))
        empty_cache(str(self._device))

    def keep_room(self, latents: int, cell: int) -> None:
        """Coding up to so many latents, of ``cell`` pixels each, needs no more room than there is."""
        self._room, self._cell = latents, cell

    def _in_groups(self, only: str = "") -> None:
        from diffusers.hooks import apply_group_offloading

        streams = self._device.type == "cuda"
        for name, part in self._networks.items():
            if only and name != only:
                continue
            if role_of(name) in (TEXT, DENOISER):
                self._move(part, torch.device("cpu"))
                apply_group_offloading(
                    part,
                    onload_device=self._device,
                    offload_device=torch.device("cpu"),
                    offload_type="leaf_level",
                    use_stream=streams,
                    low_cpu_mem_usage=streams,
                )
            else:
                self._move(part, self._device)
        empty_cache(str(self._device))

    def _shrink(self, dtype: torch.dtype, only: str = "") -> None:
        from diffusers.hooks import apply_layerwise_casting
        from diffusers.hooks.layerwise_casting import DEFAULT_SKIP_MODULES_PATTERN

        for name, part in self._networks.items():
            if role_of(name) == DENOISER and only in ("", name):
                # Some layers look at the precision of their weights, and their networks say which.
                own = getattr(part, "_skip_layerwise_casting_patterns", None) or ()
                try:
                    apply_layerwise_casting(
                        part,
                        storage_dtype=torch.float8_e4m3fn,
                        compute_dtype=dtype,
                        skip_modules_pattern=(*DEFAULT_SKIP_MODULES_PATTERN, *own, *_ADDED),
                    )
                except RuntimeError as error:
                    if is_out_of_memory(error):
                        raise
                    raise cannot_shrink(error) from error
                for layer in part.modules():
                    # By this peft knows what a LoRA is to be in that comes later: in 8 bits nothing would be left.
                    if any(tensor.dtype == torch.float8_e4m3fn for tensor in layer.parameters(recurse=False)):
                        layer.compute_dtype = dtype  # type: ignore[assignment]

    def _move(self, part: nn.Module, device: torch.device) -> None:
        # All of them: some networks share layers with another one that was moved before.
        if any(tensor.device != device for tensor in part.parameters()):
            # Past diffusers' own method, which warns of half precision on the processor: parts only wait there.
            nn.Module.to(part, device)


class _Turn(ModelHook):  # type: ignore[misc]
    """Brings a part to the device before it computes; pipelines read ``execution_device``."""

    def __init__(self, placement: Placement, name: str, device: torch.device) -> None:
        self.execution_device = device
        self._placement = placement
        self._name = name

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """See ``ModelHook``; autoencoders call it without arguments before they encode or decode."""
        self._placement.need(self._name)
        return send_to_device(args, self.execution_device), send_to_device(kwargs, self.execution_device)


def _unhooked(part: nn.Module) -> None:
    remove_hook_from_module(part)
    # It leaves the network's own method on the network, which so would hold itself.
    forward = part.__dict__.get("forward")
    if getattr(forward, "__self__", None) is part and forward.__func__ is type(part).forward:
        del part.__dict__["forward"]


def _device(part: nn.Module) -> torch.device:
    return next((tensor.device for tensor in part.parameters()), torch.device("cpu"))


def _bytes(part: nn.Module) -> int:
    found = (inner for tensor in (*part.parameters(), *part.buffers()) for inner in _inner(tensor))
    # Shared ones once; those without memory of their own cannot be told apart by it.
    tensors = {tensor.data_ptr() or id(tensor): tensor for tensor in found}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _inner(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors that it is made of: those of torchao are shells around numbers and scales."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
        return
    for name in flatten()[0]:
        yield from _inner(getattr(tensor, name))

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trainings of the learned model share: checkpoints, averages of weights, precision and device."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ModelInvalidError
from .maps import _cpu_flags

CHECKPOINT = "checkpoint.safetensors"


def default_device() -> str:
    """``cuda`` where there is a card, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def autocast(device: str) -> torch.autocast:
    """Half the precision where the device multiplies faster in it."""
    kind = torch.device(device).type
    fast = kind == "cuda" or bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())
    return torch.autocast(kind, torch.bfloat16, enabled=fast)


class Average:
    """A moving average of a model's weights, faster at the start; ``model`` is a module like the one it follows."""

    def __init__(self, model: nn.Module, keep: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._keep = keep

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow ``model`` after step ``step`` (from 1)."""
        keep = min(self._keep, step / (step + 10))
        slow, fast = list(self.model.parameters()), [value.detach() for value in model.parameters()]
        torch._foreach_lerp_(slow, fast, 1.0 - keep)


def save_checkpoint(
    folder: Path,
    *,
    models: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    facts: Mapping[str, Any],
) -> None:
    """Write models, the state of optimizers and ``facts`` (JSON types) into ``folder``, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    for name, model in models.items():
        tensors |= {f"{name}/{key}": value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    for name, optimizer in optimizers.items():
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{number}/{key}": value.detach().cpu().contiguous() for key, value in state.items()}
    aside = folder / f".{CHECKPOINT}.tmp"
    save_file(tensors, aside, metadata={"facts": json.dumps(dict(facts))})
    os.replace(aside, folder / CHECKPOINT)


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of the checkpoint in ``folder``.

    Raises:
        ModelInvalidError: there is no checkpoint.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise ModelInvalidError(f"There is no checkpoint in {folder}.", advice="Start without --resume.")
    with safe_open(path, "pt") as stream:
        facts: dict[str, Any] = json.loads(stream.metadata()["facts"])
    return facts


def load_checkpoint(
    folder: Path,
    *,
    models: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    device: str = "cpu",
) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote into models and optimizers; returns the facts.

    Raises:
        ModelInvalidError: there is no checkpoint, or it is of another shape.
    """
    facts = read_facts(folder)
    tensors = load_file(folder / CHECKPOINT, device=device)
    try:
        for name, model in models.items():
            prefix = f"{name}/"
            model.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
    except RuntimeError as error:
        raise ModelInvalidError(
            f"The checkpoint in {folder} is of another model.", advice="Start without --resume."
        ) from error
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, torch.Tensor]] = {}
        prefix = f"{name}/"
        for key, value in tensors.items():
            if key.startswith(prefix):
                number, field = key[len(prefix) :].split("/")
                state.setdefault(int(number), {})[field] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        for parameter, own in optimizer.state.items():
            # Fused optimizers walk through memory, so moments must lie there as their weights do (channels last).
            for field, value in own.items():
                if value.shape == parameter.shape:
                    own[field] = torch.empty_like(parameter).copy_(value)
    return facts

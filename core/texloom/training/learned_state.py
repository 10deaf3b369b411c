# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trainings of networks share: checkpoints, averages of weights, precision and device."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ModelInvalidError
from ..storage import read_json, write_bytes_atomic, write_json_atomic

CHECKPOINT = "checkpoint.json"
FILE_BYTES = 15 << 20


def default_device() -> str:
    """``cuda`` where there is a card, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def autocast(device: str) -> torch.autocast:
    """Half the precision where the device multiplies faster in it."""
    kind = torch.device(device).type
    fast = kind == "cuda" or bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())
    return torch.autocast(kind, torch.bfloat16, enabled=fast)


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines: Iterator[str] = iter(Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines())
    except OSError:
        return frozenset()
    return next((frozenset(line.split()) for line in lines if line.startswith("flags")), frozenset())


def sent(values: NDArray[Any], device: str | torch.device) -> torch.Tensor:
    """``values`` on ``device``, without waiting until it is done with what it was asked before."""
    return torch.from_numpy(values).to(device, non_blocking=True)


def progress(step: int, steps: int, seconds: float, total: float) -> float:
    """How far a training is, 1 at its end: by its minutes where it has ``total`` ones, else by its steps."""
    return seconds / (60.0 * total) if total > 0.0 else step / steps


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
    exact: bool | None = None,
) -> None:
    """Write models, the state of optimizers and ``facts`` (JSON types) into ``folder``, whole or not at all.

    In files of at most :data:`FILE_BYTES`, so that they may be carried between machines by anything.

    ``exact`` keeps every bit, so that a run that goes on is the same as one that never stopped.  Else it takes half the
    room: weights as they are written in the end, and moments, which need no digits but the range, in bfloat16.  None
    is exact on processors; on graphics cards no two runs are the same anyway.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, model in models.items():
        for key, value in model.state_dict().items():
            tensors[f"{name}/{key}"] = _packed(value, torch.float16, exact)
    for name, optimizer in optimizers.items():
        for number, state in optimizer.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"{name}/{number}/{key}"] = _packed(value, torch.bfloat16, exact)
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        size += value.nbytes
        if size > FILE_BYTES and parts[-1]:
            parts.append({})
            size = value.nbytes
        parts[-1][name] = value
    before = _index(folder).get("files", []) if (folder / CHECKPOINT).is_file() else []
    # Under other names than the last one's, which stays whole until the index names the new ones.
    turn = "b" if before and before[0].startswith("a") else "a"
    files = [f"{turn}-{number:03d}.safetensors" for number in range(len(parts))]
    folder.mkdir(parents=True, exist_ok=True)
    for file, part in zip(files, parts, strict=True):
        save_file(part, folder / file)
    write_json_atomic(folder / CHECKPOINT, {"facts": dict(facts), "files": files})
    for file in set(before) - set(files):
        (folder / file).unlink(missing_ok=True)


def _packed(value: torch.Tensor, kind: torch.dtype, exact: bool | None) -> torch.Tensor:
    """A copy in main memory; arrays of numbers as ``kind``, unless ``exact``."""
    value = value.detach()
    keep = value.device.type == "cpu" if exact is None else exact
    # Single numbers are counts of steps.
    if not keep and value.ndim and value.is_floating_point():
        value = value.to(kind)
    return value.cpu().contiguous()


def _index(folder: Path) -> dict[str, Any]:
    if not (folder / CHECKPOINT).is_file():
        raise ModelInvalidError(f"There is no checkpoint in {folder}.", advice="Start without --resume.")
    return read_json(folder / CHECKPOINT)


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of the checkpoint in ``folder``.

    Raises:
        ModelInvalidError: there is no checkpoint.
    """
    facts: dict[str, Any] = _index(folder)["facts"]
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
    index = _index(folder)
    facts: dict[str, Any] = index["facts"]
    tensors: dict[str, torch.Tensor] = {}
    for file in index["files"]:
        tensors |= load_file(folder / file, device=device)
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


def save_small(net: nn.Module, weights: Path, config: Mapping[str, Any]) -> None:
    """Write a network that comes with Texloom: half-precision weights, and beside them ``config.json``."""
    weights.parent.mkdir(parents=True, exist_ok=True)
    half = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    save_file(half, weights, metadata={"format": "pt", "licence": "GPL-3.0-or-later"})
    write_bytes_atomic(weights.with_name("config.json"), (json.dumps(config, indent=1) + "\n").encode())

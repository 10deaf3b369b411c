# SPDX-License-Identifier: GPL-3.0-or-later
"""Too little memory is known by whatever says so, in the engine and in the worker alike."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors import SafetensorError
from test_diffusers_folder import Notes
from texloom.engine import device as devices
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.errors import CancelledError, ModelInvalidError, OutOfMemoryError, RequestError
from texloom.worker import loop
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

SHORT: list[BaseException] = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("unable to mmap 9 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
    RuntimeError("level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    SafetensorError("Error while mapping the file: Cannot allocate memory (os error 12)"),
    OutOfMemoryError("Too little memory."),
]
OTHER: list[BaseException] = [
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    OSError(errno.ENOSPC, "No space left on device"),
    ValueError("out of memory is what this prompt is about"),
    RequestError("prompt: out of memory"),
    CancelledError(),
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_it_is_known(error: Exception) -> None:
    assert devices.is_out_of_memory(error)
    assert loop.failure("a", error).code == "out_of_memory"


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not devices.is_out_of_memory(error)
    assert loop.failure("a", error).code != "out_of_memory"


def _raised(raising: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        raising()
    return caught.value


def test_within_another_error() -> None:
    def wrapped() -> None:
        try:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        except OSError as error:
            raise ValueError("Unable to locate the file") from error

    def behind_a_cancel() -> None:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError:
            raise CancelledError  # noqa: B904 - as it happens where a job is cancelled meanwhile

    def in_its_place() -> None:
        try:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        except OSError:
            raise OSError("Unable to load weights from checkpoint file")  # noqa: B904 - as diffusers does it

    assert devices.is_out_of_memory(_raised(wrapped))
    assert devices.is_out_of_memory(_raised(in_its_place))
    assert not devices.is_out_of_memory(_raised(behind_a_cancel))


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: out of memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        SafetensorError("Cannot allocate memory (os error 12)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_weights_that_cannot_be_mapped_are_not_called_damaged(
    error: Exception, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, left = diffusers.UNet2DConditionModel, [1]
    plain = kind.from_pretrained

    def short(*args: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return plain(*args, **named)

    monkeypatch.setattr(kind, "from_pretrained", short)
    notes = Notes()
    generator = DiffusersFolderGenerator(stable_diffusion)
    generator.load(notes)
    assert generator.loaded and set(notes.warnings) == {"memory_leaner"}


def test_weights_that_are_damaged_are(stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **named: Any) -> Any:
        raise OSError("Unable to load weights from checkpoint file")

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "from_pretrained", broken)
    with pytest.raises(ModelInvalidError, match="cannot be loaded"):
        DiffusersFolderGenerator(stable_diffusion).load(Notes())


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_next_plan_goes_on(error: Exception, stable_diffusion: Path) -> None:
    generator = DiffusersFolderGenerator(stable_diffusion)
    generator.load(Notes())
    left = [1]

    def before(_module: torch.nn.Module, _args: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    handle = generator._pipeline.unet.register_forward_pre_hook(before)
    notes = Notes()
    assert next(generator.generate(small_request(), notes)).maps["image"].shape == (64, 64, 3)
    handle.remove()
    assert set(notes.warnings) == {"memory_leaner"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that make weights smaller and do not do so here: the next plan is there, and a warning."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import folder_loading, memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import FLOAT8, FLOAT32, INT8, NF4, TURNS, MemoryPlan
from texloom.engine.model_folder import read_folder
from texloom.engine.pipelines import pipeline_class
from texloom.errors import CancelledError, ModelInvalidError
from tiny_loaded import small_request
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")


class _Said(Notes):
    """As :class:`Notes`, with the words of warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        super().warn(code, message, advice=advice, words=words)
        self.said.append(message)


@pytest.fixture(autouse=True)
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways of a graphics card, walked on the processor, with both packages."""
    monkeypatch.setattr(memory_plan, "_installed", lambda package: True)
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "cuda"))
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)


def _plan(model: DiffusersFolderGenerator, quantization: str) -> MemoryPlan:
    ways = model._memory.plans(model._demand(small_request()), "cpu")
    return next(plan for plan in ways if plan.quantization == quantization)


def _drawn(model: DiffusersFolderGenerator, notes: Notes | None = None) -> Any:
    return next(model.generate(small_request(), notes or Notes()))


@pytest.mark.parametrize("name", ["z-image", "sdxl", "sana"])
def test_the_next_plan_goes_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(item: Any, plan: MemoryPlan, _device: str) -> dict[str, Any]:
        if folder_loading.smaller(item, plan):
            raise RuntimeError("CUDA Setup failed: no kernel image is available")
        return {}

    monkeypatch.setattr(folder_loading, "quantized", broken)
    model = DiffusersFolderGenerator(tiny_families.save(name, tmp_path / name))
    model.load(Notes())
    before, notes = _drawn(model).maps["image"].astype(float), _Said()
    plan = _plan(model, INT8)
    model._memory._failed.append((0, plan.rank - 1))
    assert model._went_over(plan, notes)
    now = model._memory.plan
    assert now is not None and (now.offload, now.quantization) == (TURNS, FLOAT8)
    assert set(notes.warnings) == {"smaller_weights_unavailable"}
    why = "RuntimeError: CUDA Setup failed: no kernel image is available"
    assert notes.said == [
        f"The weights of {name} cannot be kept in 8 bits by torchao here: {why}",
        f"The weights of {name} cannot be kept in 4 bits by bitsandbytes here: {why}",
    ]
    # Nobody tries that again.
    notes = _Said()
    image = _drawn(model, notes)
    assert notes.warnings == {} and image.details["memory"]["quantization"] == FLOAT8
    assert np.abs(image.maps["image"] - before).mean() < 16.0
    left = model._memory.plans(model._demand(small_request()), "cpu")
    assert {plan.quantization for plan in left} == {"", FLOAT8}


@pytest.mark.parametrize(("quantization", "package"), [(INT8, "torchao"), (NF4, "bitsandbytes")])
def test_without_the_package(quantization: str, package: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    model, notes = DiffusersFolderGenerator(tiny_families.save("z-image", tmp_path / "z-image")), _Said()
    model.load(Notes())
    assert model._went_over(_plan(model, quantization), notes)
    assert set(notes.warnings) == {"smaller_weights_unavailable"} and package in notes.said[0]
    assert _drawn(model).maps["image"].shape == (64, 64, 3)


def test_one_by_one_where_they_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those made smaller on the device leave it before the next one is read there."""
    path = tiny_families.save("z-image", tmp_path / "z-image")
    model = DiffusersFolderGenerator(path)
    asked: list[str] = []
    moved: list[tuple[str, str]] = []
    plain = nn.Module.to

    def options(item: Any, plan: MemoryPlan, device: str) -> dict[str, Any]:
        if folder_loading.smaller(item, plan):
            asked.append(f"{item.name} on {device}")
        return {}

    def to(network: nn.Module, *args: Any, **named: Any) -> nn.Module:
        moved.append((type(network).__name__, str(args[0]) if args else ""))
        return plain(network, *args, **named)

    monkeypatch.setattr(folder_loading, "quantized", options)
    monkeypatch.setattr(nn.Module, "to", to)
    plan = MemoryPlan(precision=FLOAT32, offload=TURNS, quantization=NF4)
    model._loader.pipeline(pipeline_class(read_folder(path), model._pipelines.main_task), plan, Notes())
    assert sorted(asked) == ["text_encoder on cpu", "transformer on cpu"]
    parts = {item.class_name for item in read_folder(path).components if item.name in ("text_encoder", "transformer")}
    assert parts <= {name for name, device in moved if device == "cpu"}


def test_where_bitsandbytes_does_it(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    folder = read_folder(tiny_families.save("z-image", tmp_path / "z-image"))
    plan = MemoryPlan(precision=FLOAT32, offload=TURNS, quantization=NF4)
    for name in ("text_encoder", "transformer"):
        item = folder.component(name)
        assert item is not None
        assert folder_loading.quantized(item, plan, "cuda:1")["device_map"] == {"": "cuda:1"}
        assert "device_map" not in folder_loading.quantized(item, plan)


def _reading_fails(model: DiffusersFolderGenerator, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the network that draws raises ``error`` where it is to be made smaller."""
    kind = type(model._pipeline.transformer)
    plain = kind.from_pretrained

    def options(item: Any, plan: MemoryPlan, _device: str = "") -> dict[str, Any]:
        return {"quantization_config": plan.quantization} if folder_loading.smaller(item, plan) else {}

    def broken(*args: Any, **named: Any) -> Any:
        if named.pop("quantization_config", None):
            raise error
        return plain(*args, **named)

    monkeypatch.setattr(folder_loading, "quantized", options)
    monkeypatch.setattr(kind, "from_pretrained", broken)
    text = type(model._pipeline.text_encoder)
    whole = text.from_pretrained
    monkeypatch.setattr(text, "from_pretrained", lambda *args, quantization_config=None, **named: whole(*args, **named))


@pytest.fixture
def loaded(tmp_path: Path) -> DiffusersFolderGenerator:
    model = DiffusersFolderGenerator(tiny_families.save("z-image", tmp_path / "z-image"))
    model.load(Notes())
    return model


@pytest.mark.parametrize(
    "error",
    [
        ImportError("Using `bitsandbytes` requires the latest version"),
        RuntimeError("No GPU found. A GPU is needed for quantization."),
        NotImplementedError("Int8Tensor dispatch: no implementation for aten.copy_"),
        ValueError("Some modules are dispatched on the CPU or the disk."),
        AssertionError("only bfloat16 is supported"),
    ],
)
def test_what_packages_raise(
    error: Exception, loaded: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reading_fails(loaded, error, monkeypatch)
    notes = _Said()
    assert loaded._went_over(_plan(loaded, INT8), notes)
    assert set(notes.warnings) == {"smaller_weights_unavailable"} and str(error) in notes.said[0]
    assert loaded._memory.plan is not None and loaded._memory.plan.quantization == FLOAT8


@pytest.mark.parametrize(
    "error", [TypeError("got an unexpected keyword argument"), AttributeError("no attribute 'x'"), KeyboardInterrupt()]
)
def test_mistakes_come_out(
    error: BaseException, loaded: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reading_fails(loaded, error, monkeypatch)
    notes = _Said()
    with pytest.raises(type(error)):
        loaded._went_over(_plan(loaded, INT8), notes)
    assert notes.warnings == {} and loaded._memory._refused == set()


@pytest.mark.parametrize(
    ("error", "raised"), [(CancelledError(), CancelledError), (OSError("no file named"), ModelInvalidError)]
)
def test_what_says_nothing_of_smaller_weights(
    error: Exception, raised: type[Exception], loaded: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reading_fails(loaded, error, monkeypatch)
    with pytest.raises(raised):
        loaded._went_over(_plan(loaded, INT8), Notes())
    assert loaded._memory._refused == set()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_too_little_memory_stays_that(
    error: Exception, loaded: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reading_fails(loaded, error, monkeypatch)
    notes = _Said()
    assert loaded._went_over(_plan(loaded, INT8), notes)
    assert set(notes.warnings) == {"memory_leaner"} and loaded._memory._refused == set()

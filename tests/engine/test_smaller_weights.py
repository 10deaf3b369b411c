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
from texloom.engine import memory_plan, small_weights
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
        if small_weights.smaller(item, plan):
            raise RuntimeError("CUDA Setup failed: no kernel image is available")
        return {}

    monkeypatch.setattr(small_weights, "quantized", broken)
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
        if small_weights.smaller(item, plan):
            asked.append(f"{item.name} on {device}")
        return {}

    def to(network: nn.Module, *args: Any, **named: Any) -> nn.Module:
        moved.append((type(network).__name__, str(args[0]) if args else ""))
        return plain(network, *args, **named)

    monkeypatch.setattr(small_weights, "quantized", options)
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
        assert small_weights.quantized(item, plan, "cuda:1")["device_map"] == {"": "cuda:1"}
        assert "device_map" not in small_weights.quantized(item, plan)


def _reading_fails(model: DiffusersFolderGenerator, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the network that draws raises ``error`` where it is to be made smaller."""
    kind = type(model._pipeline.transformer)
    plain = kind.from_pretrained

    def options(item: Any, plan: MemoryPlan, _device: str = "") -> dict[str, Any]:
        return {"quantization_config": plan.quantization} if small_weights.smaller(item, plan) else {}

    def broken(*args: Any, **named: Any) -> Any:
        if named.pop("quantization_config", None):
            raise error
        return plain(*args, **named)

    monkeypatch.setattr(small_weights, "quantized", options)
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


def _shrunk(network: nn.Module) -> nn.Module:
    return next(layer for layer in network.modules() if small_weights._small(layer) and isinstance(layer, nn.Linear))


class _Broken:
    """Kernels that do not run: a layer with small weights raises, the first ``after`` times not."""

    def __init__(self, layer: nn.Module, error: Exception, after: int = 0) -> None:
        self.calls = 0
        self._error = error
        self._after = after
        self._plain = layer.forward
        layer.forward = self._forward

    def _forward(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls > self._after:
            raise self._error
        return self._plain(*args, **named)


_KERNEL = "CUDA error: no kernel image is available for execution on the device"


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("error", [RuntimeError(_KERNEL), NotImplementedError(_KERNEL), AssertionError(_KERNEL)])
def test_kernels_that_fail_while_drawing(error: Exception, after: int, loaded: DiffusersFolderGenerator) -> None:
    """The same picture by the plan behind, with a note; nobody tries the small weights again."""
    plain = _drawn(loaded).maps["image"]
    plan = _plan(loaded, FLOAT8)
    loaded._memory._failed.append((0, plan.rank - 1))
    assert loaded._went_over(plan, Notes())
    # A step was drawn, or none was.
    broken = _Broken(_shrunk(loaded._pipeline.transformer), error, after)
    notes = _Said()
    images = list(loaded.generate(small_request(count=2, preview_interval=1), notes))
    assert [image.index for image in images] == [0, 1]
    assert np.abs(images[0].maps["image"].astype(int) - plain).max() <= 1
    assert broken.calls == after + 1
    why = f"{type(error).__name__}: {_KERNEL}"
    assert notes.said == [f"The weights of z-image cannot be kept in 8 bits here: {why}"]
    assert set(notes.warnings) == {"smaller_weights_unavailable"}
    assert images[1].details["memory"]["quantization"] == ""
    assert not any(plan.quantization == FLOAT8 for plan in loaded._memory.plans(loaded._demand(small_request()), "cpu"))
    notes = _Said()
    assert _drawn(loaded, notes).details["memory"]["quantization"] == "" and notes.warnings == {}


def test_once_proven_nobody_blames_them(loaded: DiffusersFolderGenerator) -> None:
    plan = _plan(loaded, FLOAT8)
    loaded._memory._failed.append((0, plan.rank - 1))
    assert loaded._went_over(plan, Notes())
    layer = _shrunk(loaded._pipeline.transformer)
    assert layer._forward_hooks
    assert _drawn(loaded).details["memory"]["quantization"] == FLOAT8
    assert not layer._forward_hooks
    _Broken(layer, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        _drawn(loaded)
    assert loaded._memory._refused == set()


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), TypeError("a mistake")])
def test_other_layers_are_not_blamed_on_them(error: Exception, loaded: DiffusersFolderGenerator) -> None:
    plan = _plan(loaded, FLOAT8)
    loaded._memory._failed.append((0, plan.rank - 1))
    assert loaded._went_over(plan, Notes())
    inside = isinstance(error, TypeError)
    _Broken(_shrunk(loaded._pipeline.transformer) if inside else loaded._pipeline.vae.decoder.conv_in, error)
    notes = _Said()
    with pytest.raises(type(error)):
        _drawn(loaded, notes)
    assert notes.warnings == {} and loaded._memory._refused == set()


def test_too_little_memory_in_such_a_layer(loaded: DiffusersFolderGenerator) -> None:
    plan = _plan(loaded, FLOAT8)
    loaded._memory._failed.append((0, plan.rank - 1))
    assert loaded._went_over(plan, Notes())
    _Broken(_shrunk(loaded._pipeline.transformer), torch.OutOfMemoryError("CUDA out of memory."))
    notes = _Said()
    assert _drawn(loaded, notes).details["memory"]["quantization"] == ""
    assert set(notes.warnings) == {"memory_leaner"} and loaded._memory._refused == set()


def test_a_cast_that_does_not_exist(loaded: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    def cast(*_args: Any, **_named: Any) -> None:
        raise RuntimeError('"copy_kernel" not implemented for Float8_e4m3fn')

    monkeypatch.setattr("diffusers.hooks.apply_layerwise_casting", cast)
    loaded._memory._failed.append((0, _plan(loaded, FLOAT8).rank - 1))
    notes = _Said()
    image = _drawn(loaded, notes)
    assert image.details["memory"]["quantization"] == "" and set(notes.warnings) == {"smaller_weights_unavailable"}


def test_eight_bits_by_torchao() -> None:
    """Shells around numbers and scales count as small, and what they raise is heard."""
    pytest.importorskip("torchao")
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    network = nn.Sequential(nn.Linear(32, 32).bfloat16(), nn.LayerNorm(32).bfloat16())
    quantize_(network, Int8WeightOnlyConfig())
    assert [small_weights._small(layer) for layer in network] == [True, False]
    trial = small_weights.Trial([network])
    with pytest.raises(RuntimeError) as raised:
        network(torch.zeros(1, 31, dtype=torch.bfloat16))
    assert "RuntimeError" in trial.blames(raised.value) and not trial.blames(RuntimeError("another"))
    trial.end()
    assert network(torch.zeros(1, 32, dtype=torch.bfloat16)).shape == (1, 32)

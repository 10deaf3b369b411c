# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks in GGUF files, written here with 8 bits a weight by the package that defines the format."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_loras
import torch
from safetensors.torch import load_file
from test_diffusers_folder import Notes
from texloom import gguf_header, model_store
from texloom.engine import catalog, memory_plan
from texloom.engine.memory_plan import BFLOAT16, FLOAT32, GROUPS, TURNS
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import ModelInvalidError
from texloom.request import Lora
from texloom.weights_header import DENOISER, identify, read_header
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

needs_gguf = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="the package gguf is not installed")
BLOCK = 32


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def write_gguf(weights: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """A file of these weights, in 8 bits where their rows are whole blocks; returns what it says of them."""
    import gguf

    writer = gguf.GGUFWriter(path, "flux")
    writer.add_string("general.name", "tiny")
    writer.add_array("general.tags", ["test", "tiny"])
    said = {}
    for name, tensor in weights.items():
        data = np.ascontiguousarray(tensor.float().numpy())
        if data.ndim == 2 and data.shape[1] % BLOCK == 0:
            small = gguf.quants.quantize(data, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, small, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            data = gguf.quants.dequantize(small, gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, data)
        said[name] = torch.from_numpy(np.array(data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return said


@pytest.fixture
def flux(store: Path) -> Path:
    """FLUX.1 in small, in a model folder."""
    return tiny_families.save("flux", store / "black-forest-labs--FLUX.1-dev")


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")


def _loaded(path: Path) -> Any:
    generator = catalog.create(str(path), TextEncoder())
    generator.load(Notes())
    return generator


def _picture(generator: Any, **values: Any) -> np.ndarray[Any, Any]:
    picture: np.ndarray[Any, Any] = next(generator.generate(small_request(**values), Notes())).maps["image"]
    return picture


def as_published(weights: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """Stable Diffusion 3's network in the names of its makers, as GGUF files have it; queries, keys, values are one."""
    found = dict(weights)

    def swapped(tensor: torch.Tensor) -> torch.Tensor:
        scale, shift = tensor.chunk(2, dim=0)
        return torch.cat([shift, scale])

    plain = {
        "pos_embed.proj": "x_embedder.proj",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "context_embedder": "context_embedder",
        "proj_out": "final_layer.linear",
        "norm_out.linear": "final_layer.adaLN_modulation.1",
    }
    for n in range(layers):
        ours, theirs = f"transformer_blocks.{n}", f"joint_blocks.{n}"
        plain |= {
            f"{ours}.attn.to_out.0": f"{theirs}.x_block.attn.proj",
            f"{ours}.attn.to_add_out": f"{theirs}.context_block.attn.proj",
            f"{ours}.norm1.linear": f"{theirs}.x_block.adaLN_modulation.1",
            f"{ours}.norm1_context.linear": f"{theirs}.context_block.adaLN_modulation.1",
            f"{ours}.ff.net.0.proj": f"{theirs}.x_block.mlp.fc1",
            f"{ours}.ff.net.2": f"{theirs}.x_block.mlp.fc2",
            f"{ours}.ff_context.net.0.proj": f"{theirs}.context_block.mlp.fc1",
            f"{ours}.ff_context.net.2": f"{theirs}.context_block.mlp.fc2",
        }
    result = {"pos_embed": found.pop("pos_embed.pos_embed")}
    for kind in ("weight", "bias"):
        for n in range(layers):
            for block, names in (("x_block", ("to_{}",) * 3), ("context_block", ("add_{}_proj",) * 3)):
                keys = [f"transformer_blocks.{n}.attn.{x.format(y)}.{kind}" for x, y in zip(names, "qkv", strict=True)]
                parts = [found.pop(key) for key in keys]
                result[f"joint_blocks.{n}.{block}.attn.qkv.{kind}"] = torch.cat(parts)
        for ours, theirs in plain.items():
            if f"{ours}.{kind}" in found:
                tensor = found.pop(f"{ours}.{kind}")
                # Scale and shift stand the other way round where nothing comes after.
                last = ours in ("norm_out.linear", f"transformer_blocks.{layers - 1}.norm1_context.linear")
                result[f"{theirs}.{kind}"] = swapped(tensor) if last else tensor
    assert not found, list(found)
    return result


@needs_gguf
class TestDrawing:
    def test_in_the_names_of_its_makers(self, store: Path) -> None:
        folder = tiny_families.save("sd3", store / "stabilityai--stable-diffusion-3.5-medium")
        weights = _weights(folder)
        whole, layers = _loaded(folder), 2
        write_gguf(as_published(weights, layers), store / "tiny-sd3.gguf")
        model = _loaded(store / "tiny-sd3.gguf")
        assert model.info.details["family"] == "sd3"
        packed = [part for part in model._pipeline.transformer.parameters() if part.dtype == torch.uint8]
        assert len(packed) > 10
        apart = np.abs(_picture(model).astype(int) - _picture(whole))
        # Eight bits are nearly the weights themselves; another order of them would draw something else.
        other = np.abs(_picture(whole, seed=9).astype(int) - _picture(whole))
        assert 0 < apart.mean() < 0.1 * other.mean(), (apart.mean(), other.mean())

    def test_as_with_the_weights_that_the_file_says(self, flux: Path, store: Path) -> None:
        said = write_gguf(_weights(flux), store / "tiny-Q8_0.gguf")
        model, whole = _loaded(store / "tiny-Q8_0.gguf"), _loaded(flux)
        assert model.info.name == "tiny-Q8_0" and "tiny-Q8_0.gguf" in model.info.files
        packed = [part for part in model._pipeline.transformer.parameters() if part.dtype == torch.uint8]
        # They stay in 8 bits while it draws.
        assert len(packed) > 10
        picture = _picture(model)
        whole._pipeline.transformer.load_state_dict(said)
        assert np.abs(picture.astype(int) - _picture(whole)).max() <= 1
        assert not np.array_equal(picture, _picture(_loaded(flux)))

    def test_plans_know_how_small_it_is(self, flux: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = store / "tiny-Q8_0.gguf"
        write_gguf(_weights(flux), file)
        model, whole = (catalog.create(str(path), TextEncoder()) for path in (file, flux))
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
        monkeypatch.setattr(memory_plan, "_installed", lambda package: True)
        for device, precision in (("cpu", FLOAT32), ("cuda", BFLOAT16)):
            found, own = (
                memory_plan.plans(m._memory.model, m._demand(None), device=device, precision=precision)
                for m in (model, whole)
            )
            # What is packed already is packed no further, and computes in one precision.
            assert {plan.quantization for plan in found} == {""}
            assert {plan.precision for plan in found} == {precision}
            saved = own[0].weights - found[0].weights
            count = sum(part.weights for part in model._memory.model.parts if part.role == "denoiser")
            size = {FLOAT32: 4, BFLOAT16: 2}[precision]
            assert saved == pytest.approx(count * size - file.stat().st_size, abs=2)

    @pytest.mark.parametrize("offload", [TURNS, GROUPS])
    def test_parts_that_wait_for_their_turn(
        self, offload: str, flux: Path, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_gguf(_weights(flux), store / "tiny.gguf")
        model = _loaded(store / "tiny.gguf")
        before = _picture(model)
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
        # The ways of a graphics card, walked on the processor.
        monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
        plan = next(p for p in model._memory.plans(model._demand(None), "cpu") if p.offload == offload)
        # As if those before it had been too much.
        model._memory._failed.append((0, plan.rank - 1))
        assert model._went_over(plan, Notes())
        image = next(model.generate(small_request(), Notes()))
        assert image.details["memory"]["offload"] == offload
        assert np.abs(image.maps["image"].astype(int) - before).max() <= 1

    def test_loras(self, flux: Path, store: Path, tmp_path: Path) -> None:
        said = write_gguf(_weights(flux), store / "tiny.gguf")
        model, whole = _loaded(store / "tiny.gguf"), _loaded(flux)
        whole._pipeline.transformer.load_state_dict(said)
        loras = (Lora(file=str(tiny_loras.save(flux, tmp_path / "loras")), weight=1.0),)
        before = _picture(model)
        changed = _picture(model, loras=loras)
        assert np.abs(changed.astype(int) - _picture(whole, loras=loras)).max() <= 1
        assert np.abs(changed.astype(int) - before).mean() > 1.0
        assert np.array_equal(_picture(model), before)

    def test_cut_off(self, flux: Path, store: Path) -> None:
        file = store / "tiny.gguf"
        write_gguf(_weights(flux), file)
        file.write_bytes(file.read_bytes()[:-20_000])
        with pytest.raises(ModelInvalidError, match=r"tiny\.gguf"):
            _loaded(file)


@needs_gguf
def test_what_a_file_is(flux: Path, store: Path) -> None:
    weights = _weights(flux)
    write_gguf(weights, store / "tiny.gguf")
    file = identify(store / "tiny.gguf")
    assert (file.kind, file.family, file.diffusers_layout) == (DENOISER, "flux", True)
    assert file.shapes == {name: tuple(tensor.shape) for name, tensor in weights.items()}
    assert file.metadata == {"general.architecture": "flux", "general.name": "tiny"}
    assert store / "tiny.gguf" in [found.path for found in model_store.scan()]


def test_without_the_package(flux: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "tiny.gguf").write_bytes(_header(_weights(flux)))
    plain = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "gguf" else plain(name, *rest))
    with pytest.raises(ModelInvalidError, match="needs the package gguf") as told:
        _loaded(store / "tiny.gguf")
    assert "pip install gguf" in told.value.advice


def _header(weights: dict[str, torch.Tensor]) -> bytes:
    """A header by the format's description alone, with room for the weights behind it."""
    data = b"GGUF" + struct.pack("<IQQ", 3, len(weights), 2)
    data += struct.pack("<Q", 4) + b"size" + struct.pack("<II", 4, 7)
    data += struct.pack("<Q", 4) + b"list" + struct.pack("<IIQ", 9, 5, 3) + struct.pack("<3i", 1, 2, 3)
    for name, tensor in weights.items():
        data += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", tensor.ndim)
        data += struct.pack(f"<{tensor.ndim}Q", *reversed(tensor.shape)) + struct.pack("<IQ", 0, 0)
    return data


def test_headers_by_the_description_alone(tmp_path: Path) -> None:
    weights = {"a.weight": torch.zeros(3, 5), "b": torch.zeros(7)}
    (tmp_path / "x.gguf").write_bytes(_header(weights))
    assert read_header(tmp_path / "x.gguf") == ({"a.weight": (3, 5), "b": (7,)}, {})
    assert gguf_header.is_gguf(tmp_path / "x.gguf") and not gguf_header.is_gguf(tmp_path / "none")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GGUF", "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 1, 1, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "too many"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "no weights"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1 << 40), "too long"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"\xff", "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"a" + struct.pack("<I", 99), "99 dimensions"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<I", 77), "kind 77"),
        (_header({"a": torch.zeros(2)})[:-3], "cut off"),
    ],
)
def test_damaged_headers(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(ModelInvalidError, match=words):
        identify(tmp_path / "x.gguf")

# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs with weights on every family that takes them; those for other models are refused and leave no trace."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_loras
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine import loras as engine_loras
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.service import Engine
from texloom.errors import CancelledError, ModelInvalidError, RequestError
from texloom.request import GenerationRequest, Lora
from texloom.storage import read_manifest
from tiny_loaded import Models, loaded_once, small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

NONE = ("pixart-sigma", "prx", "generic")
TAKERS = tuple(name for name in tiny_families.NAMES if name not in NONE)

Loras = Callable[..., Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def loras(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Loras:
    """Files of tiny LoRAs, made when first asked for."""
    folder = tmp_path_factory.mktemp("loras")

    def get(name: str, seed: int = 0) -> Path:
        file = folder / f"{name}-{seed}.safetensors"
        return file if file.is_file() else tiny_loras.save(Path(models(name).info.id), folder, seed=seed)

    return get


def _draw(model: DiffusersFolderGenerator, *stack: Lora, notes: Notes | None = None, **values: Any) -> Any:
    return next(model.generate(small_request(**{"loras": stack} | values), notes or Notes()))


def _pixels(model: DiffusersFolderGenerator, *stack: Lora, **values: Any) -> Any:
    return _draw(model, *stack, **values).maps["image"]


@pytest.mark.parametrize("name", TAKERS)
def test_they_change_the_picture_by_their_weight(name: str, models: Models, loras: Loras) -> None:
    model = models(name)
    first, second = Lora(str(loras(name))), Lora(str(loras(name, 1)))
    plain = _pixels(model)
    notes = Notes()
    image = _draw(model, first, notes=notes)
    assert notes.warnings == {} and ("Loading " + Path(first.file).name, None) in notes.loads
    assert image.details["loras"] == [
        {
            "file": first.file,
            "name": Path(first.file).name,
            "sha256": hashlib.sha256(Path(first.file).read_bytes()).hexdigest(),
            "weight": 1.0,
        }
    ]
    one = image.maps["image"]
    less, two = _pixels(model, Lora(first.file, 0.5)), _pixels(model, first, second)
    pictures = [plain, one, less, two]
    assert all(not np.array_equal(a, b) for i, a in enumerate(pictures) for b in pictures[:i])
    # Back and forth without reading anything again, to the same pixels.
    notes = Notes()
    assert np.array_equal(_draw(model, first, notes=notes).maps["image"], one) and notes.loads == []
    # Without its effect, too: a wrapped layer may multiply transposed inputs in another order (6e-8 in Sana's to_out),
    # which moves a value that lies between two.
    for back in (_pixels(model), _pixels(model, Lora(first.file, 0.0))):
        assert np.abs(back.astype(int) - plain).max() <= 1


@pytest.mark.parametrize("name", NONE)
def test_models_that_take_none_say_so(name: str, models: Models, loras: Loras) -> None:
    with pytest.raises(RequestError, match="takes no LoRA"):
        _draw(models(name), Lora(str(loras("flux"))))


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("stable-diffusion", "sdxl", "other sizes"),
        ("sdxl", "stable-diffusion", "other sizes"),
        ("stable-diffusion", "flux", "only 0 of its 4"),
        ("flux", "z-image", "not in the model"),
        ("z-image", "stable-diffusion", "only 0 of"),
        ("flux", "qwen-image", "only 2 of its 4"),
        ("krea2", "flux", "other sizes"),
    ],
)
def test_those_of_other_models_are_refused(name: str, other: str, words: str, models: Models, loras: Loras) -> None:
    model, own = models(name), Lora(str(loras(name)))
    plain, with_own = _pixels(model), _pixels(model, own)
    for stack in ((Lora(str(loras(other))),), (own, Lora(str(loras(other))))):
        with pytest.raises(ModelInvalidError, match=f"does not fit {name}: .*{words}"):
            _draw(model, *stack)
    assert np.array_equal(_pixels(model), plain) and np.array_equal(_pixels(model, own), with_own)


def test_files_of_kohya_s_trainer(models: Models, loras: Loras) -> None:
    model = models("stable-diffusion")
    notes = Notes()
    found = _draw(model, Lora(str(tiny_loras.as_kohya(loras("stable-diffusion")))), notes=notes).maps["image"]
    assert notes.warnings == {} and np.array_equal(found, _pixels(model, Lora(str(loras("stable-diffusion")))))


def test_layers_that_the_model_lacks_are_told(models: Models, loras: Loras, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(loras("stable-diffusion"))
    name = next(key for key in weights if "lora_A" in key or "lora.down" in key)
    twin = name.replace("lora_A", "lora_B").replace("lora.down", "lora.up")
    weights |= {key.replace("down_blocks.1", "down_blocks.7"): weights[key].clone() for key in (name, twin)}
    save_file(weights, tmp_path / "more.safetensors")
    notes = Notes()
    _draw(models("stable-diffusion"), Lora(str(tmp_path / "more.safetensors")), notes=notes)
    assert set(notes.warnings) == {"lora_partly_used"}


def test_files_that_are_none(models: Models, stable_diffusion: Path, tmp_path: Path) -> None:
    model = models("stable-diffusion")
    pickle = tmp_path / "style.pt"
    pickle.write_bytes(b"\x80\x04K\x01.")
    disguised = tmp_path / "style.safetensors"
    disguised.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    header = json.dumps({"lora_unet_a.lora_down.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    whole = next((stable_diffusion / "unet").glob("*.safetensors"))
    for path, words in (
        (pickle, "is a pickle file"),
        (disguised, "is a pickle file"),
        (cut, "no sound safetensors"),
        (whole, "is no LoRA"),
    ):
        with pytest.raises(ModelInvalidError, match=words):
            _draw(model, Lora(str(path)))
    with pytest.raises(RequestError, match="there is no file"):
        _draw(model, Lora(str(tmp_path / "gone.safetensors")))


def test_a_changed_file_is_read_again(models: Models, loras: Loras, tmp_path: Path) -> None:
    model, path = models("stable-diffusion"), tmp_path / "style.safetensors"
    path.write_bytes(loras("stable-diffusion").read_bytes())
    first = _draw(model, Lora(str(path)))
    path.write_bytes(loras("stable-diffusion", 1).read_bytes())
    second = _draw(model, Lora(str(path)))
    assert first.details["loras"][0]["sha256"] != second.details["loras"][0]["sha256"]
    assert np.array_equal(second.maps["image"], _pixels(model, Lora(str(loras("stable-diffusion", 1)))))


def test_only_some_stay_in_memory(loras: Loras, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DiffusersFolderGenerator(Path(models("z-image").info.id))
    model.load(Notes())
    plain = _pixels(model)
    monkeypatch.setattr(engine_loras, "_KEPT", 2)
    for seed in range(4):
        _draw(model, Lora(str(loras("z-image", seed))))
    assert len(model._pipeline.transformer.peft_config) == 2
    notes = Notes()
    _draw(model, Lora(str(loras("z-image", 3))), Lora(str(loras("z-image", 2))), notes=notes)
    assert notes.loads == []
    _draw(model, Lora(str(loras("z-image", 0))), notes=notes)
    assert len(notes.loads) == 1 and np.array_equal(_pixels(model), plain)


def test_with_pictures_and_seamless(models: Models, loras: Loras, tmp_path: Path) -> None:
    """Pipelines of other tasks see them too, and convolutions that they change still wrap around."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    model, lora = models("stable-diffusion"), Lora(str(loras("stable-diffusion")))
    over = {"source": str(tmp_path / "a.png"), "strength": 0.6}
    assert not np.array_equal(_pixels(model, lora, **over), _pixels(model, **over))
    ratios = [_draw(model, lora, width=1024, height=96, seed=seed).details["seam_ratio"]["y"] for seed in range(3)]
    assert 0.85 < sum(ratios) / 3 < 1.15, ratios


def test_cancelled_while_they_are_read(models: Models, loras: Loras) -> None:
    model = models("sdxl")
    plain = _pixels(model)
    with pytest.raises(CancelledError):
        _draw(model, Lora(str(loras("sdxl", 5))), notes=Notes(lambda what: what == "Loading sdxl-5.safetensors"))
    assert np.array_equal(_pixels(model), plain)


def test_through_the_engine(models: Models, loras: Loras, tmp_path: Path) -> None:
    request = GenerationRequest(
        prompt="red brick",
        width=64,
        height=64,
        steps=2,
        kind="texture",
        model=models("flux").info.id,
        loras=(Lora(str(loras("flux")), 0.75),),
    )
    events: list[Any] = []
    engine = Engine("cpu")
    engine.run(request, tmp_path, events.append, threading.Event())
    manifest = read_manifest(Path(events[-1].folder))
    (fact,) = manifest["results"][0]["loras"]
    assert fact["weight"] == 0.75 and fact["sha256"] == hashlib.sha256(loras("flux").read_bytes()).hexdigest()
    assert manifest["request"]["loras"] == [{"file": str(loras("flux")), "weight": 0.75}]
    with pytest.raises(RequestError, match="takes no LoRA"):
        engine.run(request.replace(model="instant", id="b"), tmp_path, events.append, threading.Event())

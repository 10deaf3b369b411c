# SPDX-License-Identifier: GPL-3.0-or-later
"""A style from a picture on every family that takes one: it counts by its strength, tiles, and leaves no trace."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_loras
import tiny_styles
import torch
from PIL import Image
from test_diffusers_folder import Notes
from texloom import model_store, style_models
from texloom.engine import style as engine_style
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import Demand
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError, ModelInvalidError, ModelNotFoundError, RequestError
from texloom.request import Lora
from texloom.settings import Settings
from texloom.storage import read_manifest
from tiny_loaded import Models, loaded_once, small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

TAKERS = ("stable-diffusion", "sdxl", "sd3", "flux")

Adapters = Callable[..., Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def adapters(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Adapters:
    """Files of tiny adapters, made when first asked for."""
    root = tmp_path_factory.mktemp("adapters")
    made: dict[tuple[str, bool], Path] = {}

    def get(name: str, *, plus: bool = False) -> Path:
        if (name, plus) not in made:
            made[name, plus] = tiny_styles.save(Path(models(name).info.id), root / name, plus=plus)
        return made[name, plus]

    return get


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two pictures of different looks."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name, color in (("moss", (60, 140, 40)), ("rust", (170, 80, 30))):
        noise = rng.integers(-40, 40, (48, 64, 3))
        Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return str(folder / "moss.png"), str(folder / "rust.png")


def _draw(model: DiffusersFolderGenerator, notes: Notes | None = None, **values: Any) -> Any:
    return next(model.generate(small_request(**values), notes or Notes()))


def _pixels(model: DiffusersFolderGenerator, **values: Any) -> Any:
    return _draw(model, **values).maps["image"]


def _state(model: DiffusersFolderGenerator) -> list[Any]:
    """What of the model a style touches: objects, not copies."""
    pipeline: Any = model._pipeline
    network = getattr(pipeline, "unet", None) or pipeline.transformer
    named = sorted(network.attn_processors.items())
    parts = sorted(name for name, _ in network.named_modules())
    attributes = sorted(name for name in network.__dict__ if "proj" in name)
    return [named, parts, attributes, dict(vars(network.config)), dict(pipeline.config), sorted(pipeline.components)]


@pytest.mark.parametrize("name", TAKERS)
def test_it_counts_by_its_strength_and_leaves_no_trace(
    name: str, models: Models, adapters: Adapters, pictures: tuple[str, str]
) -> None:
    model, file = models(name), adapters(name)
    plain, before = _pixels(model), _state(model)
    notes = Notes()
    image = _draw(model, notes, style_image=pictures[0], style_model=str(file), style_strength=1.0)
    assert notes.warnings == {}
    assert [stage for stage, _ in notes.loads][:2] == [f"Loading the style {file.name}", "Loading the image encoder"]
    said = image.details["style"]
    assert said["strength"] == 1.0 and said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    encoder = file.parent / "image_encoder" / "model.safetensors"
    assert said["encoder_files"] == {encoder.name: hashlib.sha256(encoder.read_bytes()).hexdigest()}
    one = image.maps["image"]
    less = _pixels(model, style_image=pictures[0], style_model=str(file), style_strength=0.4)
    other = _pixels(model, style_image=pictures[1], style_model=str(file), style_strength=1.0)
    found = [plain, one, less, other]
    assert all(not np.array_equal(a, b) for i, a in enumerate(found) for b in found[:i])
    far, near = (np.abs(x.astype(int) - plain).mean() for x in (one, less))
    assert near < far
    # Off, on and off: the same bytes, and the very objects that were there.
    assert np.array_equal(_pixels(model), plain) and _state(model) == before
    notes = Notes()
    again = _draw(model, notes, style_image=pictures[0], style_model=str(file), style_strength=1.0)
    assert np.array_equal(again.maps["image"], one) and notes.loads == []
    assert np.array_equal(_pixels(model, style_image=pictures[0], style_model=str(file), style_strength=0.0), plain)
    assert _state(model) == before


@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl"])
def test_adapters_that_see_finer_work_as_well(
    name: str, models: Models, adapters: Adapters, pictures: tuple[str, str]
) -> None:
    model, file = models(name), adapters(name, plus=True)
    plain = _pixels(model)
    found = _draw(model, style_image=pictures[0], style_model=str(file))
    assert found.details["style"]["strength"] == engine_style.STRENGTH
    assert not np.array_equal(found.maps["image"], plain) and np.array_equal(_pixels(model), plain)


@pytest.mark.parametrize("name", TAKERS)
def test_it_draws_as_diffusers_does(name: str, models: Models, adapters: Adapters, pictures: tuple[str, str]) -> None:
    """Against the pipeline's own way to load an adapter and to see a picture."""
    import diffusers
    from transformers import CLIPVisionModelWithProjection, SiglipVisionModel

    model, file = models(name), adapters(name)
    guidance = 5.0
    request = small_request(
        style_image=pictures[0], style_model=str(file), style_strength=0.8, tile_x=False, tile_y=False,
        guidance_scale=guidance,
    )  # fmt: skip
    ours = next(model.generate(request, Notes())).maps["image"]
    pipeline = diffusers.DiffusionPipeline.from_pretrained(model.info.id)
    pipeline.set_progress_bar_config(disable=True)
    kind: Any = SiglipVisionModel if name == "sd3" else CLIPVisionModelWithProjection
    pipeline.register_modules(image_encoder=kind.from_pretrained(file.parent / "image_encoder").eval())
    named = {"subfolder": ""} if name != "flux" else {}
    pipeline.load_ip_adapter(str(file.parent), weight_name=file.name, **named)
    pipeline.set_ip_adapter_scale(0.8)
    pixels = np.array(Image.open(pictures[0]).convert("RGB"))
    loaded: Any = model._style._loaded  # type: ignore[union-attr]
    shown, black = engine_style._prepared(pixels, loaded)
    more = {"negative_ip_adapter_image": black} if name == "flux" else {}
    picture = pipeline(
        request.prompt, width=64, height=64, num_inference_steps=2, guidance_scale=guidance, output_type="np",
        generator=torch.Generator("cpu").manual_seed(3), ip_adapter_image=shown, **more,
    ).images[0]  # fmt: skip
    theirs = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    assert np.abs(theirs.astype(int) - ours).max() <= 1


@pytest.mark.parametrize("name", TAKERS)
def test_it_tiles(name: str, models: Models, adapters: Adapters, pictures: tuple[str, str]) -> None:
    model, file = models(name), adapters(name)
    picture = _pixels(model, style_image=pictures[0], style_model=str(file), width=128, height=128)
    step = 8
    assert seam_ratio(picture, 0, step) < 1.6 and seam_ratio(picture, 1, step) < 1.6


def test_it_lives_with_loras_weights_and_pictures(
    models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path
) -> None:
    model, file = models("sdxl"), adapters("sdxl")
    lora = Lora(str(tiny_loras.save(Path(model.info.id), tmp_path)))
    style = {"style_image": pictures[0], "style_model": str(file), "style_strength": 1.0}
    plain = _pixels(model)
    alone = _pixels(model, **style)
    both = _pixels(model, **style, loras=(lora,))
    assert not np.array_equal(both, alone) and not np.array_equal(both, _pixels(model, loras=(lora,)))
    assert not np.array_equal(_pixels(model, **style, prompt="red (brick:1.6)"), alone)
    over = _pixels(model, **style, source=pictures[1], strength=0.7)
    assert not np.array_equal(over, _pixels(model, source=pictures[1], strength=0.7))
    # A LoRA that was wrapped may move a value that lies between two.
    assert np.abs(_pixels(model, **style).astype(int) - alone).max() <= 1
    assert np.abs(_pixels(model).astype(int) - plain).max() <= 1


def test_it_lives_with_left_out_steps(
    models: Models, adapters: Adapters, pictures: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models("flux")
    assert model._speed is not None
    monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="0.05"))
    style = {"style_image": pictures[0], "style_model": str(adapters("flux")), "style_strength": 1.0, "steps": 12}
    found = _draw(model, **style)
    assert found.details["step_cache"] == 0.05
    assert not np.array_equal(found.maps["image"], _pixels(model, steps=12))


@pytest.mark.parametrize("stage", ["Loading the style", "Loading the image encoder", "Looking at", "step 1"])
def test_cancelled_anywhere_it_leaves_no_trace(
    stage: str, models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path
) -> None:
    model = models("stable-diffusion")
    plain, before = _pixels(model), _state(model)
    file = tmp_path / "fresh.safetensors"
    shutil.copy(adapters("stable-diffusion"), file)
    shutil.copytree(adapters("stable-diffusion").parent / "image_encoder", tmp_path / "image_encoder")
    with pytest.raises(CancelledError):
        _draw(model, Notes(lambda what: what.startswith(stage)), style_image=pictures[0], style_model=str(file))
    assert np.array_equal(_pixels(model), plain) and _state(model) == before


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("stable-diffusion", "sdxl", "other sizes"),
        ("sdxl", "stable-diffusion", "other sizes|not in the file"),
        ("flux", "stable-diffusion", "not in the file|layers"),
        ("sd3", "flux", "layers|not in the file"),
    ],
)
def test_those_of_other_models_are_refused(
    name: str, other: str, words: str, models: Models, adapters: Adapters, pictures: tuple[str, str]
) -> None:
    model = models(name)
    plain, before = _pixels(model), _state(model)
    with pytest.raises(ModelInvalidError, match=f"does not fit .*({words})"):
        _draw(model, style_image=pictures[0], style_model=str(adapters(other)))
    assert np.array_equal(_pixels(model), plain) and _state(model) == before


@pytest.mark.parametrize("name", ["z-image", "flux2-klein", "qwen-image", "sana"])
def test_models_that_take_none_say_which_do(name: str, models: Models, pictures: tuple[str, str]) -> None:
    with pytest.raises(RequestError, match=r"takes no style from a picture.*instant and learned.*sdxl"):
        _draw(models(name), style_image=pictures[0])


def test_pickles_faces_and_pictures_that_are_none_are_refused(
    models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path
) -> None:
    model, file = models("stable-diffusion"), adapters("stable-diffusion")
    (tmp_path / "ip-adapter.bin").write_bytes(b"PK\x03\x04" + bytes(64))
    with pytest.raises(ModelInvalidError, match="pickle"):
        _draw(model, style_image=pictures[0], style_model=str(tmp_path / "ip-adapter.bin"))
    lora = tiny_loras.save(Path(model.info.id), tmp_path)
    with pytest.raises(ModelInvalidError, match="no image adapter"):
        _draw(model, style_image=pictures[0], style_model=str(lora))
    alone = tmp_path / "alone" / file.name
    alone.parent.mkdir()
    shutil.copy(file, alone)
    with pytest.raises(ModelInvalidError, match=f"output has {tiny_styles.PROJECTION} numbers"):
        _draw(model, style_image=pictures[0], style_model=str(alone))
    with pytest.raises(RequestError, match=r"style_image: .*no picture"):
        _draw(model, style_image=str(file), style_model=str(file))
    with pytest.raises(RequestError, match="style_image: there is no file"):
        _draw(model, style_image=str(tmp_path / "gone.png"), style_model=str(file))
    with pytest.raises(ModelNotFoundError, match="no file or folder"):
        _draw(model, style_image=pictures[0], style_model="nothing")


def test_without_a_name_the_one_on_this_machine_is_taken(
    models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path))
    model = models("stable-diffusion")
    # A model of another width, such as Stable Diffusion 2, is not sent for what would not fit it.
    with pytest.raises(ModelNotFoundError, match="no image adapter for stable-diffusion is known"):
        _draw(model, style_image=pictures[0])
    sized = {"ip-adapter-sd15": 32, "ip-adapter-sdxl": 64}
    tiny = tuple(replace(row, width=sized.get(row.id, 0)) for row in style_models.rows())
    monkeypatch.setattr(style_models, "rows", lambda: tiny)
    with pytest.raises(ModelNotFoundError, match="texloom models download ip-adapter-sd15"):
        _draw(model, style_image=pictures[0])
    # As h94/IP-Adapter has them: two families, one encoder for both.
    row = style_models.find("ip-adapter-sd15")
    assert row is not None
    home = model_store.folder_for(row.hub, tmp_path)
    for name, place in (("stable-diffusion", row.file), ("sdxl", "sdxl_models/ip-adapter_sdxl_vit-h.safetensors")):
        (home / place).parent.mkdir(parents=True)
        shutil.copy(adapters(name), home / place)
    shutil.copytree(adapters("sdxl").parent / "image_encoder", home / "models" / "image_encoder")
    for name, key in (("stable-diffusion", "ip-adapter-sd15"), ("sdxl", "ip-adapter-sdxl")):
        given = _draw(models(name), style_image=pictures[0])
        wanted = home / next(row.file for row in style_models.rows() if row.id == key)
        assert given.details["style"]["file"] == str(wanted.resolve())
        assert given.details["style"]["encoder"] == str((home / "models" / "image_encoder").resolve())
        # By its id, its folder and its hub id, the same.
        for named in (key, str(home), row.hub):
            found = _draw(models(name), style_image=pictures[0], style_model=named)
            assert np.array_equal(found.maps["image"], given.maps["image"])


def test_it_is_counted_in_the_plan_of_the_memory(models: Models, adapters: Adapters, pictures: tuple[str, str]) -> None:
    model, file = models("stable-diffusion"), adapters("stable-diffusion")
    plain = _draw(model).details["memory"]["forecast_bytes"]
    styled = _draw(model, style_image=pictures[0], style_model=str(file)).details["memory"]["forecast_bytes"]
    from safetensors.torch import load_file

    encoder = load_file(file.parent / "image_encoder" / "model.safetensors")
    weights = sum(value.numel() for value in (*load_file(file).values(), *encoder.values()))
    assert styled - plain >= weights * 4
    assert Demand(width=8, height=8, decoded_width=8, decoded_height=8).extra == ()


def test_every_known_adapter_is_for_a_family_that_takes_one() -> None:
    from texloom.engine.families import by_id

    for row in style_models.rows():
        assert all(by_id(name).image_adapters for name in row.families)
        assert row.commercial in ("yes", "limited", "no") and row.file.endswith(".safetensors")
    assert set(TAKERS) == set(style_models.families()) <= {*tiny_families.NAMES}


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("operation", ["create", "inpaint", "repair_seams"])
def test_pictures_are_changed_in_a_style(
    name: str, operation: str, models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path
) -> None:
    model = models(name)
    values: dict[str, Any] = {"operation": operation, "source": str(tmp_path / "wall.png")}
    pixels = np.random.default_rng(2).integers(0, 255, (64, 64, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    if operation == "inpaint":
        pixels[16:48, 16:48, 3] = 0
    Image.fromarray(pixels).save(values["source"])
    if operation == "create":
        values["strength"] = 0.8
    style = {"style_image": pictures[0], "style_model": str(adapters(name)), "style_strength": 1.0}
    plain, styled = _pixels(model, **values), _pixels(model, **values, **style)
    assert not np.array_equal(plain, styled)
    if operation == "inpaint":
        kept = pixels[..., 3] == 255
        assert np.array_equal(styled[kept], pixels[kept][:, :3])
    assert np.array_equal(_pixels(model, **values), plain)


@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "sd3"])
def test_without_guidance_as_well(name: str, models: Models, adapters: Adapters, pictures: tuple[str, str]) -> None:
    model = models(name)
    style = {"style_image": pictures[0], "style_model": str(adapters(name)), "style_strength": 1.0}
    plain, styled = _pixels(model, guidance_scale=0.0), _pixels(model, guidance_scale=0.0, **style)
    assert not np.array_equal(plain, styled)


def test_in_the_engine_with_variations_previews_and_a_manifest(
    models: Models, adapters: Adapters, pictures: tuple[str, str], tmp_path: Path
) -> None:
    engine = Engine("cpu")
    look = tmp_path / "look.png"
    shutil.copy(pictures[0], look)
    fields = {
        "model": models("stable-diffusion").info.id, "prompt": "{red|blue} brick", "count": 2, "preview_interval": 1,
        "style_image": str(look), "style_model": str(adapters("stable-diffusion")),
    }  # fmt: skip

    def run(**changes: Any) -> Path:
        events: list[Any] = []
        engine.run(small_request(**fields | changes), tmp_path / "library", events.append, threading.Event())
        return Path(events[-1].folder)

    first = run()
    manifest = read_manifest(first)
    for result in manifest["results"]:
        assert result["style"]["strength"] == 0.6 and set(result["style"]) >= {"file", "sha256", "encoder_files"}
    kept = first / manifest["style_image"]["file"]
    assert kept.read_bytes() == look.read_bytes() and manifest["style_image"]["name"] == "look.png"
    # From the copy in the folder the same pictures follow, though the original is another one by now.
    shutil.copy(pictures[1], look)
    other, again = run(), run(style_image=str(kept))
    files = [f"{index:02d}_image.png" for index in (0, 1)]
    for name in files:
        assert (again / name).read_bytes()[-200:] == (first / name).read_bytes()[-200:]
        assert not np.array_equal(np.array(Image.open(other / name)), np.array(Image.open(first / name)))
    if engine._idle is not None:
        engine._idle.cancel()

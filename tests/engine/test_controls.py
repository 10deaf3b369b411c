# SPDX-License-Identifier: GPL-3.0-or-later
"""ControlNets of every family that takes them: their effect, tiling, refusals, memory and what the manifest says."""

from __future__ import annotations

import gc
import hashlib
import json
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_controls
import tiny_families
import torch
from PIL import Image
from safetensors.torch import save_file
from test_diffusers_folder import Notes
from texloom import catalog_rows, control_rows, model_store
from texloom.engine import control_stack, controls, guides
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import FLOAT8, GROUPS, TURNS, MemoryPlan
from texloom.engine.operations import Start, Window
from texloom.engine.service import Engine
from texloom.engine.wrapped_context import Frame
from texloom.errors import CancelledError, ModelInvalidError, ModelNotFoundError, RequestError, TexloomError
from texloom.request import Control, GenerationRequest
from texloom.storage import read_manifest
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

WITH_SOURCE = ("stable-diffusion", "sdxl", "sdxl-union", "flux", "flux-union")
WITH_MASK = (*WITH_SOURCE, "z-image-2")
SEVERAL = ("stable-diffusion", "sdxl", "sdxl-union", "sd3", "flux", "flux-union", "qwen-image")
EXACT = ("stable-diffusion", "sdxl", "sdxl-union", "sana")

Networks = Callable[..., str]
Models = Callable[[str], DiffusersFolderGenerator]


def _base(name: str) -> str:
    return name.removesuffix("-union").removesuffix("-2").removesuffix("-large")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """Folders of tiny networks, made when first asked for."""
    folder = tmp_path_factory.mktemp("networks")

    def get(name: str, seed: int = 0) -> str:
        path = folder / f"{name}-{seed}"
        return str(path if path.is_dir() else tiny_controls.save(name, path, seed))

    return get


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models; Sana's with two layers, of which the second takes what a network hands on."""
    folder = tmp_path_factory.mktemp("families")
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        base = _base(name)
        if base not in made:
            save = tiny_controls.save_sana if base == "sana" else lambda path: tiny_families.save(base, path)
            made[base] = DiffusersFolderGenerator(save(folder / base))
            made[base].load(Notes())
        return made[base]

    return get


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A picture that repeats."""
    return str(tiny_controls.picture(tmp_path_factory.mktemp("pictures") / "waves.png"))


def _draw(model: DiffusersFolderGenerator, *stack: Control, notes: Notes | None = None, **values: Any) -> Any:
    return next(model.generate(small_request(**{"controls": stack} | values), notes or Notes()))


def _pixels(model: DiffusersFolderGenerator, *stack: Control, **values: Any) -> Any:
    return _draw(model, *stack, **values).maps["image"].astype(int)


@pytest.mark.parametrize("name", [*tiny_controls.NAMES, "z-image-2"])
def test_they_change_the_picture_by_their_strength(name: str, models: Models, networks: Networks, waves: str) -> None:
    model, network = models(name), networks(name)
    plain = _pixels(model)
    notes = Notes()
    image = _draw(model, Control("depth", waves, 1.0, network), notes=notes)
    assert notes.warnings == {}
    one = image.maps["image"].astype(int)
    half, none = (_pixels(model, Control("depth", waves, x, network)) for x in (0.5, 0.0))
    assert np.array_equal(none, plain)
    pictures = [plain, half, one]
    assert all((a != b).any() for index, a in enumerate(pictures) for b in pictures[index + 1 :])
    # Encoding the picture leaves nothing to chance.
    assert np.array_equal(_pixels(model, Control("depth", waves, 1.0, network)), one)
    file = Path(network) / "diffusion_pytorch_model.safetensors"
    assert image.details["controls"] == [
        {
            "kind": "depth",
            "strength": 1.0,
            "network": Path(network).name,
            "path": network,
            "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
            "licence": "unknown",
        }
    ]


@pytest.mark.parametrize("name", tiny_controls.NAMES)
def test_the_picture_matters_not_only_the_network(
    name: str, models: Models, networks: Networks, waves: str, tmp_path: Path
) -> None:
    other = str(tiny_controls.picture(tmp_path / "other.png", phase=0.3))
    model, network = models(name), networks(name)
    first, second = (_pixels(model, Control("depth", file, 1.0, network)) for file in (waves, other))
    assert (first != second).any()


@pytest.mark.parametrize("name", EXACT)
def test_convolutional_families_tile_exactly(
    name: str, models: Models, networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise and control rolled by whole tokens give the picture rolled: there is no border anywhere."""
    from diffusers.utils import torch_utils

    model, network = models(name), networks(name)
    step = model.info.size_step
    size = 4 * max(step, 16)
    picture = tiny_controls.picture(tmp_path / "whole.png", size)
    rolled = tmp_path / "rolled.png"
    # By two latents: the UNets halve them once.
    Image.fromarray(np.roll(np.asarray(Image.open(picture)), 2 * step, 1)).save(rolled)
    values = {"width": size, "height": size}
    straight = _pixels(model, Control("depth", str(picture), 1.0, network), **values)
    original = torch.randn

    def turned(shape: Any, *args: Any, **named: Any) -> Any:
        noise = original(shape, *args, **named)
        return noise.roll(2, -1) if noise.ndim == 4 else noise

    monkeypatch.setattr(torch_utils.torch, "randn", turned)
    moved = _pixels(model, Control("depth", str(rolled), 1.0, network), **values)
    assert np.abs(np.roll(straight, 2 * step, 1) - moved).max() <= 2
    assert (straight != moved).any()


@pytest.mark.parametrize("name", [name for name in tiny_controls.NAMES if name not in EXACT])
def test_transformers_see_the_other_side_in_the_margins(
    name: str, models: Models, networks: Networks, waves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the network for the form gets wraps around at every step, and so does the picture."""
    model = models(name)
    seen: list[tuple[Frame, Image.Image]] = []
    original = guides.placed

    def placed(pixels: Any, whole: Frame, start: Any) -> Image.Image:
        result = original(pixels, whole, start)
        seen.append((whole, result))
        return result

    monkeypatch.setattr(guides, "placed", placed)
    tiles = _draw(model, Control("depth", waves, 1.0, networks(name)))
    (whole, picture), *_ = seen
    pixels = np.asarray(picture)
    assert whole.framed and pixels.shape[:2] == (whole.full_height, whole.full_width)
    across = np.arange(-whole.margin_x, whole.width + whole.margin_x) % whole.width + whole.margin_x
    assert np.array_equal(pixels, pixels[:, across])
    single = _draw(model, Control("depth", waves, 1.0, networks(name)), tile_x=False, tile_y=False)
    assert not seen[-1][0].framed
    # By much less than chance allows for noise-like pictures; without margins the same network shows a seam.
    assert max(tiles.details["seam_ratio"].values()) < 2.0
    assert set(single.details["seam_ratio"]) == {"x", "y"}


@pytest.mark.parametrize("name", SEVERAL)
def test_two_controls_add_up(name: str, models: Models, networks: Networks, waves: str, tmp_path: Path) -> None:
    model, network = models(name), networks(name)
    lines = str(tiny_controls.picture(tmp_path / "lines.png", phase=0.4))
    second = network if name in ("sdxl-union", "flux-union", "qwen-image") else networks(name, 1)
    first = Control("depth", waves, 1.0, network)
    one = _pixels(model, first)
    both = _draw(model, first, Control("line", lines, 0.7, second))
    assert (both.maps["image"] != one).any()
    assert [item["kind"] for item in both.details["controls"]] == ["depth", "line"]
    assert np.array_equal(_pixels(model, first), one)


@pytest.mark.parametrize("name", ["z-image", "sana"])
def test_families_with_one_network_say_so(name: str, models: Models, networks: Networks, waves: str) -> None:
    control = Control("depth", waves, 1.0, networks(name))
    with pytest.raises(RequestError, match="one control at a time"):
        _draw(models(name), control, control)


@pytest.mark.parametrize("name", WITH_SOURCE)
def test_they_go_with_a_picture_to_start_from(name: str, models: Models, networks: Networks, waves: str) -> None:
    model = models(name)
    values = {"source": waves, "strength": 0.6}
    with_control = _pixels(model, Control("depth", waves, 1.0, networks(name)), **values)
    assert (with_control != _pixels(model, **values)).any()


@pytest.mark.parametrize("name", WITH_MASK)
def test_they_go_with_a_mask(name: str, models: Models, networks: Networks, waves: str, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    values = {"source": waves, "operation": "inpaint", "mask": str(tmp_path / "mask.png")}
    values |= {"tile_x": False, "tile_y": False}
    model = models(name)
    plain = _pixels(model, **values)
    guided = _pixels(model, Control("depth", waves, 1.0, networks(name)), **values)
    before = np.asarray(Image.open(waves)).astype(int)
    assert np.array_equal(guided[mask == 0], before[mask == 0])
    assert (guided != plain)[mask > 0].any()


def test_z_image_s_first_network_sees_no_masks(models: Models, networks: Networks, waves: str) -> None:
    control = Control("depth", waves, 1.0, networks("z-image"))
    with pytest.raises(RequestError, match="does not see which parts"):
        _draw(models("z-image"), control, source=waves, operation="repair_seams")


@pytest.mark.parametrize("name", ["sd3", "qwen-image", "z-image"])
def test_other_families_refuse_it_with_a_picture(name: str, models: Models, networks: Networks, waves: str) -> None:
    with pytest.raises(RequestError, match="follows no form while it draws over a picture"):
        _draw(models(name), Control("depth", waves, 1.0, networks(name)), source=waves)


def test_a_window_of_a_masked_picture_gets_its_part_of_the_control() -> None:
    pixels = np.zeros((64, 80, 3), np.uint8)
    pixels[..., 0] = np.arange(80)
    pixels[..., 1] = np.arange(64)[:, None]
    start = Start(picture=pixels, strength=1.0, turned=(8, 16), window=Window(top=4, left=8, height=16, width=32))
    placed = np.asarray(guides.placed(pixels, Frame(width=32, height=16, margin_x=8), start))
    assert placed.shape == (16, 48, 3)
    # What came to row 4 and column 8 was at (4 - 8, 8 - 16) before it was turned.
    assert tuple(placed[0, 8]) == (80 - 8, 64 - 4, 0)
    assert tuple(placed[0, 0]) == tuple(placed[0, 32])


def test_normals_are_turned_for_networks_that_see_left_as_red(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the row of the catalogue says; also the network is found there without being named."""
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
    row = control_rows.find("sd-1.5-normal")
    assert row is not None and row.red_is_left
    tiny_controls.save("stable-diffusion", model_store.folder_for(row.hub, tmp_path / "models"))
    normals = np.zeros((64, 64, 3), np.uint8)
    normals[:] = (200, 128, 230)
    Image.fromarray(normals).save(tmp_path / "normals.png")
    seen: list[Image.Image] = []
    original = guides.placed
    monkeypatch.setattr(guides, "placed", lambda *args: seen.append(original(*args)) or seen[-1])
    image = _draw(models("stable-diffusion"), Control("normal", str(tmp_path / "normals.png")))
    assert image.details["controls"][0]["network"] == row.name
    assert image.details["controls"][0]["licence"] == row.licence
    # Of length 1 again as well.
    assert np.abs(np.asarray(seen[0])[0, 0].astype(int) - [55, 128, 231]).max() <= 1


def test_what_is_missing_is_told_with_the_way_to_get_it(models: Models, waves: str) -> None:
    with pytest.raises(ModelNotFoundError) as told:
        _draw(models("stable-diffusion"), Control("depth", waves))
    assert "texloom models download sd-1.5-depth" in told.value.advice and "0.7 GB" in told.value.advice
    assert told.value.download == "sd-1.5-depth"
    with pytest.raises(ModelNotFoundError) as told:
        _draw(models("qwen-image"), Control("normal", waves))
    assert "no network that reads pictures of the kind normal" in told.value.message
    with pytest.raises(ModelNotFoundError, match="owner/name is not on this machine") as told:
        _draw(models("sana"), Control("line", waves, 1.0, "owner/name"))
    assert told.value.download == "owner/name"
    with pytest.raises(ModelNotFoundError, match="no network 'nothing'"):
        _draw(models("sana"), Control("line", waves, 1.0, "nothing"))


@pytest.mark.parametrize(
    ("name", "network", "says"),
    [
        ("sdxl", "stable-diffusion", "cross_attention_dim is 32 instead of 64"),
        ("stable-diffusion", "flux", "is a FluxControlNetModel, which is no network for controls"),
        ("flux", "qwen-image", "is a QwenImageControlNetModel"),
    ],
)
def test_networks_of_other_families_are_refused(
    name: str, network: str, says: str, models: Models, networks: Networks, waves: str
) -> None:
    model = models(name)
    before = _pixels(model)
    with pytest.raises(ModelInvalidError, match=says):
        _draw(model, Control("depth", waves, 1.0, networks(network)))
    assert np.array_equal(_pixels(model), before)


def test_pickles_and_other_folders_are_refused(models: Models, networks: Networks, waves: str, tmp_path: Path) -> None:
    model = models("stable-diffusion")
    config = (Path(networks("stable-diffusion")) / "config.json").read_text()
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text(config)
    (pickled / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02.")
    with pytest.raises(ModelInvalidError, match="only pickled weights"):
        _draw(model, Control("depth", waves, 1.0, str(pickled)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelInvalidError, match=r"has no config\.json"):
        _draw(model, Control("depth", waves, 1.0, str(tmp_path / "empty")))
    code = tmp_path / "code"
    code.mkdir()
    (code / "config.json").write_text(json.dumps({"_class_name": "os.system"}))
    (code / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelInvalidError, match="does not say what kind"):
        _draw(model, Control("depth", waves, 1.0, str(code)))
    (pickled / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelInvalidError):
        _draw(model, Control("depth", waves, 1.0, str(pickled)))
    with pytest.raises(ModelInvalidError, match="cannot be opened by itself"):
        single = next(Path(networks("stable-diffusion")).glob("*.safetensors"))
        _draw(model, Control("depth", waves, 1.0, str(single)))


def test_a_network_of_several_kinds_refuses_those_it_does_not_know(
    models: Models, networks: Networks, waves: str
) -> None:
    with pytest.raises(RequestError, match="reads no pictures of the kind normal"):
        _draw(models("flux"), Control("normal", waves, 1.0, networks("flux-union")))


def test_two_kinds_of_networks_do_not_mix(models: Models, networks: Networks, waves: str) -> None:
    with pytest.raises(RequestError, match="cannot work together"):
        _draw(
            models("sdxl"),
            Control("depth", waves, 1.0, networks("sdxl")),
            Control("line", waves, 1.0, networks("sdxl-union")),
        )


@pytest.mark.parametrize("name", ["flux2-klein", "krea2", "flux-fill"])
def test_models_that_cannot_name_some_that_can(name: str, waves: str, tmp_path: Path) -> None:
    folder = tiny_families.save(name, tmp_path / name)
    with pytest.raises(RequestError) as told:
        Engine("cpu").run(
            small_request(model=str(folder), controls=(Control("depth", waves),)),
            tmp_path / "library",
            lambda _event: None,
            threading.Event(),
        )
    assert "cannot follow a picture" in told.value.message and "SDXL 1.0" in told.value.advice


@pytest.mark.parametrize("name", ["instant", "image"])
def test_built_in_models_say_so(name: str, waves: str, tmp_path: Path) -> None:
    request = GenerationRequest(prompt="brick", model=name, source=waves if name == "image" else "")
    request = request.replace(controls=(Control("depth", waves),))
    with pytest.raises(RequestError, match="cannot follow"):
        Engine("cpu").run(request, tmp_path / "library", lambda _event: None, threading.Event())


def test_flux_depth_takes_the_control_by_itself(waves: str, tmp_path: Path) -> None:
    model = DiffusersFolderGenerator(tiny_families.save("flux-control", tmp_path / "FLUX.1-Depth-dev"))
    model.load(Notes())
    other = str(tiny_controls.picture(tmp_path / "other.png", phase=0.3))
    notes = Notes()
    first = _draw(model, Control("depth", waves, 0.5), notes=notes)
    assert "control_strength_ignored" in notes.warnings
    assert first.details["controls"] == [{"kind": "depth", "strength": 1.0}]
    assert (first.maps["image"] != _draw(model, Control("depth", other)).maps["image"]).any()
    for wrong in ((Control("line", waves),), (Control("normal", waves),), (Control("depth", waves),) * 2):
        with pytest.raises(RequestError):
            _draw(model, *wrong)
    with pytest.raises(RequestError, match="takes no network"):
        _draw(model, Control("depth", waves, 1.0, "flux-union"))


def test_pictures_that_do_not_fit_are_told(models: Models, networks: Networks, tmp_path: Path) -> None:
    ramp = str(tiny_controls.picture(tmp_path / "ramp.png", repeats=False))
    notes = Notes()
    network = networks("stable-diffusion")
    _draw(models("stable-diffusion"), Control("depth", ramp, 1.0, network), notes=notes, width=128)
    assert {"control_seam", "control_stretched"} <= set(notes.warnings)
    notes = Notes()
    _draw(models("stable-diffusion"), Control("line", ramp, 1.0, network), notes=notes, tile_x=False, tile_y=False)
    # It is no drawing, so that its lines are looked for.
    assert set(notes.warnings) == {"control_lines_found"}
    with pytest.raises(RequestError, match=r"the picture for depth cannot be used\. source: there is no file"):
        _draw(models("stable-diffusion"), Control("depth", str(tmp_path / "none.png"), 1.0, network))


def test_it_can_be_cancelled_while_the_network_works(models: Models, networks: Networks, waves: str) -> None:
    model = models("flux")
    control = Control("depth", waves, 1.0, networks("flux"))
    stack = model._controls
    assert stack is not None
    before = _pixels(model, control)
    module = stack._module
    calls: list[int] = []

    class Stopped(Notes):
        def check_cancelled(self) -> None:
            if calls:
                raise CancelledError

    def cancel(_module: Any, _args: Any) -> None:
        calls.append(1)

    handle = module.x_embedder.register_forward_pre_hook(cancel)
    try:
        with pytest.raises(CancelledError):
            _draw(model, control, notes=Stopped())
    finally:
        handle.remove()
    assert calls == [1]
    assert np.array_equal(_pixels(model, control), before)


def test_a_network_is_read_once_and_leaves_with_the_controls(
    models: Models, networks: Networks, waves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models("sdxl")
    read: list[Any] = []
    original = controls.load
    monkeypatch.setattr(control_stack.controls, "load", lambda *args: read.append(args) or original(*args))
    control = Control("depth", waves, 1.0, networks("sdxl"))
    _pixels(model)
    alone = model._memory.resident()
    _pixels(model, control)
    with_network = model._memory.resident()
    _pixels(model, Control("depth", waves, 0.3, networks("sdxl")))
    assert len(read) == 1 and with_network > alone
    assert model._controls is not None
    network = weakref.ref(model._controls._module)
    gc.disable()
    try:
        _pixels(model)
        # At once, not when Python next looks for circles: the next network may need its memory.
        assert network() is None
    finally:
        gc.enable()
    assert model._memory.resident() == alone
    model.unload()
    assert model._controls is None
    model.load(Notes())


def test_the_plan_counts_the_network(models: Models, networks: Networks, waves: str) -> None:
    model = models("stable-diffusion")
    plain, guided = (
        small_request(),
        small_request(controls=(Control("depth", waves, 1.0, networks("stable-diffusion")),)),
    )
    forecasts = []
    for request in (plain, guided):
        model.expect(request)
        forecasts.append(model._memory.plans(model._demand(request), "cpu")[0])
    size = sum(file.stat().st_size for file in Path(networks("stable-diffusion")).glob("*.safetensors"))
    assert size * 0.8 < forecasts[1].weights - forecasts[0].weights < size
    assert forecasts[1].drawing - forecasts[0].drawing > forecasts[1].weights - forecasts[0].weights
    with pytest.raises(ModelNotFoundError):
        model.expect(small_request(controls=(Control("depth", waves),)))


@pytest.mark.parametrize("name", ["sdxl", "z-image"])
@pytest.mark.parametrize("way", [{"offload": TURNS}, {"offload": GROUPS}, {"quantization": FLOAT8}])
def test_every_way_to_keep_the_model_keeps_the_network(
    name: str, way: dict[str, str], networks: Networks, waves: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Z-Image's network shares layers with the one that draws, which may be changed once only."""
    folder = tiny_families.save(name, tmp_path / name)
    control = Control("depth", waves, 1.0, networks(name))
    model = DiffusersFolderGenerator(folder)
    model.load(Notes())
    usual = _pixels(model, control)
    plan = MemoryPlan(precision="float32", **way)
    monkeypatch.setattr(model._memory, "choose", lambda *args, **named: plan)
    lean = _pixels(model, control)
    assert model._memory.plan is not None and model._memory.plan.same_way(plan)
    assert np.abs(lean - usual).mean() < (30.0 if way.get("quantization") else 0.1)
    assert np.array_equal(_pixels(model, control), lean)


def test_z_image_networks_in_one_file(models: Models, networks: Networks, waves: str, tmp_path: Path) -> None:
    """As they are published: without a configuration, which names and shapes tell."""
    for name in ("z-image", "z-image-2"):
        network = tiny_controls.made(name)
        file = tmp_path / f"{name}.safetensors"
        save_file(network.state_dict(), file)
        folder = models("z-image")._folder
        config = models("z-image")._family.control_config(file, folder)
        assert config is not None
        kept = json.loads((Path(networks(name)) / "config.json").read_text())
        assert {key: config[key] for key in config if not key.startswith("_")} == {
            key: kept[key] for key in config if not key.startswith("_")
        }
        by_file = _pixels(models("z-image"), Control("depth", waves, 1.0, str(file)))
        assert np.array_equal(by_file, _pixels(models("z-image"), Control("depth", waves, 1.0, networks(name))))


def test_the_engine_keeps_the_picture_and_the_manifest_says_all(networks: Networks, waves: str, tmp_path: Path) -> None:
    folder = tiny_families.save("stable-diffusion", tmp_path / "tiny")
    picture = tmp_path / "photo.png"
    picture.write_bytes(Path(waves).read_bytes())
    request = small_request(
        model=str(folder), controls=(Control("depth", str(picture), 0.8, networks("stable-diffusion")),)
    )
    engine = Engine("cpu")
    engine.run(request, tmp_path / "library", lambda _event: None, threading.Event())
    (job,) = [path for path in (tmp_path / "library").iterdir() if (path / "manifest.json").is_file()]
    manifest = read_manifest(job)
    assert manifest["request"]["controls"][0]["image"] == str(picture)
    kept = manifest["control_0"]
    assert (job / kept["file"]).read_bytes() == picture.read_bytes() and kept["name"] == "photo.png"
    (told,) = manifest["results"][0]["controls"]
    assert told["strength"] == 0.8 and set(told["files"]) == {"diffusion_pytorch_model.safetensors"}
    assert set(manifest["results"][0]["seam_ratio"]) == {"x", "y"}


def test_every_row_is_of_a_family_that_takes_its_kind() -> None:
    from texloom.engine.families import by_id

    for row in control_rows.rows():
        family = by_id(row.family)
        modes = [way.modes for way in family.control_ways if way.modes]
        assert family.control_ways, row.id
        assert isinstance(controls.missing(row), TexloomError)
        # A network of several kinds that needs their numbers has them.
        if len(row.kinds) > 1 and modes and "union" in row.id:
            assert any(set(row.kinds) <= set(numbers) for numbers in modes), row.id
    for row in catalog_rows.rows():
        if "control" in row.abilities and row.opens:
            found = by_id(row.family)
            assert found.control_ways or found.follows_form, row.id

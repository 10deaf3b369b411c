# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing over a picture with families whose own pipelines draw from words alone, by real tiny models."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.families import FAMILIES, IMAGE_TO_IMAGE, by_id
from texloom.engine.from_latents import from_picture
from texloom.errors import CancelledError
from tiny_loaded import Models, loaded_once, small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

NAMES = tuple(family.id for family in FAMILIES if family.begins)
SIDE = 128


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return loaded_once(tmp_path_factory.mktemp("begun"))


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest, models: Models) -> DiffusersFolderGenerator:
    return models(request.param)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that repeats: bands and spots of several colors."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] * (2.0 * np.pi / SIDE)
    planes = [np.sin(3 * x + np.cos(2 * y)), np.cos(2 * y) * np.sin(4 * x), np.sin(x - 2 * y)]
    pixels = (np.stack(planes, -1) * 110 + 128).astype(np.uint8)
    path = tmp_path_factory.mktemp("source") / "bands.png"
    Image.fromarray(pixels).save(path)
    return path


def _drawn(model: DiffusersFolderGenerator, source: Path, notes: Notes | None = None, **values: Any) -> Any:
    # Sources that are to tile are made to repeat first, which would be another picture.
    plain = {"tile_x": False, "tile_y": False}
    job = small_request(width=SIDE, height=SIDE, source=str(source), **plain | values)
    return next(model.generate(job, notes or Notes()))


def _there_and_back(model: DiffusersFolderGenerator, source: Path) -> np.ndarray[Any, Any]:
    """What the model's own autoencoder makes of the picture, without the family's adapter."""
    pixels = torch.from_numpy(np.asarray(Image.open(source), np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
    vae = model._pipeline.vae
    with torch.inference_mode():
        film = pixels.unsqueeze(2) if type(vae).__name__ == "AutoencoderKLQwenImage" else pixels
        found = vae.encode(film)
        latents = found.latent if hasattr(found, "latent") else found.latent_dist.mode()
        decoded = vae.decode(latents).sample
    decoded = decoded[:, :, 0] if decoded.ndim == 5 else decoded
    picture: np.ndarray[Any, Any] = (
        ((decoded[0].permute(1, 2, 0) * 0.5 + 0.5).clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
    )
    return picture


def _apart(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_these_families_say_that_they_start_from_pictures(model: DiffusersFolderGenerator) -> None:
    assert IMAGE_TO_IMAGE in model.info.tasks
    assert model.info.source == "optional"


@pytest.fixture
def unit(model: DiffusersFolderGenerator, source: Path) -> Iterator[None]:
    """Latents of the picture as strong as noise, as trained autoencoders make them; random ones are far weaker."""
    vae = model._pipeline.vae
    own = getattr(vae.config, "scaling_factor", None)
    if own is None or hasattr(vae, "bn"):
        yield  # with statistics of its latents instead
        return
    with torch.inference_mode():
        pixels = torch.from_numpy(np.asarray(Image.open(source), np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
        spread = model._family.begun(model._pipeline, pixels).std().item()
    vae.register_to_config(scaling_factor=own / spread)
    yield
    vae.register_to_config(scaling_factor=own)


@pytest.mark.usefixtures("unit")
def test_the_less_strength_the_more_of_the_picture(model: DiffusersFolderGenerator, source: Path) -> None:
    expected = _there_and_back(model, source)
    # Where the schedule is shifted, there is more noise at the last of its steps.
    least = 0.005 / getattr(model._pipeline.scheduler.config, "shift", 1.0)
    apart = [_apart(_drawn(model, source, strength=s, steps=10).maps["image"], expected) for s in (least, 0.5, 1.0)]
    # The last of two hundred steps takes away half a percent of noise, and what is there then is the picture.
    assert apart[0] < 0.1 * apart[1] and apart[0] < 0.1 * apart[2], apart


def test_full_strength_is_text_to_image(model: DiffusersFolderGenerator, source: Path) -> None:
    plain = small_request(width=SIDE, height=SIDE, tile_x=False, tile_y=False)
    words = next(model.generate(plain, Notes())).maps["image"]
    assert np.array_equal(_drawn(model, source, strength=1.0).maps["image"], words)
    # And a picture with less does not change what words alone give afterwards.
    over = _drawn(model, source, strength=0.5, steps=4).maps["image"]
    assert not np.array_equal(over, words)
    assert np.array_equal(next(model.generate(plain, Notes())).maps["image"], words)


def test_no_strength_is_the_picture_itself(model: DiffusersFolderGenerator, source: Path) -> None:
    assert np.array_equal(_drawn(model, source, strength=0.0).maps["image"], np.asarray(Image.open(source)))


def test_seeds_words_and_steps_matter(model: DiffusersFolderGenerator, source: Path) -> None:
    notes = Notes()
    image = _drawn(model, source, notes, strength=0.5, steps=6, preview_interval=1)
    assert image.details["strength"] == 0.5 and image.details["steps"] == 6
    # Half of the steps are taken, and told so.
    assert [(step, steps) for _, step, steps in notes.steps] == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]
    assert [step for _, step, _ in notes.previews] == [1, 2]
    again, seed, words = (
        _drawn(model, source, strength=0.5, steps=6, **change).maps["image"]
        for change in ({}, {"seed": 4}, {"prompt": "pale oak planks"})
    )
    assert np.array_equal(again, image.maps["image"])
    assert not np.array_equal(again, seed) and not np.array_equal(again, words)
    assert notes.warnings == {}


def test_the_mixture_lies_on_the_line_from_picture_to_noise(model: DiffusersFolderGenerator, source: Path) -> None:
    """What the network sees first: (1 − σ) × picture + σ × noise, or what older schedules mix."""
    pipeline = model._for_task(IMAGE_TO_IMAGE)
    network, seen = pipeline.transformer, []

    def look(_module: Any, args: Any, named: Any) -> None:
        seen.append((args[0] if args else named["hidden_states"]).detach().clone())

    pictures = [Image.fromarray(np.full((64, 64, 3), value, np.uint8)) for value in (60, 190)]
    handle = network.register_forward_pre_hook(look, with_kwargs=True)
    sizes = {"width": 64, "height": 64, "output_type": "latent", "num_inference_steps": 4, "strength": 0.5}
    named = model._family.arguments(model._parameters, steps=4, guidance=None, negative_prompt="")
    try:
        with torch.inference_mode():
            for picture in pictures:
                seed = torch.Generator("cpu").manual_seed(1)
                pipeline(prompt="brick", image=picture, generator=seed, **sizes, **named)
            first = [seen[0][:1], seen[len(seen) // 2][:1]]
            latents = []
            for picture in pictures:
                pixels = torch.from_numpy(np.asarray(picture, np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
                latents.append(model._family.begun(pipeline, pixels))
    finally:
        handle.remove()
    # The noise of both is the same, so it falls out of the difference; what is left is the picture's share.
    share = ((first[1] - first[0]) / (latents[1] - latents[0])).flatten()
    scheduler = pipeline.scheduler
    sigma = float(scheduler.sigmas[0])
    flow = hasattr(scheduler, "scale_noise") or getattr(scheduler.config, "use_flow_sigmas", False)
    expected = 1.0 - sigma if flow else 1.0 / np.sqrt(1.0 + sigma**2)
    assert 0.02 < expected < 0.98
    assert share.median().item() == pytest.approx(expected, abs=2e-3)


def test_borders_meet(model: DiffusersFolderGenerator, source: Path) -> None:
    ratios = {"x": [], "y": []}  # type: dict[str, list[float]]
    for name in ratios:
        job = small_request(
            width=256, height=256, source=str(source), strength=0.5, steps=4, count=3,
            tile_x=name == "x", tile_y=name == "y",
        )  # fmt: skip
        ratios[name] = [image.details["seam_ratio"][name] for image in model.generate(job, Notes())]
    for found in ratios.values():
        assert 0.7 < sum(found) / len(found) < 1.3, ratios


@pytest.mark.parametrize("point", ["encoding", "step"])
def test_cancel_leaves_nothing_behind(
    point: str, model: DiffusersFolderGenerator, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _drawn(model, source, strength=0.5, steps=4).maps["image"]
    pipeline = model._for_task(IMAGE_TO_IMAGE)
    notes = Notes(lambda what: point == "step" and what == "step 1")
    encoding: list[bool] = []
    if point == "encoding":
        handle = pipeline.vae.encoder.register_forward_pre_hook(lambda *_: encoding.append(True))

        def check() -> None:
            if encoding:
                raise CancelledError

        monkeypatch.setattr(notes, "check_cancelled", check)
    with pytest.raises(CancelledError):
        _drawn(model, source, notes, strength=0.5, steps=4)
    if point == "encoding":
        handle.remove()
        assert encoding
    assert not {"set_timesteps", "step"} & set(pipeline.scheduler.__dict__)
    assert "prepare_latents" not in pipeline.__dict__
    assert np.array_equal(_drawn(model, source, strength=0.5, steps=4).maps["image"], expected)


def test_other_schedulers(models: Models, source: Path) -> None:
    """Tables of noise, orders above one, and none at all."""
    from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, UniPCMultistepScheduler

    for name, kind, options in (
        ("pixart-sigma", EulerDiscreteScheduler, {}),
        ("pixart-sigma", DDIMScheduler, {}),
        ("sana", UniPCMultistepScheduler, {"prediction_type": "flow_prediction", "use_flow_sigmas": True}),
        ("prx", FlowMatchHeunDiscreteScheduler, {}),
    ):
        model = models(name)
        expected = _there_and_back(model, source)
        pipeline = model._for_task(IMAGE_TO_IMAGE)
        own = pipeline.scheduler
        try:
            pipeline.scheduler = kind(**options)
            apart = [_apart(_drawn(model, source, strength=s, steps=8).maps["image"], expected) for s in (0.02, 1.0)]
        finally:
            pipeline.scheduler = own
        assert apart[0] < 0.5 * apart[1], (kind.__name__, apart)


def test_statistics_of_latents_are_undone_as_they_are_done(model: DiffusersFolderGenerator, source: Path) -> None:
    """Also those that tiny autoencoders have not learnt, such as a batch norm's."""
    pipeline = model._pipeline
    norm = getattr(pipeline.vae, "bn", None)
    if norm is not None:
        count = len(norm.running_mean)
        kept = [norm.running_mean.clone(), norm.running_var.clone()]
        norm.running_mean.copy_(torch.linspace(-1.0, 1.0, count))
        norm.running_var.copy_(torch.linspace(0.5, 3.0, count))
    pixels = torch.from_numpy(np.asarray(Image.open(source), np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
    film = pixels.unsqueeze(2) if type(pipeline.vae).__name__ == "AutoencoderKLQwenImage" else pixels
    with torch.inference_mode():
        found = pipeline.vae.encode(film)
        latents = found.latent if hasattr(found, "latent") else found.latent_dist.mode()
        begun = model._family.begun(pipeline, pixels)
        back = model._family.decodable(pipeline, begun, SIDE, SIDE)
    if norm is not None:
        norm.running_mean.copy_(kept[0])
        norm.running_var.copy_(kept[1])
    assert back is not None and torch.allclose(back, latents, atol=1e-5)


def test_models_that_draw_pixels() -> None:
    """PRX without an autoencoder: what the network begins with is the picture itself."""
    pixels = torch.rand(1, 3, 8, 8)
    assert torch.equal(by_id("prx").begun(SimpleNamespace(vae=None), pixels), pixels)


def test_its_call_tells_what_it_takes() -> None:
    from diffusers import SanaPipeline

    kind = from_picture(SanaPipeline, by_id("sana"))
    assert kind is from_picture(SanaPipeline, by_id("sana")) and issubclass(kind, SanaPipeline)
    own = inspect.signature(kind.__call__).parameters
    assert set(own) - set(inspect.signature(SanaPipeline.__call__).parameters) == {"image", "strength"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Every family with an adapter draws from a tiny real folder: pictures that tile, previews, and cancel at any point."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom import catalog_rows
from texloom.engine import denoising
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.families import FAMILIES, GENERIC, by_id
from texloom.engine.families.base import CONTROL, TASKS, TEXT_TO_IMAGE
from texloom.engine.seamless import seam_ratio
from texloom.engine.wrapped_context import Frame, frame, wrapped_context
from texloom.errors import CancelledError
from tiny_loaded import Models, loaded_once, small_request
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")

NO_PREVIEWS = ("generic",)  # how latents are packed is not known there


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("families"))


@pytest.fixture(params=tiny_families.NAMES)
def model(request: pytest.FixtureRequest, models: Models) -> DiffusersFolderGenerator:
    return models(request.param)


def test_the_right_adapter(model: DiffusersFolderGenerator) -> None:
    assert model.info.details["family"] == Path(model.info.id).name
    assert model.info.seamless


def test_pictures_and_previews(model: DiffusersFolderGenerator) -> None:
    notes = Notes()
    job = small_request(width=128, steps=4, preview_interval=1)
    image = next(model.generate(job, notes))
    picture = image.maps["image"]
    assert picture.shape == (64, 128, 3) and picture.std() > 1.0
    assert image.details["steps"] == 4
    assert [step for _, step, _ in notes.steps] == [0, 1, 2, 3, 4, 4]
    if Path(model.info.id).name in NO_PREVIEWS:
        assert set(notes.warnings) == {"preview_unavailable"}
    else:
        assert [(step, pixels.shape) for _, step, pixels in notes.previews] == [(n, (64, 128, 3)) for n in (1, 2, 3)]
        # The preview before the last step is nearly the picture, so it was unpacked and scaled in the right way.
        last = notes.previews[-1][2].astype(float)
        noise = np.random.default_rng(0).permutation(last.reshape(-1, 3)).reshape(last.shape)
        assert np.abs(last - picture).mean() < 0.8 * np.abs(noise - picture).mean()
        assert notes.warnings == {}
    again = next(model.generate(job.replace(preview_interval=0), Notes()))
    assert np.array_equal(again.maps["image"], picture)
    reworded = next(model.generate(job.replace(preview_interval=0, prompt="pale oak planks"), Notes()))
    assert not np.array_equal(reworded.maps["image"], picture)


def test_borders_are_like_any_place_inside(model: DiffusersFolderGenerator) -> None:
    """With random weights too.  Several pictures with long borders, since a ratio of few latents is mostly chance."""
    ratios = []
    # Sana's latents are 32 pixels wide; Qwen-Image's untrained autoencoder draws a few strong spots on grey.
    narrow, long, count = (64, 1536, 4) if model.info.size_step == 32 else (96, 1024, 2)
    count *= 3 if Path(model.info.id).name in ("qwen-image", "krea2") else 1
    for name, (tile_x, tile_y) in {"x": (True, False), "y": (False, True)}.items():
        size = {"width": narrow, "height": long} if tile_x else {"width": long, "height": narrow}
        job = small_request(**size, tile_x=tile_x, tile_y=tile_y, count=count)
        ratios += [image.details["seam_ratio"][name] for image in model.generate(job, Notes())]
    assert 0.9 < sum(ratios) / len(ratios) < 1.1, ratios


def test_without_tiling_nothing_is_done(model: DiffusersFolderGenerator) -> None:
    """A plain call of the pipeline gives the same pixels."""
    job = small_request(tile_x=False, tile_y=False)
    picture = next(model.generate(job, Notes())).maps["image"]
    pipeline = model._pipeline
    guidance = model.info.default_guidance_scale
    named = model._family.arguments(model._parameters, steps=2, guidance=guidance, negative_prompt="")
    plain = pipeline(
        prompt="red brick",
        width=64,
        height=64,
        num_inference_steps=2,
        generator=torch.Generator("cpu").manual_seed(3),
        output_type="np",
        **named,
    ).images[0]
    # Some draw how opaque it is as well.
    assert np.abs(plain[..., :3] * 255.0 - picture).max() <= 0.51


_USUAL: dict[str, np.ndarray[Any, Any]] = {}


def _usual(model: DiffusersFolderGenerator) -> np.ndarray[Any, Any]:
    """The picture of the request as it stands."""
    if model.info.id not in _USUAL:
        _USUAL[model.info.id] = next(model.generate(small_request(), Notes())).maps["image"]
    return _USUAL[model.info.id]


@pytest.mark.parametrize("point", ["before", "in the text encoder", "in a step", "decoding"])
def test_cancel_and_go_on(point: str, model: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _usual(model)
    notes = Notes(lambda what: point == "in a step" and what == "step 1")
    calls = itertools.count()

    def check() -> None:
        done = notes.steps[-1][1] if notes.steps else -1
        if {
            "before": True,
            "in the text encoder": done == 0,
            "in a step": False,
            "decoding": done == 2 and len(notes.steps) > 3 and next(calls) == 1,
        }[point]:
            raise CancelledError

    monkeypatch.setattr(notes, "check_cancelled", check)
    with pytest.raises(CancelledError):
        next(model.generate(small_request(), notes))
    # The interrupted run leaves nothing in the pipeline, and the next one draws the same picture as ever.
    pipeline = model._pipeline
    assert "step" not in pipeline.scheduler.__dict__ and "decode" not in pipeline.vae.__dict__
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            assert not any(module._forward_pre_hooks for module in part.modules())
            assert not any("_conv_forward" in module.__dict__ for module in part.modules())
    assert np.array_equal(next(model.generate(small_request(), Notes())).maps["image"], expected)


class TestAdapters:
    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
    def test_its_classes_are_in_the_pinned_diffusers(self, family: Any) -> None:
        assert set(family.pipelines) <= set(TASKS)
        for name in family.pipelines.values():
            # Some need packages that the engine does without; diffusers has a stand-in then.
            assert hasattr(diffusers, name), name

    def test_no_two_families_share_a_class(self) -> None:
        # The learned model is a Sana folder by its class; what its autoencoder decodes tells it apart.
        names = [name for family in FAMILIES if family.id != "learned" for name in family.members]
        assert len(names) == len(set(names))
        assert by_id("generic") is GENERIC and by_id("flux").name == "FLUX.1"

    def test_the_catalogue_knows_the_families_and_their_negative_prompts(self) -> None:
        known = {family.id: family for family in FAMILIES}
        assert set(known) >= catalog_rows.GUIDANCE_INSIDE
        assert {name for name, family in known.items() if not family.negative} == catalog_rows.GUIDANCE_INSIDE
        for row in catalog_rows.rows():
            if row.family in known and row.guided:
                assert row.negative == known[row.family].uses_negative_prompt(row.guidance), row.id

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
    def test_arguments_exist(self, family: Any) -> None:
        import inspect

        for task, name in family.pipelines.items():
            kind = family.own_class(name) or getattr(diffusers, name)
            if task == CONTROL or getattr(kind, "_backends", None):
                continue
            parameters = dict(inspect.signature(kind.__call__).parameters)
            given = family.arguments(parameters, steps=4, guidance=5.0, negative_prompt="moss")
            assert set(given) <= set(parameters)
            if task == TEXT_TO_IMAGE:
                assert family.guidance_argument in parameters or not family.guidance_argument
                assert ("negative_prompt" in parameters) or not family.negative


class TestWrappedContext:
    class Borders(nn.Module):
        """Draws borders as borders: what it gives depends on how far the border of its picture is."""

        def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
            height, width = hidden_states.shape[-2:]
            x = torch.linspace(-1, 1, width).abs()
            y = torch.linspace(-1, 1, height).abs()[:, None]
            return hidden_states + 3.0 * (x**8 + y**8)

    def test_frames(self) -> None:
        assert frame(1024, 512, tile_x=True, tile_y=False, step=16) == Frame(width=1024, height=512, margin_x=96)
        assert frame(64, 64, tile_x=True, tile_y=True, step=32) == Frame(width=64, height=64, margin_x=64, margin_y=64)
        assert frame(512, 512, tile_x=False, tile_y=False, step=16, largest=512) == Frame(width=512, height=512)
        assert frame(512, 512, tile_x=True, tile_y=False, step=16, largest=560) == Frame(
            width=512, height=512, margin_x=16
        )
        assert frame(512, 512, tile_x=True, tile_y=False, step=16, largest=512) is None

    @pytest.mark.parametrize("layout", ["grid", "frames", "tokens", "list"])
    def test_margins_repeat_the_other_side(self, layout: str) -> None:
        whole = Frame(width=64, height=32, margin_x=16, margin_y=8)
        grid = torch.randn(1, 3, 6, 12, generator=torch.Generator().manual_seed(1))
        seen: list[Any] = []

        class Spy(nn.Module):
            def forward(self, latents: Any, scale: float = 1.0) -> None:
                seen.append(latents)

        spy = Spy()
        given: Any = {
            "grid": grid,
            "frames": grid.unsqueeze(2),
            "tokens": grid.flatten(2).transpose(1, 2),
            "list": [grid[0].unsqueeze(1)],
        }[layout]
        with wrapped_context([spy], whole):
            if layout == "list":
                spy(given)
            else:
                spy(latents=given, scale=2.0)
        spy(given)
        result = seen[0][0].squeeze(1).unsqueeze(0) if layout == "list" else seen[0]
        if layout == "frames":
            result = result.squeeze(2)
        if layout == "tokens":
            result = result.transpose(1, 2).reshape(1, 3, 6, 12)
        assert torch.equal(result[..., 1:5, 2:10], grid[..., 1:5, 2:10])
        assert torch.equal(result, result[..., 1:5, 2:10].repeat(1, 1, 3, 3)[..., 3:9, 6:18])
        assert seen[1] is given

    def test_a_network_that_knows_its_borders_tiles(self) -> None:
        network = self.Borders()
        noise = torch.randn(1, 1, 48, 48, generator=torch.Generator().manual_seed(2)) * 0.3
        plain = network(network(noise))[0, 0].numpy()
        whole = Frame(width=32, height=32, margin_x=8, margin_y=8)
        with wrapped_context([network], whole):
            drawn = whole.middle(network(network(noise)))[0, 0].numpy()
        assert all(seam_ratio(drawn, axis) < 1.3 for axis in (0, 1))
        # Alone it draws a rim; cut out of a larger picture without wrapping, the sides have nothing to do with
        # each other, which in noise is no seam, but the rim of the larger picture would be cut as well.
        assert plain[0].mean() > 4.0 * abs(plain[24].mean())


def test_blocks_can_be_stopped_between() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.inner["layers"]:
                x = layer(x)
            return x

    network, calls = Network(), itertools.count(1)

    def check() -> None:
        if next(calls) == 3:
            raise CancelledError

    with pytest.raises(CancelledError), denoising.stopping([network], check):
        network(torch.zeros(1, 2))
    assert next(calls) == 4
    network(torch.zeros(1, 2))
    assert next(calls) == 5

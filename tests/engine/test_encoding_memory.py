# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to start from: what encoding them takes is forecast, and lean plans make it lean with the same result."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import sized_folders
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_estimate import LiveBytes, encoder_bytes
from texloom.engine.memory_plan import FLOAT8, FLOAT16, FLOAT32, GROUPS, TOGETHER, TURNS, Demand, MemoryPlan
from texloom.engine.model_folder import read_folder
from texloom.engine.placement import Placement
from texloom.engine.seamless import circular
from texloom.engine.striped_decoding import striped
from texloom.request import Control
from tiny_loaded import small_request

GB = 10**9
WORDS = Demand(width=1024, height=1024, decoded_width=1024, decoded_height=1024, batch=2)
PICTURE = replace(WORDS, encodes=True)


@pytest.fixture(scope="module")
def vae(stable_diffusion: Path) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()


@pytest.mark.parametrize("wraps", [False, True])
def test_it_is_counted_without_encoding(wraps: bool, stable_diffusion: Path, vae: diffusers.AutoencoderKL) -> None:
    picture = torch.randn(1, 3, 192, 320)
    with torch.inference_mode(), circular([vae], wraps, wraps), LiveBytes() as live:
        vae.encode(picture, return_dict=False)
    folder = read_folder(stable_diffusion)
    counted = encoder_bytes(folder, width=320, height=192, itemsize=4, wraps=wraps)
    assert counted == pytest.approx(live.peak, rel=0.001)
    assert encoder_bytes(folder, width=640, height=192, itemsize=4, wraps=wraps) > 1.9 * counted


@pytest.mark.parametrize("name", [*tiny_families.NAMES, *tiny_families.FROM_PICTURES])
def test_of_every_family(name: str, tmp_path: Path) -> None:
    folder = read_folder(tiny_families.save(name, tmp_path / name))
    once, twice = (encoder_bytes(folder, width=side, height=64, itemsize=2, wraps=True) for side in (64, 128))
    assert 0 < 1.5 * once < twice


def test_plans_know_it(tmp_path: Path) -> None:
    model = sized_folders.planned(sized_folders.hollow("sdxl", tmp_path / "sdxl"))
    ways = {}
    for demand in (WORDS, PICTURE):
        found = memory_plan.plans(model, demand, device="xpu", precision=FLOAT16)
        forecasts = [plan.forecast for plan in found]
        assert forecasts == sorted(set(forecasts), reverse=True)
        ways[demand.encodes] = {(plan.offload, plan.striped, plan.quantization): plan for plan in found}
    assert all(plan.encoding == 0 for plan in ways[False].values())
    together, turns = ways[True][TOGETHER, False, ""], ways[True][TURNS, False, ""]
    # In full precision and with margins that wrap, as its pipeline encodes; the networks that wait for it are away.
    assert 2.0 * GB < turns.encoding < 4.0 * GB
    drawing = sum(2 * part.weights for part in model.parts if part.role in ("text", "denoiser"))
    assert together.encoding - turns.encoding == drawing
    assert ways[True][TURNS, True, FLOAT8].encoding < 4.0 * GB
    assert ways[True][GROUPS, True, ""].encoding < 1.0 * GB
    large = replace(PICTURE, width=2048, height=2048)
    assert memory_plan.plans(model, large, device="xpu", precision=FLOAT16)[-1].encoding < 1.2 * GB


def test_a_request_tells(stable_diffusion: Path) -> None:
    model = DiffusersFolderGenerator(stable_diffusion)
    assert not model._demand(small_request()).encodes and not model._demand(None).encodes
    assert model._demand(small_request(source="a.png")).encodes
    assert model._demand(small_request(controls=(Control(kind="depth", image="a.png"),))).encodes


@pytest.mark.parametrize("wraps", list(itertools.product((False, True), repeat=2)))
def test_in_stripes_the_very_same(wraps: tuple[bool, bool], vae: diffusers.AutoencoderKL) -> None:
    picture = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), circular([vae], *wraps):
        plain = vae.encode(picture, return_dict=False)[0].parameters
        for size in (1, 20_000, 10**9):
            with striped(vae, *wraps, stripe_bytes=size):
                coded = vae.encode(picture, return_dict=False)[0].parameters
            assert (coded - plain).abs().max() < 2e-5 * plain.abs().max()
        assert torch.equal(vae.encode(picture, return_dict=False)[0].parameters, plain)
    assert "forward" not in vae.encoder.__dict__


def test_stripes_take_less(vae: diffusers.AutoencoderKL) -> None:
    peaks = []
    for context in (circular([vae]), striped(vae, True, True, stripe_bytes=50_000)):
        with torch.inference_mode(), context, LiveBytes() as live:
            vae.encode(torch.randn(1, 3, 256, 256), return_dict=False)
        peaks.append(live.peak)
    assert peaks[1] < 0.75 * peaks[0]


def test_sizes_that_stripes_would_cut_are_encoded_as_ever(vae: diffusers.AutoencoderKL) -> None:
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    picture = torch.randn(1, 3, 64 + scale // 2, 64)
    with torch.inference_mode():
        plain = vae.encode(picture, return_dict=False)[0].parameters
        with striped(vae, False, False, stripe_bytes=1):
            assert torch.equal(vae.encode(picture, return_dict=False)[0].parameters, plain)


@pytest.mark.parametrize(("whole", "left"), [(False, []), (True, ["text_encoder", "unet"])])
def test_who_makes_room(whole: bool, left: list[str], stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that only notes who is there; a picture in stripes needs no more room than there is."""
    model = DiffusersFolderGenerator(stable_diffusion)
    model.load(Notes())
    placement = Placement(model._pipeline, "cpu")
    names = {id(part): name for name, part in placement._networks.items()}
    there = set(names.values())
    placement._in_turns(MemoryPlan(precision=FLOAT32, offload=TURNS, striped=whole))
    placement.keep_room(4, 64)
    monkeypatch.setattr(
        placement,
        "_move",
        lambda part, device: (there.discard if device.type == "cpu" else there.add)(names[id(part)]),
    )
    encoder = model._pipeline.vae.encoder
    with torch.inference_mode():
        encoder(torch.zeros(1, 3, 16, 16))
        assert {"text_encoder", "unet"} <= there
        encoder(torch.zeros(1, 3, 32, 32))
    assert sorted(there & {"text_encoder", "unet"}) == left and "vae" in there
    placement.release()

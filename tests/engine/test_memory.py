# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory plans: what they forecast, that each is leaner than the one before, and that models go over to them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import sized_folders
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom import catalog_rows
from texloom.engine import device as devices
from texloom.engine import memory_keeper, memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_estimate import DENOISER, TEXT, LiveBytes, decoder_bytes, denoiser_bytes, parts_of, role_of
from texloom.engine.memory_plan import (
    BFLOAT16,
    FLOAT8,
    FLOAT16,
    FLOAT32,
    GROUPS,
    INT8,
    NF4,
    TOGETHER,
    TURNS,
    Demand,
    MemoryPlan,
    Model,
)
from texloom.engine.model_folder import read_folder
from texloom.engine.placement import Placement
from texloom.engine.seamless import circular
from texloom.engine.service import Engine
from texloom.engine.striped_decoding import can_stripe, striped
from texloom.errors import CancelledError, OutOfMemoryError
from texloom.events import Completed, Event, ModelLoading, Progress
from texloom.request import GenerationRequest
from texloom.settings import Settings
from texloom.storage import read_manifest
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")

SQUARE = Demand(width=1024, height=1024, decoded_width=1024, decoded_height=1024, batch=2)
GB = 10**9


def _request(**values: Any) -> GenerationRequest:
    values = {"prompt": "red brick", "width": 64, "height": 64, "seed": 3, "steps": 2, "kind": "texture", **values}
    return GenerationRequest(**values)


@pytest.fixture(scope="module")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Models of real size whose weights are holes."""
    made: dict[str, Model] = {}

    def get(name: str) -> Model:
        if name not in made:
            made[name] = sized_folders.planned(sized_folders.hollow(name, tmp_path_factory.mktemp("sized") / name))
        return made[name]

    return get


@pytest.fixture
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways of a graphics card, walked on the processor; pictures of any size are decoded in stripes."""
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
    monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
    # Stripes as large as these pictures would hide what is leaner.
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)


def _bytes(network: nn.Module) -> int:
    tensors = {tensor.data_ptr(): tensor for tensor in network.state_dict().values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


class TestForecast:
    @pytest.mark.parametrize("name", [*tiny_families.NAMES, *tiny_families.FROM_PICTURES])
    def test_weights_are_what_is_loaded_to_the_byte(self, name: str, folders: Callable[[str], Path]) -> None:
        generator = DiffusersFolderGenerator(folders(name))
        generator.load(Notes())
        parts = parts_of(read_folder(folders(name)))
        found = {part.name: part.weights for part in parts}
        networks = {k: p for k, p in generator._pipeline.components.items() if isinstance(p, nn.Module)}
        # Autoencoders of FLUX.2 count batches in one number of 8 bytes; all others have 4.
        whole = {key: _bytes(n) - 4 * ("bn.num_batches_tracked" in n.state_dict()) for key, n in networks.items()}
        assert {key: 4 * count for key, count in found.items()} == whole
        assert generator._memory.plan is not None and generator._memory.plan.weights == sum(whole.values())
        assert {role_of(key) for key in networks} >= {DENOISER, TEXT}

    @pytest.mark.parametrize("name", [*tiny_families.NAMES, *tiny_families.FROM_PICTURES])
    def test_only_linear_layers_get_smaller_by_a_package(self, name: str, folders: Callable[[str], Path]) -> None:
        """Convolutions and tables of words stay as they are, in bitsandbytes and in torchao."""
        generator = DiffusersFolderGenerator(folders(name))
        generator.load(Notes())
        parts = {part.name: part for part in parts_of(read_folder(folders(name)))}
        for key, network in generator._pipeline.components.items():
            if isinstance(network, nn.Module) and role_of(key) in (TEXT, DENOISER):
                layers = [layer for at, layer in network.named_modules() if not at.endswith("lm_head")]
                linear = {layer.weight.data_ptr(): layer.weight for layer in layers if isinstance(layer, nn.Linear)}
                assert parts[key].weights - parts[key].rigid == sum(weight.numel() for weight in linear.values()), key

    @pytest.mark.parametrize("wraps", [False, True])
    def test_decoding_is_counted_without_decoding(self, wraps: bool, stable_diffusion: Path) -> None:
        folder = read_folder(stable_diffusion)
        vae = diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()
        latents = torch.randn(1, 4, 24, 40)
        with torch.inference_mode(), circular([vae], wraps, wraps), LiveBytes() as live:
            vae.decode(latents, return_dict=False)
        counted = decoder_bytes(folder, width=320, height=192, itemsize=4, wraps=wraps)
        assert counted == pytest.approx(live.peak, rel=0.001)
        assert decoder_bytes(folder, width=640, height=192, itemsize=4, wraps=wraps) > 1.9 * counted

    def test_a_network_s_step_is_counted_without_a_step(self, stable_diffusion: Path) -> None:
        folder = read_folder(stable_diffusion)
        unet = diffusers.UNet2DConditionModel.from_pretrained(stable_diffusion / "unet").eval()
        inputs = torch.randn(2, 4, 32, 32), torch.tensor(5), torch.randn(2, 77, 32)
        with torch.inference_mode(), LiveBytes() as live:
            unet(*inputs)
        counted = denoiser_bytes(folder, parts_of(folder), width=256, height=256, batch=2, itemsize=4)
        assert counted == pytest.approx(live.peak, rel=0.001)

    @pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "z-image", "sana", "qwen-image", "flux2-klein"])
    @pytest.mark.parametrize(("device", "precision"), [("cpu", FLOAT32), ("cuda", BFLOAT16), ("mps", FLOAT16)])
    def test_each_plan_is_leaner(self, name: str, device: str, precision: str, folders: Callable[[str], Path]) -> None:
        found = memory_plan.plans(sized_folders.planned(folders(name)), SQUARE, device=device, precision=precision)
        forecasts = [plan.forecast for plan in found]
        assert forecasts == sorted(set(forecasts), reverse=True)
        assert [plan.rank for plan in found] == sorted({plan.rank for plan in found})

    def test_sizes_of_real_models(self, hollow: Callable[[str], Model]) -> None:
        """From their published configurations: 2.57, 6.15 and 3.88 billion weights."""
        for name, billions in (("sdxl", 2.57), ("z-image", 6.15), ("flux2-klein", 3.88)):
            drawing = sum(part.weights for part in hollow(name).parts if part.role == DENOISER)
            assert drawing / GB == pytest.approx(billions, abs=0.01)

    @pytest.mark.parametrize(
        ("name", "free", "offload", "striped", "quantization"),
        [
            ("sdxl", 24, TOGETHER, False, ""),
            ("sdxl", 10, TOGETHER, True, ""),
            ("sdxl", 7, TURNS, False, ""),
            ("sdxl", 4, TURNS, True, FLOAT8),
            ("sdxl", 2, GROUPS, True, ""),
            ("z-image", 32, TOGETHER, False, ""),
            ("z-image", 16, TURNS, False, ""),
            ("z-image", 10, TURNS, True, FLOAT8),
            ("flux2-klein", 10, TURNS, False, ""),
            ("flux2-klein", 4, GROUPS, True, ""),
        ],
    )
    def test_the_plan_for_a_card(
        self, name: str, free: int, offload: str, striped: bool, quantization: str, hollow: Callable[[str], Model]
    ) -> None:
        found = memory_plan.plans(hollow(name), SQUARE, device="xpu", precision=BFLOAT16)
        plan = memory_plan.choose(found, free * GB)
        assert (plan.offload, plan.striped, plan.quantization) == (offload, striped, quantization)
        assert plan.forecast < free * GB

    def test_packages_that_are_there_offer_smaller_weights(
        self, hollow: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory_plan, "_installed", lambda package: True)
        found = memory_plan.plans(hollow("z-image"), SQUARE, device="cuda", precision=BFLOAT16)
        assert [plan.quantization for plan in found if plan.quantization] == [INT8, NF4]
        # What cannot be had does not take away what is there in any case; places stay the same.
        for refused in ({INT8, NF4}, {NF4}):
            left = memory_plan.plans(
                hollow("z-image"), SQUARE, device="cuda", precision=BFLOAT16, without=frozenset(refused)
            )
            kept = [plan.quantization for plan in left if plan.quantization]
            assert kept == ([FLOAT8] if INT8 in refused else [INT8])
            ranks = {plan.way: plan.rank for plan in found}
            assert all(ranks.get(plan.way, plan.rank) == plan.rank for plan in left if plan.quantization != FLOAT8)
        single = replace(hollow("z-image"), quantizes=False)
        assert not any(p.quantization for p in memory_plan.plans(single, SQUARE, device="cuda", precision=BFLOAT16))

    def test_convolutions_keep_their_size_in_four_bits(
        self, hollow: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """2.23 of the 2.57 billion weights of SDXL's network are of linear layers."""
        monkeypatch.setattr(memory_plan, "_installed", lambda package: True)
        model = replace(hollow("sdxl"), parts=tuple(p for p in hollow("sdxl").parts if p.role == DENOISER))
        (found,) = (
            plan.weights
            for plan in memory_plan.plans(model, SQUARE, device="cuda", precision=BFLOAT16)
            if plan.quantization == NF4
        )
        assert found / GB == pytest.approx(2.233 * 0.56 + 0.335 * 2, abs=0.01)

    def test_larger_pictures_take_more(self, hollow: Callable[[str], Model]) -> None:
        large = Demand(width=2048, height=2048, decoded_width=2048, decoded_height=2048, batch=2)
        for name in sized_folders.SIZED:
            usual, more = (
                memory_plan.plans(hollow(name), d, device="cuda", precision=BFLOAT16)[0] for d in (SQUARE, large)
            )
            assert more.forecast - more.weights > 3.5 * (usual.forecast - usual.weights)

    def test_before_a_download(self) -> None:
        row = catalog_rows.find("z-image-turbo")
        assert row is not None
        plans = [memory_plan.row_plan(row, free=free * GB) for free in (48, 16, 6)]
        assert [plan.offload for plan in plans] == [TOGETHER, TURNS, GROUPS]
        assert plans[0].forecast == pytest.approx(row.memory_bytes("bfloat16"), rel=0.15)

    def test_one_line_for_people(self) -> None:
        plan = MemoryPlan(precision=BFLOAT16, offload=TURNS, striped=True, drawing=9_140_000_000)
        said = "bf16, parts wait in main memory for their turn, decoding in stripes: about 9.1"
        assert plan.line(12 * GB) == f"{said} of 12 GB"
        assert plan.line(None) == f"{said} GB"


class TestStripes:
    @pytest.mark.parametrize("wraps", list(itertools.product((False, True), repeat=2)))
    def test_the_very_same_picture(self, wraps: tuple[bool, bool], stable_diffusion: Path) -> None:
        vae = diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()
        latents = torch.randn(2, 4, 24, 16, generator=torch.Generator().manual_seed(1)) * 3.0
        with torch.inference_mode(), circular([vae], *wraps):
            plain = vae.decode(latents, return_dict=False)[0]
            for size in (1, 20_000, 10**9):
                with striped(vae, *wraps, stripe_bytes=size):
                    drawn = vae.decode(latents, return_dict=False)[0]
                assert (drawn - plain).abs().max() < 2e-5 * plain.abs().max()
            assert torch.equal(vae.decode(latents, return_dict=False)[0], plain)

    def test_they_take_less(self, stable_diffusion: Path) -> None:
        vae = diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()
        peaks = []
        for context in (circular([vae]), striped(vae, True, True, stripe_bytes=50_000)):
            with torch.inference_mode(), context, LiveBytes() as live:
                vae.decode(torch.randn(1, 4, 32, 32), return_dict=False)
            peaks.append(live.peak)
        assert peaks[1] < 0.6 * peaks[0]

    def test_small_pictures_are_decoded_as_ever(self, stable_diffusion: Path) -> None:
        vae = diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()
        latents = torch.randn(1, 4, 8, 8)
        with torch.inference_mode():
            plain = vae.decode(latents, return_dict=False)[0]
            with striped(vae, False, False, least_pixels=64 * 64 + 1):
                assert torch.equal(vae.decode(latents, return_dict=False)[0], plain)
        assert "forward" not in vae.decoder.__dict__

    def test_only_decoders_that_are_known(self, folders: Callable[[str], Path]) -> None:
        known = {
            name: can_stripe(getattr(diffusers, read_folder(folders(name)).component("vae").class_name).from_pretrained(  # type: ignore[union-attr]
                folders(name) / "vae"
            ))
            for name in ("stable-diffusion", "flux2-klein", "sana", "qwen-image")
        }  # fmt: skip
        assert known == {"stable-diffusion": True, "flux2-klein": True, "sana": False, "qwen-image": False}


class _Short:
    """Memory that runs out in a part of a pipeline, as often as told."""

    def __init__(self, network: nn.Module, times: int) -> None:
        self.left = times
        self._handle = network.register_forward_pre_hook(self._before)

    def _before(self, _module: nn.Module, _args: Any) -> None:
        if self.left > 0:
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def remove(self) -> None:
        self._handle.remove()


@pytest.fixture(params=["stable-diffusion", "sdxl", "z-image", "flux2-klein", "sd3"])
def model(request: pytest.FixtureRequest, folders: Callable[[str], Path]) -> Iterator[DiffusersFolderGenerator]:
    generator = DiffusersFolderGenerator(folders(request.param))
    generator.load(Notes())
    yield generator
    generator.unload()


def _network(generator: DiffusersFolderGenerator, point: str) -> nn.Module:
    pipeline = generator._pipeline
    if point == "text":
        return pipeline.text_encoder  # type: ignore[no-any-return]
    if point == "decoder":
        return pipeline.vae.decoder.conv_in  # type: ignore[no-any-return]
    return getattr(pipeline, "unet", None) or pipeline.transformer


class TestGivingWay:
    @pytest.mark.parametrize("point", ["text", "drawing", "decoder"])
    @pytest.mark.usefixtures("as_on_a_card")
    def test_the_next_plan_draws_the_same_picture(self, point: str, model: DiffusersFolderGenerator) -> None:
        before = next(model.generate(_request(), Notes())).maps["image"]
        assert model._memory.plan is not None and model._memory.plan.rank == 0
        model._speed.prompts.clear()  # type: ignore[union-attr]  # or it would not be read again
        short, notes = _Short(_network(model, point), 3), Notes()
        image = next(model.generate(_request(), notes))
        short.remove()
        plan = model._memory.plan
        assert (plan.offload, plan.striped, plan.rank) == (TURNS, True, 3)
        assert np.abs(image.maps["image"].astype(int) - before).max() <= 1
        assert set(notes.warnings) == {"memory_leaner"}
        assert notes.loads[-1][0] == image.details["memory"]["plan"] == plan.line(devices.total_memory("cpu"))
        # The next one starts where this one ended.
        notes = Notes()
        again = next(model.generate(_request(), notes))
        assert notes.warnings == {} and again.details["memory"]["offload"] == TURNS

    @pytest.mark.usefixtures("as_on_a_card")
    def test_layer_by_layer_at_last(self, model: DiffusersFolderGenerator) -> None:
        before = next(model.generate(_request(), Notes())).maps["image"]
        ways = memory_plan.plans(model._memory.model, model._demand(_request()), device="cpu", precision=FLOAT32)
        assert [plan.offload for plan in ways] == [TOGETHER, TOGETHER, TURNS, TURNS, TURNS, GROUPS]
        # Straight from everything on the device: what was shrunk meanwhile would draw another picture.
        assert model._went_over(ways[-1], Notes())
        image = next(model.generate(_request(), Notes()))
        assert image.details["memory"]["offload"] == GROUPS
        assert np.abs(image.maps["image"].astype(int) - before).max() <= 1

    @pytest.mark.usefixtures("as_on_a_card")
    def test_eight_bits_draw_nearly_the_same(self, folders: Callable[[str], Path]) -> None:
        generator = DiffusersFolderGenerator(folders("flux2-klein"))
        generator.load(Notes())
        before = next(generator.generate(_request(), Notes())).maps["image"].astype(float)
        network = generator._pipeline.transformer
        full = _bytes(network)
        ways = memory_plan.plans(generator._memory.model, SQUARE, device="cpu", precision=FLOAT32)
        assert generator._went_over(next(plan for plan in ways if plan.quantization == FLOAT8), Notes())
        assert _bytes(network) < 0.5 * full
        drawn = next(generator.generate(_request(), Notes())).maps["image"].astype(float)
        assert 0.0 < np.abs(drawn - before).mean() < 8.0

    def test_a_processor_halves_its_weights(self, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
        monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())
        before = next(generator.generate(_request(), Notes())).maps["image"]
        full = _bytes(generator._pipeline.unet)
        short = _Short(generator._pipeline.unet, 2)
        image = next(generator.generate(_request(), Notes()))
        short.remove()
        assert image.details["memory"]["precision"] == BFLOAT16
        assert _bytes(generator._pipeline.unet) * 2 == full
        assert np.abs(image.maps["image"].astype(int) - before).mean() < 8.0

    def test_while_loading(self, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        kind, left = diffusers.UNet2DConditionModel, [1]
        plain = kind.from_pretrained

        def short(*args: Any, **named: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
            return plain(*args, **named)

        monkeypatch.setattr(kind, "from_pretrained", short)
        notes = Notes()
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(notes)
        assert generator.loaded and set(notes.warnings) == {"memory_leaner"}
        assert generator._memory.plan is not None and generator._memory.plan.rank > 0
        assert next(generator.generate(_request(), Notes())).maps["image"].std() > 1.0

    def test_in_the_end_it_says_so(self, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())
        short = _Short(generator._pipeline.unet, 10**6)
        with pytest.raises(OutOfMemoryError, match="too little memory for tiny-sd") as caught:
            next(generator.generate(_request(), Notes()))
        assert "smaller" in caught.value.advice
        short.remove()
        assert next(generator.generate(_request(), Notes())).maps["image"].shape == (64, 64, 3)

    def test_other_errors_are_not_taken_for_it(self, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())

        def broken(_module: nn.Module, _args: Any) -> None:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        handle = generator._pipeline.unet.register_forward_pre_hook(broken)
        with pytest.raises(RuntimeError, match="mat1"):
            next(generator.generate(_request(), Notes()))
        handle.remove()

    def test_cancelled_on_the_way_over(self, stable_diffusion: Path) -> None:
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(Notes())
        short = _Short(generator._pipeline.unet, 1)
        with pytest.raises(CancelledError):
            next(generator.generate(_request(), Notes(lambda what: "GB" in what)))
        short.remove()
        assert next(generator.generate(_request(), Notes())).maps["image"].shape == (64, 64, 3)

    def test_little_memory_is_known_beforehand(self, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MEMORY_GB", "0.001")
        notes = Notes()
        generator = DiffusersFolderGenerator(stable_diffusion)
        generator.load(notes)
        assert generator._memory.plan is not None and generator._memory.plan.striped
        said = [stage for stage, _ in notes.loads if stage.endswith(" of 0 GB")]
        assert said == [generator._memory.plan.line(10**6)]


class TestTurns:
    def test_who_is_there_together(self, folders: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
        """On a device that only notes who is there."""
        generator = DiffusersFolderGenerator(folders("sd3"))
        generator.load(Notes())
        placement = Placement(generator._pipeline, "cpu")
        there: set[str] = set()
        names = {id(part): name for name, part in placement._networks.items()}
        monkeypatch.setattr(
            placement,
            "_move",
            lambda part, device: (there.discard if device.type == "cpu" else there.add)(names[id(part)]),
        )
        away = torch.device("meta")
        monkeypatch.setattr(placement, "_device", away)
        monkeypatch.setattr(
            "texloom.engine.placement._device", lambda part: away if names[id(part)] in there else torch.device("cpu")
        )
        seen = []
        for name in ("vae", "text_encoder", "text_encoder_3", "transformer", "vae", "transformer", "text_encoder"):
            placement.need(name)
            seen.append(sorted(there))
        assert seen == [
            ["vae"],
            ["text_encoder", "vae"],
            ["text_encoder_3", "vae"],
            ["transformer", "vae"],
            ["transformer", "vae"],
            ["transformer", "vae"],
            ["text_encoder", "vae"],
        ]

    @pytest.mark.usefixtures("as_on_a_card")
    def test_previews_and_inpainting_work_in_turns(self, folders: Callable[[str], Path], tmp_path: Path) -> None:
        from PIL import Image

        generator = DiffusersFolderGenerator(folders("z-image"))
        generator.load(Notes())
        job = _request(preview_interval=1, steps=3)
        Image.fromarray(np.full((64, 64, 4), (90, 60, 40, 0), np.uint8)).save(tmp_path / "hole.png")
        fill = job.replace(operation="inpaint", source=str(tmp_path / "hole.png"))
        before = [next(generator.generate(x, Notes())).maps["image"] for x in (job, fill)]
        ways = memory_plan.plans(generator._memory.model, SQUARE, device="cpu", precision=FLOAT32)
        assert generator._went_over(next(plan for plan in ways if plan.offload == TURNS and plan.striped), Notes())
        generator._memory._failed.append((0, 2))
        for number, request in enumerate((job, fill)):
            notes = Notes()
            image = next(generator.generate(request, notes))
            assert len(notes.previews) == 2
            assert image.details["memory"]["offload"] == TURNS
            assert np.abs(image.maps["image"].astype(int) - before[number]).max() <= 1


def test_what_is_in_the_manifest_can_be_written(stable_diffusion: Path) -> None:
    generator = DiffusersFolderGenerator(stable_diffusion)
    generator.load(Notes())
    memory = next(generator.generate(_request(), Notes())).details["memory"]
    assert json.loads(json.dumps(memory)) == memory
    assert memory["forecast_bytes"] > 0 and memory["peak_bytes"] > 0


class TestEngine:
    """Large models in the engine: what is written down, who leaves memory and when."""

    @pytest.fixture
    def engine(self) -> Iterator[Engine]:
        engine = Engine("cpu")
        yield engine
        if engine._idle is not None:
            engine._idle.cancel()

    def _run(self, engine: Engine, library: Path, model: Path) -> list[Event]:
        found: list[Event] = []
        engine.run(_request(model=str(model)), library, found.append, threading.Event())
        return found

    def test_the_plan_is_told_and_written_down(self, engine: Engine, stable_diffusion: Path, tmp_path: Path) -> None:
        events = self._run(engine, tmp_path, stable_diffusion)
        stages = [event.stage for event in events if isinstance(event, ModelLoading)]
        end = events[-1]
        assert isinstance(end, Completed)
        memory = read_manifest(Path(end.folder))["results"][0]["memory"]
        assert memory["plan"] in stages and memory["plan"].startswith("fp32: about 0.0 of ")
        assert memory["precision"] == FLOAT32 and memory["peak_bytes"] > memory["forecast_bytes"] > 0

    def test_the_one_used_longest_ago_goes_first(
        self, engine: Engine, folders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = ("stable-diffusion", "sdxl", "z-image")
        for name in (*names, "stable-diffusion"):
            self._run(engine, tmp_path, folders(name))
        keys = {name: str(folders(name).resolve()) for name in (*names, "flux")}
        # There is room again as soon as one has left.
        monkeypatch.setattr(
            devices,
            "free_memory",
            lambda device: 10**9 if not engine._generators[keys["sdxl"]].loaded else 1000,
        )
        self._run(engine, tmp_path, folders("flux"))
        loaded = {name: engine._generators[key].loaded for name, key in keys.items()}
        assert loaded == {"stable-diffusion": True, "sdxl": False, "z-image": True, "flux": True}

    def test_idle_models_leave(self, engine: Engine, stable_diffusion: Path, tmp_path: Path) -> None:
        Settings(idle_minutes="0.002").save()
        self._run(engine, tmp_path, stable_diffusion)
        (generator,) = engine._generators.values()
        ends = time.monotonic() + 20.0
        while generator.loaded and time.monotonic() < ends:
            time.sleep(0.02)
        assert not generator.loaded
        Settings(idle_minutes="0").save()
        self._run(engine, tmp_path, stable_diffusion)
        time.sleep(0.3)
        assert generator.loaded

    def test_never_in_the_middle_of_a_job(self, engine: Engine, stable_diffusion: Path, tmp_path: Path) -> None:
        Settings(idle_minutes="0.0001").save()
        generator = engine._generator(str(stable_diffusion))

        def emit(event: Event) -> None:
            # Far longer than models may be idle.
            time.sleep(0.05)
            assert generator.loaded or not isinstance(event, Progress)

        engine.run(_request(model=str(stable_diffusion)), tmp_path, emit, threading.Event())

    @pytest.mark.parametrize(("text", "seconds"), [("", 900.0), ("2", 120.0), ("0", None), ("soon", 900.0)])
    def test_how_long_is_a_setting(self, text: str, seconds: float | None) -> None:
        assert Settings(idle_minutes=text).idle_seconds == seconds

    def test_the_limit_is_a_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MEMORY_GB", "2")
        assert devices.total_memory("cpu") == 2 * GB
        assert 0 <= (devices.free_memory("cpu") or 0) < 2 * GB
        monkeypatch.setenv("TEXLOOM_MEMORY_GB", "plenty")
        assert (devices.total_memory("cpu") or 0) > 2 * GB


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA or ROCm device")
@pytest.mark.parametrize("name", list(sized_folders.SIZED))
@pytest.mark.parametrize("offload", [TOGETHER, TURNS])
def test_the_forecast_on_a_card(name: str, offload: str, tmp_path: Path) -> None:
    """Real sizes with random weights: what was used at most is within 15 % of what was forecast."""
    generator = DiffusersFolderGenerator(sized_folders.random_weights(name, tmp_path / name, "cuda"))
    torch.cuda.empty_cache()
    notes = Notes()
    notes.device = "cuda"
    job = _request(width=1024, height=1024, steps=2, guidance_scale=5.0 if name == "sdxl" else None)
    generator.expect(job)
    needed = generator.missing_bytes("cuda")
    if needed > 0.9 * (devices.free_memory("cuda") or 0):
        pytest.skip(f"needs {needed / 1e9:.0f} GB on the device")
    generator.load(notes)
    ways = generator._memory.plans(generator._demand(job), "cuda")
    plan = next((plan for plan in ways if plan.offload == offload), None)
    assert plan is not None
    generator._memory._failed = [(0, plan.rank - 1)] if plan.rank else []
    memory = next(generator.generate(job, notes)).details["memory"]
    assert memory["offload"] == offload
    assert memory["peak_bytes"] == pytest.approx(memory["forecast_bytes"], rel=0.15)

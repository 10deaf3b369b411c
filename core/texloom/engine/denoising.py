# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a diffusers pipeline that tiles, shows previews, tells its steps and can be stopped anywhere.

diffusers' pipelines differ in what they call back and when, and some not at all.  All of them call their scheduler's
``step`` and their autoencoder's ``decode``, and all networks are modules: this listens there.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import TexloomError
from ..request import GenerationRequest
from .families import Drawn, Family
from .generator import Context
from .preview_decoder import PREVIEW_PIXELS as TINY_PREVIEW_PIXELS
from .preview_decoder import PreviewDecoder
from .seamless import circular
from .wrapped_context import Frame, wrapped_context

PREVIEW_PIXELS: Final = 256
"""Previews decode a latent made smaller than this on its longer side, so they cost a fraction of a step."""


class Run:
    """Draws one picture, or several variations of it at a time.

    Args:
        pipeline: on its device.
        family: its adapter.
        whole: the picture in its margins; without margins the denoiser's convolutions wrap.
        convolutional: whether wrapping the denoiser's convolutions is all that it needs.
        request: for the axes that tile, and the previews.
        context: is told and asked.
        index: number of the variation, or of the first one.
        name: the model's, for messages.
        token: pixels of a token, where tokens of pictures to follow come behind those of the picture, else 0.
        owner: the pipeline that moves parts to the device; None: this one.
        stage: what it is doing, for people.
        tiny: what decodes previews; None: the pipeline's own autoencoder does.
        count: how many variations the pipeline is told to draw.
    """

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        whole: Frame,
        convolutional: bool,
        request: GenerationRequest,
        context: Context,
        *,
        index: int,
        name: str,
        token: int = 0,
        owner: Any = None,
        stage: str = "Drawing",
        tiny: PreviewDecoder | None = None,
        count: int = 1,
    ) -> None:
        self._pipeline = pipeline
        self._family = family
        self._whole = whole
        self._convolutional = convolutional
        self._request = request
        self._context = context
        self._index = index
        self._name = name
        self._token = token
        self._stage = stage
        self._tiny = tiny
        self._count = count
        self._owner = owner if owner is not None else pipeline
        self._steps = 0
        self._done = 0
        self._decode: Callable[..., Any] | None = None

    def draw(self, named: dict[str, Any]) -> list[NDArray[np.uint8]]:
        """Call the pipeline with ``named`` and return the pictures, each (height, width, 3).

        Raises:
            CancelledError: in the text encoder, in a step or while decoding.
        """
        # Without an autoencoder a pipeline hands out what its network drew, as tensors only.
        kind = "np" if getattr(self._pipeline, "vae", None) is not None else "pt"
        return [self._pixels(_as_array(picture)) for picture in self._drawn(named, kind, lambda picture: picture)]

    def draw_maps(self, named: dict[str, Any], tile_widths_m: Sequence[float]) -> list[Drawn]:
        """As :meth:`draw`, for a family with maps of its own: what the autoencoder decodes, before it is a picture.

        ``tile_widths_m`` are those of the pictures.
        """
        vae = self._pipeline.vae

        def decoded(latents: Tensor) -> Tensor:
            ready = latents[None].to(vae.dtype) / vae.config.scaling_factor
            channels: Tensor = vae.decode(ready, return_dict=False)[0][0]
            return channels

        drawn = self._drawn(named, "latent", decoded)
        return [self._family.maps(item.float(), wide) for item, wide in zip(drawn, tile_widths_m, strict=True)]

    def _drawn(self, named: dict[str, Any], kind: str, finish: Callable[[Any], Any]) -> list[Any]:
        """What the pipeline draws, after ``finish``, which runs while everything still wraps and listens."""
        pipeline, request, whole = self._pipeline, self._request, self._whole
        # Of a picture that is drawn over, the first steps are left out.
        self._steps = max(1, int(named["num_inference_steps"] * named.get("strength", 1.0)))
        named = {**named, "output_type": kind}
        # Some take their size from the picture that they start from.
        if "width" in inspect.signature(type(pipeline).__call__).parameters:
            named |= {"width": whole.full_width, "height": whole.full_height}
        networks = {key: part for key, part in pipeline.components.items() if isinstance(part, nn.Module)}
        drawing = {k: part for k, part in networks.items() if type(part).__module__.startswith("diffusers.")}
        denoisers = [part for key, part in drawing.items() if _denoises(key)]
        wrapping = drawing.values() if self._convolutional else [p for k, p in drawing.items() if not _denoises(k)]
        self._tell(0, self._steps, self._stage)
        vae = getattr(pipeline, "vae", None)
        precision = getattr(vae, "dtype", None)
        try:
            with (
                torch.inference_mode(),
                stopping(networks.values(), self._context.check_cancelled),
                circular(wrapping, request.tile_x, request.tile_y),
                wrapped_context(denoisers, whole, self._token),
                self._listening(pipeline.scheduler, vae),
            ):
                return [finish(image) for image in pipeline(**named).images]
        finally:
            # Some are in full precision while they decode, and would stay so when that raises.
            if getattr(vae, "dtype", None) != precision:
                nn.Module.to(vae, dtype=precision)
            # A step that raises (cancel does) leaves offloaded parts on the device otherwise.
            with contextlib.suppress(AttributeError):
                self._owner.maybe_free_model_hooks()

    def _pixels(self, picture: NDArray[Any]) -> NDArray[np.uint8]:
        whole = self._whole
        if picture.shape[:2] == (whole.full_height, whole.full_width) and whole.framed:
            # A pipeline without an autoencoder.
            top, left = whole.margin_y, whole.margin_x
            picture = picture[top : top + whole.height, left : left + whole.width]
        if picture.shape[:2] != (whole.height, whole.width):
            raise TexloomError(
                f"{self._name} made a picture of {picture.shape[1]} × {picture.shape[0]} pixels "
                f"instead of {whole.width} × {whole.height}.",
                advice="Choose another size; 1024 × 1024 suits most models.",
            )
        return (picture[..., :3].clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)

    @contextlib.contextmanager
    def _listening(self, scheduler: Any, vae: Any) -> Iterator[None]:
        """Put listeners into the scheduler and the autoencoder of this pipeline alone, and take them out again."""
        step = scheduler.step

        # With the signature of the step itself: pipelines look whether it takes a generator.
        @functools.wraps(step)
        def listened(*args: Any, return_dict: bool = True, **rest: Any) -> Any:
            result = step(*args, return_dict=True, **rest)
            self._after_step(scheduler, result, args, rest)
            return result if return_dict else result.to_tuple()

        scheduler.__dict__["step"] = listened
        if vae is not None:
            self._decode = vae.decode
            vae.__dict__["decode"] = self._decoded
        try:
            yield
        finally:
            scheduler.__dict__.pop("step", None)
            if vae is not None:
                vae.__dict__.pop("decode", None)

    def _decoded(self, latents: Tensor, *args: Any, **named: Any) -> Any:
        assert self._decode is not None
        self._tell(self._done, max(self._steps, self._done), "Decoding")
        middle = self._whole.middle(latents)
        if self._count == 1:
            return self._decode(middle, *args, **named)
        # One after another: together they would take far more memory, and no less time.
        found = [self._decode(one, *args, **named) for one in middle.split(1)]
        if isinstance(found[0], tuple):
            return (torch.cat([one[0] for one in found]),)
        return type(found[0])(sample=torch.cat([one.sample for one in found]))

    def _tell(self, done: int, total: int, stage: str) -> None:
        """Of several variations at a time it is told how many would be done by now, one after another."""
        steps = done * self._count
        place = min(self._count - 1, steps // max(1, total))
        self._context.progress(steps - place * total, total, index=self._index + place, stage=stage)

    def _after_step(self, scheduler: Any, result: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._done += 1
        # Schedulers of higher order take more calls than steps were asked for.
        total = max(self._steps, self._done, getattr(self._pipeline, "num_timesteps", None) or len(scheduler.timesteps))
        self._tell(self._done, total, self._stage)
        every = self._request.preview_interval
        if every and self._done % every == 0 and self._done < total:
            for place, latents in enumerate(_clean(scheduler, result, args, named).split(1)):
                self._preview(latents, self._index + place)

    def _preview(self, latents: Tensor, index: int) -> None:
        """The picture as the network sees it at that step, made small and decoded."""
        small = self._small(latents)
        if small is None or self._decode is None:
            self._context.warn("preview_unavailable", f"{self._name} shows no previews.")
            return
        if self._tiny is not None:
            picture = self._tiny.decode(small, self._request.tile_x, self._request.tile_y)
        else:
            picture = self._decoded_small(small)
        pixels = (self._family.preview(picture).clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
        self._context.preview(pixels.permute(1, 2, 0).contiguous().cpu().numpy(), index=index, step=self._done)

    def _decoded_small(self, small: Tensor) -> Tensor:
        """By the model's own autoencoder, (3, height, width)."""
        assert self._decode is not None
        vae = self._pipeline.vae
        # Some overflow in half precision; their pipelines change them for the last decoding in the same way.
        overflows = vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
        if overflows:
            vae.to(dtype=torch.float32)
        try:
            decoded = self._decode(small.to(vae.dtype), return_dict=False)[0][0]
        finally:
            if overflows:
                vae.to(dtype=torch.float16)
        picture: Tensor = decoded[:, 0] if decoded.ndim == 4 else decoded
        return picture

    def _small(self, latents: Tensor) -> Tensor | None:
        pipeline, whole = self._pipeline, self._whole
        if getattr(pipeline, "vae", None) is None:
            return None
        ready = self._family.decodable(pipeline, latents, whole.full_width, whole.full_height)
        if ready is None:
            return None
        ready = whole.middle(ready).float()
        limit = PREVIEW_PIXELS if self._tiny is None else TINY_PREVIEW_PIXELS
        factor = limit / max(whole.width, whole.height)
        if factor >= 1.0:
            return ready
        size = [max(1, round(side * factor)) for side in ready.shape[-2:]]
        flat = ready.flatten(0, -4)
        small = torch.nn.functional.interpolate(flat.flatten(1, -3), size, mode="area")
        return small.reshape(*ready.shape[:-2], *size)


@contextlib.contextmanager
def stopping(networks: Iterable[nn.Module], check: Callable[[], None]) -> Iterator[None]:
    """Within the block ``check``, which may raise, is called before every block of layers of ``networks``."""

    def before(_module: nn.Module, _args: Any) -> None:
        check()

    with contextlib.ExitStack() as stack:
        for network in networks:
            for block in _blocks(network):
                stack.callback(block.register_forward_pre_hook(before).remove)
        yield


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The members of the outermost lists of modules."""
    for part in network.children():
        if isinstance(part, (nn.ModuleList, nn.Sequential)):
            yield from part
        else:
            yield from _blocks(part)


def _as_array(picture: Any) -> NDArray[Any]:
    if isinstance(picture, Tensor):
        picture = (picture.float() * 0.5 + 0.5).permute(1, 2, 0).cpu().numpy()
    return np.asarray(picture)


def _denoises(name: str) -> bool:
    """Whether a part sees the latents of every step."""
    return name in ("unet", "prior") or name.startswith(("transformer", "controlnet")) or name.endswith("_transformer")


def _clean(scheduler: Any, result: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """The finished picture as far as the network can tell at this step, where the scheduler gives it away."""
    for name in ("pred_original_sample", "denoised"):
        found = getattr(result, name, None)
        if isinstance(found, Tensor):
            return found
    latents: Tensor = result.prev_sample
    index, sigmas = getattr(scheduler, "step_index", None), getattr(scheduler, "sigmas", None)
    plain = type(scheduler).__name__ == "FlowMatchEulerDiscreteScheduler"
    if plain and isinstance(index, int) and isinstance(sigmas, Tensor):
        velocity: Tensor = args[0] if args else named["model_output"]
        # The step has been taken already: what is left of the noise is the next sigma's.
        return latents - sigmas[index].to(latents) * velocity.to(latents)
    return latents

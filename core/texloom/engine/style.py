# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of a picture on a loaded pipeline, by an image adapter (IP-Adapter, arXiv 2308.06721).

An adapter gives the layers that look at words a second input: what an image encoder says of a picture.  It is read
once and put into the network that draws when a request wants a style; for a request without one the very objects that
were there before are put back, so that the model draws as if there had never been one.  The encoder sees a picture
once; what it said is kept.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .. import style_models
from ..errors import ModelInvalidError, RequestError
from ..request import GenerationRequest
from ..style_models import Adapter
from ..weights_header import SAFETENSORS, read_header
from .device import is_out_of_memory
from .generator import Context
from .memory_estimate import DENOISER, TEXT, Part
from .memory_plan import GROUPS, TOGETHER, MemoryPlan
from .model_folder import ModelFolder, hash_files
from .pictures import opaque, open_style
from .small_weights import DTYPES

STRENGTH: Final = 0.6
"""How much of a style is taken over where the request does not tell: words still count."""

ARGUMENT: Final = "ip_adapter_image_embeds"
"""The argument of a pipeline's call that the style goes to."""

_NEGATIVE: Final = "negative_ip_adapter_image_embeds"
_PROJECTION: Final = ("image_proj.", "ip_adapter_proj_model.")
_SEEN: Final = 8


@dataclass
class _Loaded:
    """An adapter in memory: ``processors`` by the names of their layers, and what it said of pictures."""

    adapter: Adapter
    encoder: Any
    processors: dict[str, nn.Module]
    projection: nn.Module
    facts: dict[str, Any]
    seen: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)


def refuse(name: str) -> RequestError:
    """The error for a model that takes no style from a picture."""
    return RequestError(
        f"style_image: {name} takes no style from a picture.",
        advice=f"Choose a model that does: instant and learned (its colors), {style_models.takers()}.",
    )


def find(request: GenerationRequest, folder: ModelFolder, family: str, name: str) -> Adapter | None:
    """The adapter for a request; None where it wants no style.

    Raises:
        RequestError, ModelNotFoundError, ModelInvalidError: as :func:`.style_models.locate`.
    """
    if not request.style_image or request.style_strength == 0.0:
        return None
    network = folder.component("unet", "transformer")
    if network is None:
        raise refuse(name)
    width = network.config.get("cross_attention_dim", network.config.get("joint_attention_dim", 0))
    if network.class_name == "SD3Transformer2DModel":
        # Its layers look at the adapter's own numbers, as wide as those of the picture.
        width = network.config.get("attention_head_dim", 0) * network.config.get("num_attention_heads", 0)
    return style_models.locate(request.style_model, family, width if isinstance(width, int) else 0, name)


def parts(adapter: Adapter | None) -> tuple[Part, ...]:
    """What an adapter and its encoder weigh, for the plan of the memory; nothing for None.

    Raises:
        ModelInvalidError: a file of the encoder is damaged.
    """
    if adapter is None:
        return ()
    sizes = [math.prod(shape) for shape in adapter.shapes.values()]
    own = Part(name="style", role=DENOISER, weights=sum(sizes), largest=max(sizes), widest=0, exact=True)
    shapes: dict[str, tuple[int, ...]] = {}
    for file in _weights(adapter.encoder):
        shapes |= read_header(file)[0]
    # A CLIP's half for words is not loaded.
    seeing = {name: shape for name, shape in shapes.items() if not name.startswith(("text_", "logit_"))}
    sizes = [math.prod(shape) for shape in seeing.values()] or [0]
    wide = max((sum(shape) for shape in seeing.values() if len(shape) == 2), default=0)
    encoder = Part(name="image_encoder", role=TEXT, weights=sum(sizes), largest=max(sizes), widest=wide, exact=True)
    return own, encoder


def taken(pipeline: Any) -> bool:
    """Whether a pipeline's call takes a style."""
    return ARGUMENT in inspect.signature(type(pipeline).__call__).parameters


class StyleStack:
    """The style of one pipeline.

    Args:
        pipeline: on its device; other pipelines with the same network see the same style.
        name: the model's, for messages.
    """

    def __init__(self, pipeline: Any, name: str) -> None:
        self._pipeline = pipeline
        self._name = name
        self._loaded: _Loaded | None = None
        # What was there before: processors, parts of the network, the configuration's word for them.
        self._before: dict[str, Any] | None = None
        self._now: tuple[Tensor, Tensor] | None = None

    @property
    def active(self) -> bool:
        """Whether the network that draws expects a style."""
        return self._now is not None

    def use(
        self,
        request: GenerationRequest,
        adapter: Adapter | None,
        plan: MemoryPlan,
        context: Context,
        clear: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Let the request's style, or none, hold from now on; returns what the manifest says of it.

        ``clear`` makes room on the device for the image encoder.

        Raises:
            RequestError: the model takes no style, or the picture cannot be read.
            ModelInvalidError: the adapter was made for another model; the model then draws as before.
            CancelledError: between two steps of loading.
            RuntimeError, MemoryError: too little memory; the model then draws as before.
        """
        if adapter is None:
            self.off()
            return {}
        network = self._network()
        if not hasattr(self._pipeline, "prepare_ip_adapter_image_embeds") or not hasattr(
            network, "_load_ip_adapter_weights"
        ):
            raise refuse(self._name)
        strength = STRENGTH if request.style_strength is None else request.style_strength
        device = torch.device(context.device)
        try:
            loaded = self._load(adapter, network, plan, context)
            self._install(network, loaded, plan, device)
            for processor in loaded.processors.values():
                stateful: Any = processor
                stateful.scale = [strength] if isinstance(stateful.scale, list) else strength
            self._now = self._seen(Path(request.style_image), loaded, plan, context, clear)
        except BaseException:
            self.off()
            raise
        return {"style": {"strength": strength, **loaded.facts}}

    def off(self) -> None:
        """Put back what was there before; what was read stays for the next request."""
        self._now = None
        before, self._before = self._before, None
        if before is None:
            return
        network = self._network()
        # Projections of their own attend as well, and must be gone before attention is set.
        for name, (attributes, modules) in before["parts"].items():
            network.__dict__.pop(name, None)
            network._modules.pop(name, None)
            network.__dict__.update(attributes)
            network._modules.update(modules)
        settings = network.config.__dict__
        settings.pop("encoder_hid_dim_type", None)
        settings.update(before["settings"])
        network.set_attn_processor(dict(before["processors"]))

    def arguments(self, parameters: Mapping[str, Any], guidance: float | None) -> dict[str, Any]:
        """Arguments of a pipeline's call that say the style; empty where there is none.

        Args:
            parameters: of the call.
            guidance: that the pipeline is told; above 1 it draws with and without the words, and compares.

        Raises:
            RequestError: the pipeline takes no style.
        """
        if self._now is None or self._loaded is None:
            return {}
        if ARGUMENT not in parameters:
            raise refuse(self._name)
        kind = next(self._loaded.projection.parameters())
        shown, nothing = (tensor.to(kind.device, kind.dtype) for tensor in self._now)
        if _NEGATIVE in parameters:
            return {ARGUMENT: [shown], _NEGATIVE: [nothing]}
        # Networks with an input for the guidance draw once.
        once = guidance is None or guidance <= 1.0 or self._network().config.get("time_cond_proj_dim") is not None
        both = shown if once else torch.cat([nothing, shown])
        return {ARGUMENT: both if self._single else [both]}

    @property
    def _single(self) -> bool:
        """Whether the model knows one adapter at a time, as Stable Diffusion 3 does; the others know lists of them."""
        return hasattr(type(self._pipeline), "is_ip_adapter_active")

    def _network(self) -> Any:
        return getattr(self._pipeline, "unet", None) or getattr(self._pipeline, "transformer", None)

    def _load(self, adapter: Adapter, network: Any, plan: MemoryPlan, context: Context) -> _Loaded:
        if self._loaded is not None and (self._loaded.adapter.file, self._loaded.adapter.encoder) == (
            adapter.file,
            adapter.encoder,
        ):
            return self._loaded
        # Another one: at most one is kept.
        self.off()
        self._loaded = None
        context.loading(f"Loading the style {adapter.file.name}")
        facts = _facts(adapter, context)
        processors, projection = self._converted(adapter, network)
        context.loading("Loading the image encoder")
        encoder = _encoder(adapter, plan)
        context.check_cancelled()
        self._loaded = _Loaded(
            adapter=adapter, encoder=encoder, processors=processors, projection=projection, facts=facts
        )
        return self._loaded

    def _converted(self, adapter: Adapter, network: Any) -> tuple[dict[str, nn.Module], nn.Module]:
        """The adapter's layers as diffusers has them, by the model's own converters."""
        state = _state(adapter.file)
        given: Any = state["ip_adapter"] if self._single else [state]
        try:
            made = network._convert_ip_adapter_attn_to_diffusers(given, low_cpu_mem_usage=False)
            projection = network._convert_ip_adapter_image_proj_to_diffusers(
                state["image_proj"], low_cpu_mem_usage=False
            )
        except Exception as error:
            # Boundary: the converters meet files of any origin and raise whatever they stumble over.
            if is_out_of_memory(error):
                raise
            raise self._foreign(adapter.file, _reason(error)) from error
        processors = {name: item for name, item in made.items() if isinstance(item, nn.Module)}
        found = sum(len(item.state_dict()) for item in processors.values())
        if not processors or found < len(state["ip_adapter"]):
            raise self._foreign(adapter.file, f"only {found} of its {len(state['ip_adapter'])} layers are in the model")
        return processors, projection.eval()

    def _install(self, network: Any, loaded: _Loaded, plan: MemoryPlan, device: torch.device) -> None:
        # Where layers come one by one nobody would fetch these.
        place = device if plan.offload == GROUPS else next(network.parameters()).device
        for module in (*loaded.processors.values(), loaded.projection):
            nn.Module.to(module, place, DTYPES[plan.precision])
        if self._before is not None:
            return
        names = ("encoder_hid_proj", "text_encoder_hid_proj", "image_proj")
        settings = network.config.__dict__
        self._before = {
            "processors": dict(network.attn_processors),
            "parts": {name: (_own(network.__dict__, name), _own(network._modules, name)) for name in names},
            "settings": _own(settings, "encoder_hid_dim_type"),
        }
        network.set_attn_processor({**self._before["processors"], **loaded.processors})
        if self._single:
            network.image_proj = loaded.projection
        else:
            from diffusers.models.embeddings import MultiIPAdapterImageProjection

            own = getattr(network, "encoder_hid_proj", None)
            if own is not None:
                # Kolors has a projection of its own there, for its words.
                network.text_encoder_hid_proj = own
            network.encoder_hid_proj = MultiIPAdapterImageProjection([loaded.projection])
            settings["encoder_hid_dim_type"] = "ip_image_proj"

    def _seen(
        self, picture: Path, loaded: _Loaded, plan: MemoryPlan, context: Context, clear: Callable[[], None]
    ) -> tuple[Tensor, Tensor]:
        """What the encoder says of a picture, and of nothing; in main memory."""
        pixels = np.ascontiguousarray(opaque(open_style(picture).pixels))
        key = f"{plan.precision} {pixels.shape} {hashlib.sha256(pixels.tobytes()).hexdigest()}"
        if key not in loaded.seen:
            context.check_cancelled()
            context.loading("Looking at the style image")
            clear()
            found = self._encode(_prepared(pixels, loaded), loaded, plan, torch.device(context.device))
            while len(loaded.seen) >= _SEEN:
                loaded.seen.pop(next(iter(loaded.seen)))
            loaded.seen[key] = found
        return loaded.seen[key]

    def _encode(
        self, pixels: tuple[Tensor, Tensor], loaded: _Loaded, plan: MemoryPlan, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        pipeline = self._pipeline
        nn.Module.to(loaded.encoder, device, DTYPES[plan.precision])
        own = getattr(pipeline, "image_encoder", None)
        pipeline.register_modules(image_encoder=loaded.encoder)
        try:
            with torch.no_grad():
                shown, nothing = _said(pipeline, pixels, device)
            return shown.float().cpu(), nothing.float().cpu()
        finally:
            pipeline.register_modules(image_encoder=own)
            if plan.offload != TOGETHER:
                nn.Module.to(loaded.encoder, torch.device("cpu"))

    def _foreign(self, file: Path, why: str) -> ModelInvalidError:
        return ModelInvalidError(
            f"{file.name} does not fit {self._name}: {why}.",
            advice="Choose an image adapter that was made for this model.",
        )


def _said(pipeline: Any, pixels: tuple[Tensor, Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """(1, …) of the picture and of nothing, as the pipeline itself asks its encoder."""
    prepare = pipeline.prepare_ip_adapter_image_embeds
    picture, black = pixels
    if "do_classifier_free_guidance" not in inspect.signature(prepare).parameters:
        # FLUX.1 compares with a black picture.
        return prepare(picture, None, device, 1)[0], prepare(black, None, device, 1)[0]
    found = prepare(picture, None, device, 1, True)
    both = found[0] if isinstance(found, list) else found
    nothing, shown = both.chunk(2)
    return shown, nothing


def _prepared(pixels: np.ndarray[Any, Any], loaded: _Loaded) -> tuple[Tensor, Tensor]:
    """A picture and a black one as the encoder wants them, (1, 3, side, side)."""
    import transformers

    config = style_models.config_of(loaded.adapter.encoder)
    kind = "Siglip" if str(config.get("model_type", "")).startswith("siglip") else "CLIP"
    # Without torchvision the plain name warns and gives this one.
    processor: Any = getattr(transformers, f"{kind}ImageProcessorPil", None) or getattr(
        transformers, f"{kind}ImageProcessor"
    )
    side = int(config.get("image_size", 224))
    size = {"height": side, "width": side}
    made = processor(size=size) if kind == "Siglip" else processor(size={"shortest_edge": side}, crop_size=size)
    pictures = [Image.fromarray(pixels), Image.fromarray(np.zeros_like(pixels))]
    values: Tensor = made(pictures, return_tensors="pt").pixel_values
    return values[:1], values[1:]


def _encoder(adapter: Adapter, plan: MemoryPlan) -> Any:
    import transformers

    kind: Any
    siglip = str(style_models.config_of(adapter.encoder).get("model_type", "")).startswith("siglip")
    kind = transformers.SiglipVisionModel if siglip else transformers.CLIPVisionModelWithProjection
    if not _weights(adapter.encoder):
        raise ModelInvalidError(
            f"The image encoder in {adapter.encoder} has no safetensors weights.",
            advice="Download it again, with its .safetensors.",
        )
    try:
        network = kind.from_pretrained(
            adapter.encoder, local_files_only=True, use_safetensors=True, dtype=DTYPES[plan.precision]
        )
    except Exception as error:
        # Boundary: as for the parts of a model.
        if is_out_of_memory(error):
            raise
        text = " ".join(str(error).split())[:300]
        raise ModelInvalidError(
            f"The image encoder in {adapter.encoder} cannot be loaded: {text}", advice="Download it again."
        ) from error
    return network.eval()


def _weights(encoder: Path) -> list[Path]:
    return sorted(file for file in encoder.iterdir() if file.suffix == SAFETENSORS)


def _facts(adapter: Adapter, context: Context) -> dict[str, Any]:
    """Files with hashes; those of unchanged files are remembered."""
    weights = (adapter.file, *_weights(adapter.encoder))
    folder = ModelFolder(path=adapter.encoder, class_name="", components=(), weights=weights, licence="", variant="")
    hashes = hash_files(folder, lambda part: context.check_cancelled())
    return {
        "file": str(adapter.file),
        "name": adapter.file.name,
        "sha256": hashes[adapter.file.name],
        "encoder": str(adapter.encoder),
        "encoder_files": {file.name: hashes[file.name] for file in weights[1:]},
    }


def _state(file: Path) -> dict[str, dict[str, Tensor]]:
    """The file's weights under the names that diffusers' converters know; XLabs' adapters have others."""
    from safetensors import safe_open

    state: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    with safe_open(file, framework="pt", device="cpu") as found:
        for key in found.keys():
            first, _, rest = key.partition(".")
            if key.startswith(_PROJECTION):
                state["image_proj"][rest] = found.get_tensor(key)
            elif first in ("ip_adapter", "double_blocks"):
                name = rest.replace("processor.", "")
                for which in ("k", "v"):
                    name = name.replace(f"ip_adapter_double_stream_{which}_proj", f"to_{which}_ip")
                state["ip_adapter"][name] = found.get_tensor(key)
    return state


def _own(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What ``values`` holds under that name, if anything: to be put back later."""
    return {name: values[name]} if name in values else {}


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "layers that the model has are not in the file"
    text = " ".join(str(error).split())
    return "its layers have other sizes" if "size mismatch" in text or "shape" in text else text[:200]

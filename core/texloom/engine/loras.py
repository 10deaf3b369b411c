# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs on a loaded pipeline: read once, switched and weighted for every request, the model itself stays as it is."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from torch import nn

from ..errors import ModelInvalidError, RequestError
from ..request import MAX_LORAS, Lora
from ..weights_header import LORA, identify
from .device import is_out_of_memory
from .generator import Context

_KEPT: Final = MAX_LORAS
"""So many stay in memory for the next request, those used last."""
_DENOISERS: Final = ("unet", "transformer")
_LEAST_SHARE: Final = 0.75
_PAIR: Final = re.compile(r"[._]lora(_A|_down|\.down|_linear_layer\.down)\b")
_BLOCK: Final = 8 * 1024 * 1024


class LoraStack:
    """The LoRAs of one pipeline.

    Args:
        pipeline: on its device; other pipelines with the same parts see the same LoRAs.
        name: the model's, for messages.
    """

    def __init__(self, pipeline: Any, name: str) -> None:
        self._pipeline = pipeline
        self._name = name
        self._loaded: OrderedDict[str, None] = OrderedDict()
        self._hashes: dict[tuple[str, int, int], str] = {}

    def use(self, loras: Sequence[Lora], context: Context) -> list[dict[str, Any]]:
        """Let exactly these change the model from now on; returns what the manifest says of them.

        Raises:
            RequestError: a file is not there, or the model takes no LoRA.
            ModelInvalidError: a file is pickled, damaged, no LoRA, or made for another model; the model then draws as
                before.
            CancelledError: between two files.
        """
        if not loras:
            if self._loaded:
                self._pipeline.disable_lora()
            return []
        if not self._takes_loras():
            raise RequestError(f"loras: {self._name} takes no LoRA.", advice="Choose another model, or no LoRA.")
        if importlib.util.find_spec("peft") is None:
            raise ModelInvalidError(
                "LoRAs need the package peft, which this engine lacks.", advice="Set up the engine again."
            )
        used: list[tuple[str, float]] = []
        facts: list[dict[str, Any]] = []
        for item in loras:
            context.check_cancelled()
            path = Path(item.file).expanduser()
            digest = self._digest(path)
            adapter = f"lora_{digest[:16]}"
            if adapter not in self._loaded:
                context.loading(f"Loading {path.name}")
                self._load(path, adapter, context)
            self._loaded[adapter] = None
            self._loaded.move_to_end(adapter)
            # The same file under two names counts twice.
            used.append((adapter, item.weight))
            facts.append({"file": str(path), "name": path.name, "sha256": digest, "weight": item.weight})
        weights: dict[str, float] = {}
        for adapter, weight in used:
            weights[adapter] = weights.get(adapter, 0.0) + weight
        self._pipeline.enable_lora()
        self._pipeline.set_adapters(list(weights), list(weights.values()))
        self._forget(set(weights))
        return facts

    def _digest(self, path: Path) -> str:
        if not path.is_file():
            raise RequestError(f"loras: there is no file {path}.", advice="Give the path of a .safetensors file.")
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in self._hashes:
            # Before anything else is done with it: a pickle is not even read.
            kind = identify(path).kind
            if kind != LORA:
                raise ModelInvalidError(
                    f"{path.name} is no LoRA.", advice="Choose a LoRA, or give this file as the model if it is one."
                )
            digest = hashlib.sha256()
            try:
                with open(path, "rb") as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
            except OSError as error:
                raise ModelInvalidError(f"{path} cannot be read: {error.strerror or error}.") from error
            self._hashes[key] = digest.hexdigest()
        return self._hashes[key]

    def _takes_loras(self) -> bool:
        # Some pipelines promise what their network cannot do.
        networks = (part for key, part in self._pipeline.components.items() if key.startswith(_DENOISERS))
        return hasattr(self._pipeline, "load_lora_weights") and any(hasattr(x, "load_lora_adapter") for x in networks)

    def _load(self, path: Path, adapter: str, context: Context) -> None:
        pairs = sum(_PAIR.search(name) is not None for name in identify(path).shapes)
        try:
            self._pipeline.load_lora_weights(
                str(path.parent),
                weight_name=path.name,
                adapter_name=adapter,
                use_safetensors=True,
                local_files_only=True,
            )
        except Exception as error:
            # Boundary: the readers meet files of any origin and raise whatever they stumble over.
            self._remove(adapter)
            if is_out_of_memory(error):
                raise
            raise self._foreign(path, _reason(error)) from error
        # Layers that the model lacks are left out in silence; some files bring parts that nobody loads.
        found = self._layers(adapter)
        if found < _LEAST_SHARE * pairs:
            self._remove(adapter)
            raise self._foreign(path, f"only {found} of its {pairs} layers are in the model")
        if found < pairs:
            context.warn(
                "lora_partly_used", f"{path.name} has {pairs} layers, of which {found} are in the model {self._name}."
            )

    def _foreign(self, path: Path, why: str) -> ModelInvalidError:
        return ModelInvalidError(
            f"{path.name} does not fit {self._name}: {why}.", advice="Choose a LoRA that was made for this model."
        )

    def _layers(self, adapter: str) -> int:
        """How many layers of the pipeline it changes."""
        networks = [part for part in self._pipeline.components.values() if isinstance(part, nn.Module)]
        layers = (layer for network in networks for layer in network.modules())
        return sum(adapter in getattr(layer, "lora_A", ()) for layer in layers)

    def _remove(self, adapter: str) -> None:
        self._loaded.pop(adapter, None)
        for part in self._pipeline.components.values():
            configured = getattr(part, "peft_config", None)
            if not isinstance(configured, dict) or adapter not in configured:
                continue
            from diffusers.utils.peft_utils import delete_adapter_layers

            delete_adapter_layers(part, adapter)

    def _forget(self, used: set[str]) -> None:
        for adapter in [name for name in self._loaded if name not in used]:
            if len(self._loaded) <= _KEPT:
                return
            self._remove(adapter)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "size mismatch" in text:
        return "its layers have other sizes"
    if "not found in the base model" in text or "No modules were targeted" in text:
        return "its layers are not in the model"
    return text[:200]

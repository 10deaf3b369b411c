# SPDX-License-Identifier: GPL-3.0-or-later
"""From a diffusers folder, and perhaps a file of weights beside it, to a pipeline in main memory."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from ..catalog_rows import CatalogRow
from ..errors import ModelInvalidError, TexloomError
from ..gguf_header import is_gguf
from .device import empty_cache, is_out_of_memory
from .families import Family
from .generator import Context
from .memory_plan import BFLOAT16, FLOAT16, FLOAT32, TOGETHER, TURNS, MemoryPlan
from .model_folder import Component, ModelFolder
from .pipelines import check_packages, part_class
from .small_weights import DTYPES, UNABLE, cannot_shrink, short, shrinking, smaller

FIRST: Final = 0.2
"""Part of loading that is done before the weights are read."""
LAST: Final = 0.95


class FolderLoader:
    """Reads the parts of one model.

    Args:
        folder: the model.
        family: its adapter.
        row: its row in the catalogue, for what suits it.
        file: weights in a single file that stand in for the folder's: all of them, or those of ``part``.
        part: the part that ``file`` holds; empty: all.
    """

    def __init__(
        self, folder: ModelFolder, family: Family, *, row: CatalogRow | None, file: Path | None, part: str
    ) -> None:
        self._folder = folder
        self._family = family
        self._row = row
        self._file = file
        self._file_part = part

    @property
    def whole_file(self) -> bool:
        """Whether all weights come from one file."""
        return self._file is not None and not self._file_part

    @property
    def quantizes(self) -> bool:
        """Whether weights can be made smaller: those of GGUF files are so already."""
        return self._file is None or not is_gguf(self._file)

    def skipped(self, kind: Any) -> tuple[str, ...]:
        """Parts that are not loaded for a pipeline of that class."""
        optional = set(getattr(kind, "_optional_components", ()))
        return (*(name for name in self._family.unused if name in optional), *self._family.absent)

    def pipeline(self, kind: Any, plan: MemoryPlan, context: Context) -> Any:
        """A pipeline of class ``kind`` with its weights as ``plan`` wants them.

        The parts are loaded one by one, which is what makes progress and cancelling possible.

        Raises:
            ModelInvalidError: something cannot be read.
            CannotShrink: not in the way that the plan keeps weights in.
            CancelledError: between two parts.
            RuntimeError, MemoryError: too little memory.
        """
        if self.whole_file:
            return self._from_file(kind, plan, context)
        parts: dict[str, Any] = dict.fromkeys(self.skipped(kind))
        wanted = [item for item in self._folder.components if item.name not in parts]
        sizes = [1 + sum((self._folder.path / f).stat().st_size for f in self._files(item)) for item in wanted]
        done = 0
        for item, size in zip(wanted, sizes, strict=True):
            context.loading(f"Loading {item.name.replace('_', ' ')}", FIRST + (LAST - FIRST) * done / sum(sizes))
            part = parts[item.name] = self._part(item, plan, context.device)
            if plan.offload == TOGETHER and isinstance(part, nn.Module):
                # At once: main memory need not have room for all of them.
                nn.Module.to(part, context.device)
            elif plan.offload == TURNS and smaller(item, plan) and isinstance(part, nn.Module):
                # Some are made smaller on the device, which need not have room for all of them.
                nn.Module.to(part, "cpu")
                empty_cache(context.device)
            done += size
        context.check_cancelled()
        if "requires_safety_checker" in inspect.signature(kind.__init__).parameters:
            parts["requires_safety_checker"] = False
        try:
            if self._folder.modular:
                # Such a folder has no index that the class could read.
                known = inspect.signature(kind.__init__).parameters
                named = {name: value for name, value in self._folder.options.items() if name in known}
                pipeline = kind(**named | parts)
            else:
                late = {name: parts[name] for name in self._family.late if name in parts}
                given = parts | dict.fromkeys(late)
                pipeline = kind.from_pretrained(self._folder.path, local_files_only=True, **given)
                pipeline.register_modules(**late)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable("the pipeline", error) from error
        self._set_scheduler(pipeline)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _set_scheduler(self, pipeline: Any) -> None:
        """What the catalogue's row wants of it; distilled networks need other steps than their base."""
        wanted = dict(self._row.scheduler) if self._row is not None else {}
        name = wanted.pop("class_name", type(pipeline.scheduler).__name__)
        if wanted or name != type(pipeline.scheduler).__name__:
            import diffusers

            pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config, **wanted)

    def _from_file(self, kind: Any, plan: MemoryPlan, context: Context) -> Any:
        """A whole model in one file, in the layout of its makers; diffusers gives its parts their own names."""
        context.loading("Loading the file", FIRST)
        where: dict[str, Any] = {"config": str(self._folder.path), "local_files_only": True}
        named = dict(where)
        signature = inspect.signature(kind.__init__).parameters
        named |= {name: None for name in self._family.unused if name in signature}
        drawing = self._folder.component("transformer", "unet")
        options: dict[str, Any] = {}
        if drawing is not None:
            # Text encoders in such files are read as they are.
            options = shrinking(drawing, plan)
        try:
            if drawing is not None and options:
                named[drawing.name] = part_class(drawing).from_single_file(
                    str(self._file), subfolder=drawing.name, torch_dtype=DTYPES[plan.precision], **where, **options
                )
            pipeline = kind.from_single_file(str(self._file), torch_dtype=DTYPES[plan.precision], **named)
        except Exception as error:
            # Boundary: the conversion meets files of any origin and raises whatever it stumbles over.
            if is_out_of_memory(error):
                raise short(error) from error
            if options:
                _tell_apart(error)
            raise self._unreadable(str(self._file), error) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _files(self, item: Component) -> list[Path]:
        if item.name == self._file_part and self._file is not None:
            return [self._file]
        return [file for file in self._folder.weights if file.parts[0] == item.name]

    def _part(self, item: Component, plan: MemoryPlan, device: str) -> Any:
        kind = part_class(item)
        folder = self._folder.path / item.name
        if item.name == self._file_part and self._file is not None:
            return self._part_from_file(kind, item, folder, plan)
        named: dict[str, Any] = {"local_files_only": True}
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            named["use_safetensors"] = True
            named["torch_dtype" if item.library != "transformers" else "dtype"] = DTYPES[plan.precision]
            if self._folder.variant:
                named["variant"] = self._folder.variant
        shrinks = smaller(item, plan)
        named |= shrinking(item, plan, device)
        try:
            own = self._family.part(item, self._folder)
            return own if own is not None else kind.from_pretrained(folder, **named)
        except TexloomError:
            raise
        except ImportError as error:
            if shrinks:
                raise cannot_shrink(error) from error
            text = " ".join(str(error).split())[:300]
            raise ModelInvalidError(
                f"{item.name} of the model in {self._folder.path} needs a package that the engine does without: {text}",
                advice="Install it into the engine's Python, or choose another model.",
            ) from error
        except Exception as error:
            # Boundary: readers of weights and tokenizers raise classes of their own that derive from Exception only.
            if is_out_of_memory(error):
                raise short(error) from error
            if shrinks:
                _tell_apart(error)
            raise self._unreadable(item.name, error) from error

    def _part_from_file(self, kind: Any, item: Component, folder: Path, plan: MemoryPlan) -> Any:
        assert self._file is not None
        # diffusers makes the weights of single files smaller where they are read, not on the device.
        options = _packed(self._file, plan) or shrinking(item, plan)
        try:
            part = kind.from_single_file(
                str(self._file),
                config=str(folder),
                local_files_only=True,
                torch_dtype=DTYPES[plan.precision],
                **options,
            )
        except Exception as error:
            # Boundary: as for whole models in one file.
            if is_out_of_memory(error):
                raise short(error) from error
            if "quantization_config" in options and not is_gguf(self._file):
                _tell_apart(error)
            raise self._unreadable(str(self._file), error) from error
        return part.eval()

    def _unreadable(self, what: str, error: Exception) -> TexloomError:
        text = " ".join(str(error).split())[:300]
        return ModelInvalidError(
            f"{what} of the model in {self._folder.path} cannot be loaded: {text}", advice="Download the model again."
        )


def _tell_apart(error: Exception) -> None:
    """Raise what a part that is to be smaller says of that, or of a mistake made here; the rest is about its files."""
    if isinstance(error, UNABLE):
        raise cannot_shrink(error) from error
    if isinstance(error, (TypeError, AttributeError, NameError)):
        raise error


def best_precision(folder: ModelFolder, device: str) -> str:
    """The precision that a model draws best in on a device."""
    kind = torch.device(device).type
    if kind == "cpu":
        return FLOAT32
    # UNets were made for half precision; transformers overflow in it.
    if folder.component("transformer") is None:
        return FLOAT16
    if kind == "cuda" and not torch.cuda.is_bf16_supported():
        return FLOAT16
    return BFLOAT16


def _packed(file: Path, plan: MemoryPlan) -> dict[str, Any]:
    """Arguments that leave weights as they are in a GGUF file, and compute with them in the plan's precision.

    Raises:
        ModelInvalidError: the package that reads such files is missing.
    """
    if not is_gguf(file):
        return {}
    check_packages(file, ("gguf",))
    from diffusers import GGUFQuantizationConfig

    return {"quantization_config": GGUFQuantizationConfig(compute_dtype=DTYPES[plan.precision])}

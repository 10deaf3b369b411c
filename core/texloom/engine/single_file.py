# SPDX-License-Identifier: GPL-3.0-or-later
"""Open weights in a single file, as people share them: what it is, and which folder gives what it lacks.

A file holds weights alone.  Their configuration and the tokenizers come from a diffusers folder of the same family
that is on this machine, since nothing is downloaded in a job.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .. import catalog_rows, model_store
from ..catalog_rows import CatalogRow
from ..errors import ModelInvalidError, ModelNotFoundError
from ..gguf_header import is_gguf
from ..weights_header import (
    CHECKPOINT,
    CONTROL,
    DENOISER,
    IMAGE_ADAPTER,
    LORA,
    TEXTUAL_INVERSION,
    VAE,
    WeightsFile,
    identify,
    read_header,
)
from .diffusers_folder import DiffusersFolderGenerator
from .families import family_of
from .model_folder import ModelFolder, read_folder

_DENOISERS: Final = ("transformer", "unet")
_TOLERANCE: Final = 0.02
_WHOLE: Final = "model.diffusion_model."
_ENCODERS: Final = {768: "ViT-L", 1024: "ViT-H"}
"""Text encoders of Stable Diffusion by the width of what they say, as the catalogue names them."""
_NO_MODEL: Final = {
    LORA: "a LoRA: it changes a model and is none itself",
    TEXTUAL_INVERSION: "a textual inversion: it teaches a model a word and is none itself",
    CONTROL: "a ControlNet: it guides a model and is none itself",
    IMAGE_ADAPTER: "an image adapter: it gives a model the look of a picture and is none itself",
    VAE: "an autoencoder alone: it draws nothing from words",
}


def open_file(path: Path) -> DiffusersFolderGenerator:
    """The generator of a checkpoint in one file.

    Raises:
        ModelInvalidError: it is pickled, damaged, no image model, or not of a family that can be opened.
        ModelNotFoundError: the folder that gives the rest is not on this machine; says which to download.
    """
    file = identify(path)
    if file.kind in _NO_MODEL:
        raise ModelInvalidError(f"{path.name} is {_NO_MODEL[file.kind]}.", advice="Choose a model, and this beside it.")
    if file.kind not in (CHECKPOINT, DENOISER):
        raise ModelInvalidError(
            f"{path.name} holds weights of a kind that Texloom does not know.",
            advice="Choose a model of a family that texloom models lists, or its diffusers folder.",
        )
    _refuse_inpainting(file)
    if file.kind == CHECKPOINT and is_gguf(path):
        raise ModelInvalidError(
            f"{path.name} is a GGUF file of a whole model; of such files the network that draws can be used alone.",
            advice="Choose a GGUF file of the network alone, or a .safetensors file.",
        )
    if file.kind == CHECKPOINT:
        return DiffusersFolderGenerator(_configuration(file), file=path)
    folder, part = _rest(file)
    return DiffusersFolderGenerator(folder.path, file=path, part=part)


def _configuration(file: WeightsFile) -> Path:
    """A folder whose configuration fits to a whole checkpoint."""
    for path in _folders(whole=False):
        folder = _read(path, configuration_only=True)
        if folder is not None and _member(folder, file.family) and _fits(folder, file):
            return path
    raise _needed(file, "the configuration", configuration=True)


def _rest(file: WeightsFile) -> tuple[ModelFolder, str]:
    """A folder with all other parts for a network that draws, and the name of that part."""
    wanted = sum(math.prod(shape) for shape in file.shapes.values())
    for path in _folders(whole=True):
        folder = _read(path)
        if folder is None or not _member(folder, file.family):
            continue
        part = folder.component(*_DENOISERS)
        # Sizes of one family differ in the number of weights, whatever the layout of their names.
        if part is not None and abs(_weights(folder, part.name) - wanted) <= _TOLERANCE * wanted:
            return folder, part.name
    raise _needed(file, "the text encoder, the autoencoder and the configuration", configuration=False)


def _weights(folder: ModelFolder, part: str) -> int:
    shapes = [read_header(folder.path / name)[0] for name in folder.weights if name.parts[0] == part]
    return sum(math.prod(shape) for found in shapes for shape in found.values())


def _folders(*, whole: bool) -> Iterator[Path]:
    seen = set()
    for found in model_store.scan():
        if found.path.is_dir():
            seen.add(found.path)
            yield found.path
    if not whole:
        # Folders with configurations alone are no models.
        for row in catalog_rows.rows():
            path = model_store.find_configuration(row.hub)
            if path is not None and path not in seen:
                yield path


def _read(path: Path, *, configuration_only: bool = False) -> ModelFolder | None:
    try:
        return read_folder(path, configuration_only=configuration_only)
    except ModelInvalidError:
        return None  # another one may do


def _member(folder: ModelFolder, family: str) -> bool:
    return family_of(folder).id in _families(family)


def _families(family: str) -> tuple[str, ...]:
    # FLUX.2 dev and klein are one network in two sizes.
    return (family, "flux2-klein") if family == "flux2" else (family,)


def _fits(folder: ModelFolder, file: WeightsFile) -> bool:
    """Whether the folder's text encoder is as wide as the network's: 1 and 2 of Stable Diffusion differ in that."""
    unet = folder.component("unet")
    if unet is None:
        return True
    wide = unet.config.get("cross_attention_dim")
    found = _widths(file)
    return not found or not isinstance(wide, int) or wide in found


def _widths(file: WeightsFile) -> set[int]:
    """How wide the text encoder is that the network looks at."""
    # A whole checkpoint has layers of that name in its text encoders as well.
    return {
        shape[-1]
        for name, shape in file.shapes.items()
        if name.endswith(".attn2.to_k.weight") and (file.kind == DENOISER or "diffusion_model" in name)
    }


def _refuse_inpainting(file: WeightsFile) -> None:
    for name in ("model.diffusion_model.input_blocks.0.0.weight", "conv_in.weight"):
        shape = file.shapes.get(name)
        if shape is not None and len(shape) == 4 and shape[1] > 4:
            raise ModelInvalidError(
                f"{file.path.name} is made to fill in parts of a picture; it draws nothing from words alone.",
                advice="Choose a text-to-image model.",
            )


def _needed(file: WeightsFile, what: str, *, configuration: bool) -> ModelNotFoundError:
    rows = _giving(file)
    if not rows:
        return ModelNotFoundError(
            f"{file.path.name} holds weights alone; {what} of its family must come from a diffusers folder.",
            advice="Put a diffusers folder of the same model into a model folder.",
        )
    option = "--configuration" if configuration else ""
    commands = ", ".join(f"texloom models download {row.id} {option}".rstrip() for row in rows[:3])
    return ModelNotFoundError(
        f"{file.path.name} holds weights alone; {what} must come from a diffusers folder of the same model.",
        advice=f"Download one that fits first: {commands}",
        download=rows[0].id,
        configuration=configuration,
    )


def _giving(file: WeightsFile) -> list[CatalogRow]:
    """The rows of the catalogue that may give what a file lacks, the one that fits best first."""
    drawing = [
        math.prod(shape) for name, shape in file.shapes.items() if file.kind == DENOISER or name.startswith(_WHOLE)
    ]
    billions = sum(drawing) / 1e9

    def unlike(row: CatalogRow) -> tuple[bool, int, bool]:
        # Versions of Stable Diffusion differ in their text encoder, members of other families in their size.
        encoders = [name for width, name in _ENCODERS.items() if width in _widths(file)]
        other = any(name not in row.text_encoder for name in encoders)
        return other, round(10.0 * abs(row.denoiser_billions - billions)), row.gated == "yes"

    rows = [row for row in catalog_rows.rows() if row.family in _families(file.family) and not row.part]
    return sorted(rows, key=unlike)

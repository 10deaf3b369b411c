# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request's ``model`` to the generator that draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import ModelNotFoundError
from .generator import Generator
from .text_encoder import TextEncoder

INSTANT: Final = "instant"
IMAGE: Final = "image"
IDS: Final = (INSTANT, IMAGE)
"""Models that have a name; every other model is given by its folder."""


def model_key(model: str) -> str:
    """The same text for the same model, however its folder is written; errors as :func:`create`."""
    return model if model in IDS else str(_folder(model))


def create(model: str, encoder: TextEncoder) -> Generator:
    """Make the generator of a catalogue id, or of the diffusers folder at that path.  Reads no weights.

    Raises:
        ModelNotFoundError: there is neither such an id nor such a folder.
        ModelInvalidError: the folder cannot be used.
    """
    # Either kind brings libraries that the other does without.
    if model == INSTANT:
        from .instant import InstantGenerator

        return InstantGenerator(encoder)
    if model == IMAGE:
        from .from_image import ImageGenerator

        return ImageGenerator()
    from .diffusers_folder import DiffusersFolderGenerator

    return DiffusersFolderGenerator(_folder(model))


def _folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve()
    known = ", ".join(IDS)
    if folder.parent == Path() and not model.startswith((".", "~")):
        raise ModelNotFoundError(
            f"There is no model {model!r}.", advice=f"Choose {known}, or give the path of a diffusers folder."
        )
    raise ModelNotFoundError(
        f"There is no folder {model}.", advice=f"Choose a diffusers folder that exists, or the model {known}."
    )

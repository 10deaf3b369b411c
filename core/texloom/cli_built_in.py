# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that come with Texloom, in ``texloom models``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .cli_show import Show
from .runtime.process import package_folder
from .weights_header import identify

_MODELS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "instant": ("seamless PBR from a prompt", ("instant",)),
    "learned": ("seamless PBR from a prompt, painted by a network that can learn (texloom train lora)", ("learned",)),
    "image": ("from a picture; see texloom maps, texloom seamless and texloom upscale", ("maps", "upscale")),
}
"""What each does, and its folders."""


def card_of(folder: Path) -> Path:
    """The model card in the folder of a built-in model; diffusers folders call it README.md."""
    card = folder / "MODEL_CARD.md"
    return card if card.is_file() else folder / "README.md"


def tell(name: str, show: Show) -> bool:
    """Print all about a built-in model; whether there is one of that name."""
    if name not in _MODELS:
        return False
    what, folders = _MODELS[name]
    paths = [package_folder() / "texloom" / "models" / folder for folder in folders]
    size = sum(file.stat().st_size for path in paths for file in path.rglob("*.safetensors"))
    show.data({"id": name, "built_in": True, "paths": [str(path) for path in paths], "bytes": size})
    show.facts(
        {
            "Name": name,
            "On disk": "comes with Texloom",
            "Does": f"built in, offline, {what}",
            "Weights": f"{size / 1e6:.1f} MB",
            "Card": "\n".ljust(15).join(str(card_of(path)) for path in paths),
        },
        (),
    )
    return True


def check(name: str, show: Show) -> bool:
    """Read the headers of a built-in model's weights; whether there is one of that name.

    Raises:
        TexloomError: a file is damaged.
    """
    if name not in _MODELS:
        return False
    for folder in _MODELS[name][1]:
        for path in sorted((package_folder() / "texloom" / "models" / folder).rglob("*.safetensors")):
            identify(path)
            show.data({"path": str(path), "ok": True})
            show.line(f"{path.name} is sound as far as its header tells.")
    return True

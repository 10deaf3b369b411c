# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that the engine does without until somebody asks for them: each start of a large model imports them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import EngineMissingError

QUANTIZATION: Final = "quantization"
"""Weights in 8 bits (torchao) and 4 bits (bitsandbytes), on NVIDIA graphics cards."""

EXTRAS: Final = (QUANTIZATION,)
_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {QUANTIZATION: ("torchao", "bitsandbytes")}
COMMAND: Final = "texloom setup --extra quantization"


def lock(name: str, accelerator: str) -> Path:
    """The lock file of an extra, for that build of torch.

    Raises:
        EngineMissingError: there is none for it.
    """
    if name not in EXTRAS:
        raise EngineMissingError(f"The engine has no extra {name!r}.", advice=f"There are: {', '.join(EXTRAS)}.")
    if accelerator != "cuda":
        raise EngineMissingError(
            "Weights in few bits need torch for NVIDIA graphics cards.",
            advice="Set the engine up for CUDA, or without this extra.",
        )
    return Path(__file__).with_name("locks") / "extras" / f"{name}.txt"


def there(python: Path | None) -> tuple[str, ...]:
    """Extras that an environment has, all of whose packages it has; none where that cannot be told."""
    return tuple(name for name in EXTRAS if all(has_package(python, package) for package in _PACKAGES[name]))


def has_package(python: Path | None, name: str) -> bool | None:
    """Whether an environment has a package, told by its folders: nothing is run.  None where that cannot be told."""
    if python is None:
        return False
    if python == Path(sys.executable):
        return importlib.util.find_spec(name) is not None
    environment = python.parent.parent
    # On Windows a Python that is no virtual environment lies beside its Lib; Debian's packages lie in dist-packages.
    places = [folder / "Lib" / "site-packages" for folder in (environment, python.parent)]
    places += [*environment.glob("lib*/python3*/site-packages"), *environment.glob("lib*/python3*/dist-packages")]
    there = [place for place in places if place.is_dir()]
    return any((place / name).is_dir() for place in there) if there else None

# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that Texloom knows by name, read from ``models/catalog.toml``, for menus and the command line."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from .errors import StorageError

FILE: Final = Path(__file__).with_name("models") / "catalog.toml"
SCHEMA: Final = 1

COMMERCIAL: Final = ("yes", "limited", "no", "unknown")
GATED: Final = ("yes", "no", "unknown")
ABILITIES: Final = ("image_to_image", "inpaint", "edit", "control", "lora", "ip_adapter")
PRECISIONS: Final[Mapping[str, float]] = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.56}
"""Bytes a weight; four bits with their scales are a little more than half a byte."""
PRECISION_NEEDS: Final[Mapping[str, str]] = {"int8": "torchao", "int4": "bitsandbytes"}
"""Packages that smaller weights need, which the engine has where somebody asked for them (``runtime/extras``)."""

GUIDANCE_INSIDE: Final = frozenset(
    {"flux", "flux-fill", "flux-control", "flux2", "flux2-klein", "flux3", "sana-sprint"}
)
"""Families whose guidance is an input of the network or distilled into it, so that negative prompts have no effect."""
GUIDANCE_OFF: Final = 1.0
"""Up to this there is no guidance."""

_PINNED: Final = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)@(?P<commit>[0-9a-f]{7,40})")
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")

_GIGA: Final = 10**9
_WORKING_BYTES: Final = 1_500_000_000
_USUAL_BYTES: Final = 2.0
_LARGEST_SHARE: Final = 0.05
"""Of a network's weights, about what its largest layer has; two are on a graphics card where layers come in turns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogRow:
    """One model; the fields are described at the top of ``models/catalog.toml``."""

    id: str
    name: str
    hub: str
    family: str
    pipeline: str
    text_encoder: str
    licence: str
    commercial: str
    gated: str
    steps: int
    guidance: float
    size: int
    languages: tuple[str, ...]
    abilities: tuple[str, ...]
    denoiser_billions: float
    text_encoder_billions: float
    revision: str = ""
    bytes_per_weight: float = _USUAL_BYTES
    text_encoder_bytes_per_weight: float = _USUAL_BYTES
    decoder_gigabytes: float = 0.2
    text_to_image: bool = True
    opens: bool = True
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    base: str = ""
    part: str = ""
    file: str = ""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def guided(self) -> bool:
        """Whether guidance is on when nothing else is asked for."""
        return self.guidance > GUIDANCE_OFF

    @property
    def negative(self) -> bool:
        """Whether negative prompts have an effect then."""
        return self.guided and self.family not in GUIDANCE_INSIDE

    @property
    def download_bytes(self) -> int:
        """About how much there is to download; the hub tells exactly."""
        weights = self.denoiser_billions * self.bytes_per_weight
        weights += self.text_encoder_billions * self.text_encoder_bytes_per_weight
        return round((weights + (0.0 if self.part else self.decoder_gigabytes)) * _GIGA)

    def weight_bytes(self, precision: str) -> int:
        """About how much memory all weights take; of those that are one part without what their base brings.

        Args:
            precision: one of :data:`PRECISIONS`, for the network that draws and the text encoders.
        """
        weights = (self.denoiser_billions + self.text_encoder_billions) * PRECISIONS[precision]
        return round((weights + self.decoder_gigabytes) * _GIGA)

    def memory_bytes(self, precision: str) -> int:
        """About how much memory it takes with everything on the device, for one picture of its size.

        Args:
            precision: as for :meth:`weight_bytes`.
        """
        return self.weight_bytes(precision) + _WORKING_BYTES

    @property
    def least_bytes(self) -> int:
        """About how much memory a graphics card must have where all layers come from main memory, one by one.

        Needs no further package, but main memory for :meth:`weight_bytes` of ``bfloat16``, and time.
        """
        largest = max(self.denoiser_billions, self.text_encoder_billions) * _LARGEST_SHARE * PRECISIONS["bfloat16"]
        return round((2.0 * largest + self.decoder_gigabytes) * _GIGA) + _WORKING_BYTES

    @property
    def terms(self) -> tuple[str, ...]:
        """What to know before a download, in plain words; empty when there is nothing to warn of."""
        return terms(self)


class Terms(Protocol):
    """What :func:`terms` reads of a row."""

    @property
    def name(self) -> str: ...
    @property
    def hub(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def commercial(self) -> str: ...
    @property
    def gated(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def opens(self) -> bool: ...


def terms(row: Terms) -> tuple[str, ...]:
    """What to know before a row's download, in plain words; empty when there is nothing to warn of."""
    said = []
    if not row.opens:
        said.append(f"Texloom does not open {row.name} yet.")
    if row.needs:
        said.append(f"{row.name} needs {' and '.join(row.needs)} in the engine's Python, which is not part of it.")
    if row.commercial == "no":
        said.append(f"{row.name} is for non-commercial use only (licence: {row.licence}).")
    elif row.commercial == "limited":
        said.append(f"Commercial use of {row.name} has conditions; read its licence ({row.licence}).")
    elif row.commercial == "unknown":
        said.append(f"It is not certain that {row.name} may be used commercially; read its licence.")
    if row.gated == "yes":
        said.append(gate(row.hub))
    return tuple(said)


def unknown_terms(hub: str, *, licence: str = "", gated: bool = False) -> tuple[str, ...]:
    """What to know before a download of a model that has no row.

    Args:
        hub: owner/name.
        licence, gated: what the hub says of it, as far as it was asked.
    """
    said = [f"Texloom does not know the licence of {hub}; read it at https://huggingface.co/{hub}."]
    if licence:
        said.append(f"Its page names the licence {licence}.")
    if gated:
        said.append(gate(hub))
    return tuple(said)


def gate(hub: str) -> str:
    """What to know of a model that the hub gives to those only who have accepted its makers' terms."""
    return (
        f"Its makers ask you to accept their terms first: sign in at https://huggingface.co/{hub}, "
        "accept them there, and give Texloom an access token."
    )


def beside(
    *, key: str, name: str, hub: str, part: str, licence: str, commercial: str, gated: str, billions: float, **more: Any
) -> CatalogRow:
    """The row for a download of what draws nothing by itself: a network, an adapter or a decoder beside a model.

    Args:
        key: its id.
        part: what it is.
        more: other fields of a row.
    """
    nothing: dict[str, Any] = {"family": "", "pipeline": "", "text_encoder": "", "languages": (), "abilities": ()}
    plain: dict[str, Any] = {"steps": 1, "guidance": 0.0, "size": 0, "text_encoder_billions": 0.0}
    return CatalogRow(
        id=key,
        name=name,
        hub=hub,
        part=part,
        licence=licence,
        commercial=commercial,
        gated=gated,
        denoiser_billions=billions,
        text_to_image=False,
        **{**nothing, **plain, **more},
    )


@functools.cache
def rows() -> tuple[CatalogRow, ...]:
    """All models, in the order of the file.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{FILE} cannot be read: {error}.", advice="Install Texloom again.") from error
    if data.get("schema") != SCHEMA:
        raise StorageError(f"{FILE} has schema {data.get('schema')!r} instead of {SCHEMA}.")
    return tuple(_row(entry) for entry in data["model"])


def find(model: str) -> CatalogRow | None:
    """The row with that id, or else that hub id; None when there is none."""
    for row in rows():
        if model in (row.id, row.hub):
            return row
    return None


def pinned(model: str) -> tuple[str, str]:
    """A model's name and the commit of the hub that is asked for behind its ``@``; empty where there is none."""
    found = _PINNED.fullmatch(model)
    return (found["name"], found["commit"]) if found else (model, "")


def is_hub_id(text: str) -> bool:
    """Whether ``text`` looks like ``owner/name``."""
    return HUB_ID.fullmatch(text) is not None and ".." not in text


def _row(entry: Mapping[str, Any]) -> CatalogRow:
    values = dict(entry)
    parameters = values.pop("parameters")
    values["denoiser_billions"] = float(parameters["denoiser"])
    values["text_encoder_billions"] = float(parameters["text_encoders"])
    sizes = values.pop("bytes_per_weight", {})
    values["bytes_per_weight"] = float(sizes.get("denoiser", _USUAL_BYTES))
    values["text_encoder_bytes_per_weight"] = float(sizes.get("text_encoders", _USUAL_BYTES))
    for name in ("languages", "abilities", "only", "skip", "needs"):
        if name in values:
            values[name] = tuple(values[name])
    try:
        return CatalogRow(**values)
    except TypeError as error:
        raise StorageError(f"{FILE} is damaged ({error}) at {values.get('id')!r}.") from error

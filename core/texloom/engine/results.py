# SPDX-License-Identifier: GPL-3.0-or-later
"""From drawn variations to files: missing maps are derived and everything is written while the next one is drawn."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import __version__
from ..png import write_png
from ..request import IMAGE_MAP, GenerationRequest
from ..storage import MANIFEST_NAME, MANIFEST_SCHEMA, write_json_atomic
from . import map_models, pbr, seam_repair
from .context import JobContext
from .generator import GeneratedImage, GeneratorInfo, Pixels
from .map_estimator import Estimated
from .sources import KeptSource

_COLORS: Final = ("base_color", IMAGE_MAP)
_PENDING: Final = 2

_SEAM_LEFT: Final = {
    "inpaint": "Outside the part that was drawn the picture is as it was.",
    "outpaint": "The picture grew only where it was told to.",
    "repair_seams": "The seam was drawn anew already.",
}

THUMBNAIL_SIDE: Final = 256
"""The longer side of the small picture that stands for a variation in lists, in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenFile:
    """One file in the job's folder."""

    index: int
    map: str
    name: str
    width: int
    height: int
    bit_depth: int
    color_space: str
    sha256: str


class ResultWriter:
    """Takes the variations of one request and writes their files into ``folder``.

    A context manager: leaving it waits until no thread writes any more, whatever happened, so that the folder may
    be removed.  ``kept`` are copies in ``folder`` of the pictures that the request names: ``source`` and ``mask``.
    """

    def __init__(
        self,
        request: GenerationRequest,
        info: GeneratorInfo,
        context: JobContext,
        folder: Path,
        *,
        kept: Mapping[str, KeptSource] | None = None,
    ) -> None:
        self.files: list[WrittenFile] = []
        self._request = request
        self._info = info
        self._context = context
        self._folder = folder
        self._kept = dict(kept or {})
        self._results: list[dict[str, Any]] = []
        self._pending: deque[Future[None]] = deque()
        # One thread derives maps, several compress them.
        self._derive = ThreadPoolExecutor(1, thread_name_prefix="texloom-derive")
        self._write = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="texloom-write")

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._derive.shutdown(wait=True, cancel_futures=True)
        self._write.shutdown(wait=True, cancel_futures=True)

    def add(self, image: GeneratedImage) -> None:
        """Write ``image`` in the background; waits when that is far behind.  Errors of earlier ones come up here."""
        while len(self._pending) >= _PENDING or (self._pending and self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._derive.submit(self._one, image))

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            StorageError, CancelledError: what went wrong in the background.
        """
        with self._context.timed("write"):
            while self._pending:
                self._pending.popleft().result()

    def write_manifest(self, *, device: str, versions: Mapping[str, str]) -> str:
        """Write the manifest, once everything else is there; returns its name.

        Raises:
            StorageError: it could not be written.
        """
        info = self._info
        data = {
            "schema": MANIFEST_SCHEMA,
            "request": self._request.to_dict(),
            "texloom_version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": {
                "id": info.id,
                "name": info.name,
                "revision": info.revision,
                "commit": info.details.get("commit", ""),
                "licence": info.licence,
                "files": dict(info.files),
            },
            "device": device,
            "versions": dict(versions),
            "timings": {stage: round(seconds, 4) for stage, seconds in self._context.timings.items()},
            "warnings": [
                {"code": item.code, "message": item.message, "advice": item.advice, "words": list(item.words)}
                for item in self._context.warnings
            ],
            "results": self._results,
        }
        data |= {name: item.to_dict() for name, item in self._kept.items()}
        write_json_atomic(self._folder / MANIFEST_NAME, data)
        return MANIFEST_NAME

    def _one(self, image: GeneratedImage) -> None:
        started = time.perf_counter()
        maps = _Maps(image, self._request, self._context)
        futures: list[Future[WrittenFile]] = []
        wanted = self._request.maps if self._request.kind == "material" else (IMAGE_MAP,)
        # What is drawn already goes to disk while the rest is derived.
        for name in sorted(wanted, key=lambda name: not maps.has(name)):
            self._context.check_cancelled()
            futures.append(self._write.submit(self._file, image, name, maps.get(name)))
        thumbnail = f"{image.index:02d}_thumbnail.png"
        write_png(self._folder / thumbnail, _thumbnail(maps.get(wanted_color(self._request.kind))), srgb=True)
        self._context.timing("derive", time.perf_counter() - started)
        seams = _seams(image, maps.get(wanted_color(self._request.kind)), self._request)
        files = {file.map: file for file in (future.result() for future in futures)}
        ordered = [files[name] for name in wanted]
        self.files.extend(ordered)
        self._results.append(_result(image, maps, ordered) | seams | {"thumbnail": thumbnail})

    def _file(self, image: GeneratedImage, name: str, pixels: Pixels) -> WrittenFile:
        color = name in _COLORS
        file = f"{image.index:02d}_{name}.png"
        text = {
            "texloom:prompt": str(image.details.get("prompt", self._request.prompt)),
            "texloom:seed": str(image.seed),
            "texloom:model": self._info.id,
            "texloom:version": __version__,
            "texloom:map": name,
        }
        digest = write_png(self._folder / file, pixels, text=text, srgb=color, check=self._context.check_cancelled)
        self._context.written(image.index)
        return WrittenFile(
            index=image.index,
            map=name,
            name=file,
            width=pixels.shape[1],
            height=pixels.shape[0],
            bit_depth=pixels.dtype.itemsize * 8,
            color_space="sRGB" if color else "Non-Color",
            sha256=digest,
        )


class _Maps:
    """The maps of one variation: drawn ones as they are, others made when first asked for."""

    def __init__(self, image: GeneratedImage, request: GenerationRequest, context: JobContext) -> None:
        self._image = image
        self._request = request
        self._context = context
        self._maps: dict[str, Pixels] = dict(image.maps)
        self._guess: Estimated | None = None
        self._metres: Tensor | None = None
        self.height_range = (image.height_min_m, image.height_max_m)
        picture = self._maps.get("base_color", self._maps.get(IMAGE_MAP))
        if picture is None:
            picture = next(iter(self._maps.values()))
        if picture.ndim == 3 and picture.shape[2] == 4 and request.kind == "material":
            picture = picture[..., :3]
        # A picture is a base colour with the light still in it, and a base colour is the picture of a texture.
        self._maps.setdefault("base_color", picture)
        self._maps.setdefault(IMAGE_MAP, picture)

    def has(self, name: str) -> bool:
        """Whether :meth:`get` costs nothing."""
        return name in self._maps

    def get(self, name: str) -> Pixels:
        """A map by its name."""
        if name not in self._maps:
            self._maps[name] = self._made(name)
        pixels = self._maps[name]
        if name == "height" and pixels.dtype.itemsize == 1:
            pixels = pixels.astype(np.uint16) * np.uint16(257)  # the same metres; height files always have 16 bits
            self._maps[name] = pixels
        return pixels

    def _made(self, name: str) -> Pixels:
        image, request = self._image, self._request
        if name == "normal":
            return pbr.normal_pixels(
                self._height(), image.tile_width_m, image.tile_height_m, request.tile_x, request.tile_y
            )
        if name == "ambient_occlusion":
            return pbr.ambient_occlusion_pixels(
                self._height(), image.tile_width_m, image.tile_height_m, request.tile_x, request.tile_y
            )
        guess = self._guessed()
        if name == "height":
            pixels, low, high = pbr.height_to_pixels(guess.height_m)
            self.height_range = (low, high)
            return pixels
        return pbr.to_uint8(guess.roughness if name == "roughness" else guess.metallic)

    def _height(self) -> Tensor:
        if self._metres is None:
            # From the pixels themselves, so that the maps agree with the height file to the last bit.
            pixels = self.get("height")
            low, high = self.height_range
            self._metres = pbr.height_from_pixels(pixels, low, high, self._context.device)
        return self._metres

    def _guessed(self) -> Estimated:
        if self._guess is None:
            self._context.warn(
                "maps_estimated",
                "The model draws only a picture; the other maps are estimated from it.",
                advice="Choose the model instant for exact maps.",
            )
            rgb = torch.from_numpy(self._maps["base_color"].astype(np.float32)).to(self._context.device)
            rgb = rgb.permute(2, 0, 1) / 255.0
            self._guess, self._image.details["map_models"] = map_models.estimate(
                rgb,
                self._image.tile_width_m,
                tile_x=self._request.tile_x,
                tile_y=self._request.tile_y,
                check=self._context.check_cancelled,
                warn=self._context.warn,
            )
        return self._guess


def wanted_color(kind: str) -> str:
    """The map that shows best what a result of that kind looks like."""
    return "base_color" if kind == "material" else IMAGE_MAP


def _thumbnail(pixels: Pixels) -> Pixels:
    """The picture, averaged down to :data:`THUMBNAIL_SIDE` at most; 8 bits."""
    height, width = pixels.shape[:2]
    scale = THUMBNAIL_SIDE / max(height, width)
    if scale >= 1.0:
        return pixels
    planes = torch.from_numpy(np.ascontiguousarray(pixels.reshape(height, width, -1))).permute(2, 0, 1)[None]
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    # Every so many pixels only: a float copy of an 8K picture would take a gigabyte.
    step = max(1, min(height // size[0], width // size[1]) // 4)
    small = F.interpolate(planes[..., ::step, ::step].float(), size, mode="area")[0].permute(1, 2, 0)
    return small.round_().clamp_(0.0, 255.0).to(torch.uint8).numpy().reshape(*size, *pixels.shape[2:])


def _seams(image: GeneratedImage, pixels: Pixels, request: GenerationRequest) -> dict[str, Any]:
    """How well a result tiles, as whoever made it measured it or as its colors do, and why a seam is left."""
    details = image.details
    ratio = details.get("seam_ratio") or details.get("upscale", {}).get("seam_ratio") or seam_repair.ratios(pixels)
    found = {"seam_ratio": ratio}
    if "seam_repair" not in details:
        why = _SEAM_LEFT.get(request.operation, "The model repeats its pictures by itself and repairs no seams.")
        found |= seam_repair.unrepaired(pixels, (request.tile_x, request.tile_y), 1, ratio, why)
    return found


def _result(image: GeneratedImage, maps: _Maps, files: list[WrittenFile]) -> dict[str, Any]:
    low, high = maps.height_range
    return {
        **image.details,
        "index": image.index,
        "seed": image.seed,
        "tile_width_m": image.tile_width_m,
        "tile_height_m": image.tile_height_m,
        "height_min_m": low,
        "height_max_m": high,
        "parameters": dict(image.parameters),
        "maps": {
            file.map: {
                "file": file.name,
                "width": file.width,
                "height": file.height,
                "sha256": file.sha256,
                "color_space": file.color_space,
                "bit_depth": file.bit_depth,
            }
            for file in files
        },
    }

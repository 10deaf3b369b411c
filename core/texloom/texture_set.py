# SPDX-License-Identifier: GPL-3.0-or-later
"""A result as the set of texture files that another program wants: packed, named, whole or not at all.

    plan = texture_set.plan(TextureSet.from_folder(folder), directory, preset="unreal")
    written = plan.write()

:func:`plan` checks everything that can be known before; :meth:`Plan.write` takes seconds for large pictures and may
run in any thread.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import __version__, pixel_ops
from .errors import CancelledError, RequestError, StorageError
from .export_presets import MISSING, PRESETS, SMOOTHNESS, WHITE, FileSpec, Note, file_stem, files_for
from .exr import write_exr
from .png import Pixels, read_header, read_png, write_png
from .storage import read_manifest

Source = Path | bytes | Pixels
"""A map: a PNG file, the bytes of one, or its pixels."""
Progress = Callable[[float], None]

FORMATS: Final = ("png", "exr")
DEPTHS: Final = ("auto", "8", "16")
NORMALS: Final = ("auto", "opengl", "directx")
SIZES: Final = ("as_is", "power_of_two", "half")

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True, kw_only=True)
class TextureSet:
    """The maps of one variation, and what is needed to make others of them.

    ``name`` is any text, a prompt say.  ``maps`` has the keys of a manifest (``base_color`` or ``image``,
    ``normal``, ``height`` …).  ``origin`` goes into the files: where they come from.  Sizes are metres.
    """

    name: str
    maps: Mapping[str, Source]
    tile_width_m: float = 1.0
    tile_height_m: float = 1.0
    height_range_m: float = 0.0
    tile_x: bool = True
    tile_y: bool = True
    origin: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: Path, index: int = 0) -> TextureSet:
        """Variation ``index`` of the result in ``folder``.

        Raises:
            StorageError: the manifest or a file is missing or damaged, or it has no such variation.
        """
        return cls.from_manifest(read_manifest(folder), folder, index)

    @classmethod
    def from_manifest(cls, data: Mapping[str, Any], folder: Path, index: int = 0) -> TextureSet:
        """The same from a manifest that is already read; ``folder`` is where its files lie.

        Raises:
            StorageError: there is no such variation.
        """
        results = data["results"]
        found = next((item for item in results if item.get("index", 0) == index), None)
        if found is None:
            raise StorageError(f"{folder} holds no variation {index + 1}.")
        request = data["request"]
        prompt = str(request.get("prompt", ""))
        width = _number(found.get("tile_width_m"), 1.0)
        low, high = _number(found.get("height_min_m"), 0.0), _number(found.get("height_max_m"), 0.0)
        return cls(
            name=f"{prompt} {index + 1}" if len(results) > 1 else prompt,
            maps={name: folder / entry["file"] for name, entry in found["maps"].items()},
            tile_width_m=width,
            tile_height_m=_number(found.get("tile_height_m"), width),
            height_range_m=abs(high - low),
            tile_x=bool(request.get("tile_x", True)),
            tile_y=bool(request.get("tile_y", True)),
            origin=provenance(prompt, str(found.get("seed", "")), str(request.get("model", ""))),
        )


def provenance(prompt: str, seed: str, model: str) -> dict[str, str]:
    """What an exported file says of where it comes from."""
    return {
        "texloom:prompt": prompt,
        "texloom:seed": seed,
        "texloom:model": model,
        "texloom:version": __version__,
    }


@dataclass(frozen=True, kw_only=True)
class Written:
    """The files that were written, and what to tell."""

    files: tuple[Path, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True)
class _Job:
    path: Path
    spec: FileSpec


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An export that has been checked: :meth:`write` does it."""

    source: TextureSet
    directory: Path
    notes: tuple[Note, ...]
    overwrite: bool
    bits: int | None
    flip: bool
    size: tuple[int, int] | None
    jobs: tuple[_Job, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it will write."""
        return tuple(job.path for job in self.jobs)

    @property
    def existing(self) -> tuple[Path, ...]:
        """Those of them that are there already."""
        return tuple(path for path in self.files if os.path.lexists(path))

    def write(
        self,
        progress: Progress | None = None,
        cancelled: threading.Event | None = None,
        *,
        threads: int | None = None,
    ) -> Written:
        """Write all files aside and rename them when all are whole.

        Args:
            progress: gets the share that is done, 0 to 1, from several threads.
            cancelled: stops it when set; then nothing is left.
            threads: how many files are worked on at once; default one a processor, four at most.

        Raises:
            StorageError: a map cannot be read, or a file cannot be written; nothing is left, and no old file changed.
            CancelledError: ``cancelled`` was set.
        """
        done = _Steps(2 * len(self.jobs), progress, cancelled or threading.Event())
        aside: Path | None = None
        made = [folder for folder in (self.directory, *self.directory.parents) if not folder.exists()]
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".texloom-", dir=self.directory))
            with ThreadPoolExecutor(
                threads or min(4, os.cpu_count() or 1), thread_name_prefix="texloom-export"
            ) as pool:
                futures = [pool.submit(self._one, job, aside, done) for job in self.jobs]
                wait(futures, return_when=FIRST_EXCEPTION)
                if any(future.done() and future.exception() for future in futures):
                    done.stop()
                for future in sorted(futures, key=lambda item: isinstance(item.exception(), CancelledError)):
                    future.result()
            done.check()
            _refuse_existing(self)
            for job in self.jobs:
                os.replace(aside / job.path.name, job.path)
            made = []
        except OSError as error:
            raise _not_writable(self.directory, error) from error
        finally:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
            for folder in made:
                # Only an empty folder goes away.
                with contextlib.suppress(OSError):
                    folder.rmdir()
        return Written(files=self.files, notes=self.notes)

    def _one(self, job: _Job, aside: Path, done: _Steps) -> None:
        done.check()
        pixels = self._pixels(job)
        done.step()
        color = job.spec.channels == ("base_color",)
        target = aside / job.path.name
        if job.path.suffix == ".exr":
            write_exr(target, pixel_ops.to_floats(pixels, srgb=color), text=self.source.origin, check=done.check)
        else:
            write_png(target, pixels, text=self.source.origin, srgb=color, check=done.check)
        done.step()

    def _pixels(self, job: _Job) -> Pixels:
        spec = job.spec
        if spec.channels in (("base_color",), ("normal",)):
            name = spec.channels[0]
            pixels = self._normal() if name == "normal" else _color(self._read("base_color", "image"))
            pixels = self._sized(pixels, "normal" if name == "normal" else "color")
            if name == "normal" and self.flip:
                pixels = pixel_ops.flip_green(pixels)
            return pixels if self.bits is None else pixel_ops.to_bits(pixels, self.bits)
        planes = {name: _grey(self._read(name)) for name in spec.maps if name in self.source.maps}
        shapes = {plane.shape for plane in planes.values()}
        if len(shapes) > 1:
            raise StorageError(
                f"{job.path.name} cannot be packed: its maps have different sizes.",
                advice="Make the result again, or choose the plain preset, which has one file for each map.",
            )
        bits = self.bits or max(plane.dtype.itemsize * 8 for plane in planes.values())
        planes = {name: pixel_ops.to_bits(self._sized(plane, "data"), bits) for name, plane in planes.items()}
        channels = [_channel(name, planes) for name in spec.channels]
        return channels[0] if len(channels) == 1 else _stacked(channels)

    def _normal(self) -> Pixels:
        if "normal" in self.source.maps:
            pixels = self._read("normal")
            if pixels.ndim != 3 or pixels.shape[2] < 3:
                raise StorageError("The normal map has no three channels.", advice="Make this result again.")
            return pixels[..., :3]
        source = self.source
        return pixel_ops.normals_from_height(
            self._read("height"),
            height_range_m=source.height_range_m,
            tile_width_m=source.tile_width_m,
            tile_height_m=source.tile_height_m,
            tile_x=source.tile_x,
            tile_y=source.tile_y,
        )

    def _read(self, *names: str) -> Pixels:
        source = next(self.source.maps[name] for name in names if name in self.source.maps)
        return source if isinstance(source, np.ndarray) else read_png(source)

    def _sized(self, pixels: Pixels, kind: str) -> Pixels:
        if self.size is None:
            return pixels
        width, height = min(self.size[0], pixels.shape[1]), min(self.size[1], pixels.shape[0])
        return pixel_ops.resized(pixels, width, height, kind=kind)


def plan(
    source: TextureSet,
    directory: str | Path,
    *,
    preset: str = "blender",
    format: str = "png",  # noqa: A002 - the word for it
    depth: str = "auto",
    normals: str = "auto",
    size: str = "as_is",
    name: str = "",
    overwrite: bool = False,
) -> Plan:
    """Check an export and say what it will write.

    Args:
        source: what to export.
        directory: the folder; it is made when missing.
        preset: a key of :data:`~texloom.export_presets.PRESETS`.
        format: ``png``, or ``exr``: floats, for which colors become linear, half precision where the map has
            8 bits and full precision where it has 16.
        depth: bits of a PNG: ``auto`` keeps what each map has (16 for height), or ``8``, ``16``.
        normals: ``auto`` is what the preset's program expects, or ``opengl``, ``directx``.
        size: ``as_is``, ``half``, or ``power_of_two`` (the next smaller one, when it is none).
        name: name of the set in file names; default from the source's name.
        overwrite: replace files that are there.

    Raises:
        RequestError: an option is none of these.
        StorageError: there is nothing to export, files are there already, or the folder cannot be written to.
    """
    _check("preset", preset, tuple(PRESETS))
    _check("format", format, FORMATS)
    _check("depth", depth, DEPTHS)
    _check("normals", normals, NORMALS)
    _check("size", size, SIZES)
    chosen = PRESETS[preset]
    if format not in chosen.formats:
        raise RequestError(f"format: {chosen.label} takes no {format.upper()}.", advice="Choose PNG.")
    if format == "exr" and depth != "auto":
        raise RequestError("depth: EXR files hold floats; a number of bits is for PNG.", advice="Choose auto.")
    if name and (_NOT_IN_NAMES.search(name) or name.strip(". ") != name):
        raise RequestError(f"name: {name!r} cannot be part of a file name.", advice="Use letters, digits, - and _.")
    folder = Path(directory).expanduser().absolute()
    stem = chosen.prefix + (name or file_stem(source.name, snake_case=chosen.snake_case))
    specs, notes = files_for(chosen, stem, format, set(source.maps), with_relief=source.height_range_m > 0)
    if not specs:
        raise StorageError(
            f"There is nothing to export for {chosen.label}: this result has none of the maps it takes.",
            advice="Choose the plain preset.",
        )
    checked = Plan(
        source=source,
        directory=folder,
        notes=tuple(notes),
        overwrite=overwrite,
        bits=None if depth == "auto" else int(depth),
        flip=(chosen.normals if normals == "auto" else normals) == "directx",
        size=_size(source, size),
        jobs=tuple(_Job(path=folder / f"{stem}{spec.suffix}.{format}", spec=spec) for spec in specs),
    )
    _refuse_existing(checked)
    _probe(folder)
    return checked


def _channel(name: str, planes: Mapping[str, Pixels]) -> Pixels:
    """One channel of a packed file, as large and deep as the others."""
    like = next(iter(planes.values()))
    if name == SMOOTHNESS:
        return pixel_ops.inverted(_channel("roughness", planes))
    if name in planes:
        return planes[name]
    value = 1.0 if name == WHITE else MISSING[name]
    constant: Pixels = np.full_like(like, round(value * pixel_ops.top(like)))
    return constant


def _grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else pixels[..., 0]


def _color(pixels: Pixels) -> Pixels:
    """A picture with three or four channels, of a grey one too."""
    if pixels.ndim == 3 and pixels.shape[2] > 2:
        return pixels
    planes = [pixels] * 3 if pixels.ndim == 2 else [pixels[..., 0]] * 3 + [pixels[..., 1]]
    return _stacked(planes)


def _stacked(planes: Sequence[Pixels]) -> Pixels:
    # As numpy's stubs see it, what is stacked of either depth may have any.
    stacked: Any = np.stack(planes, axis=-1)
    return stacked  # type: ignore[no-any-return]


def _size(source: TextureSet, size: str) -> tuple[int, int] | None:
    """The size to shrink to, or None.

    Raises:
        StorageError: a map is missing or no picture.
    """
    sizes = [_dimensions(item) for item in source.maps.values()]
    if size == "as_is" or not sizes:
        return None
    width, height = max(sizes)
    if size == "half":
        return max(1, width // 2), max(1, height // 2)
    return 1 << (width.bit_length() - 1), 1 << (height.bit_length() - 1)


def _dimensions(source: Source) -> tuple[int, int]:
    if isinstance(source, np.ndarray):
        return source.shape[1], source.shape[0]
    header = read_header(source)
    return header.width, header.height


def _refuse_existing(checked: Plan) -> None:
    there = checked.existing
    if there and not checked.overwrite:
        names = ", ".join(path.name for path in there)
        raise StorageError(
            f"{checked.directory} has files of these names already: {names}.",
            advice="Allow overwriting them, or choose another folder or name.",
        )


def _probe(folder: Path) -> None:
    """See whether files can be made in a folder, or in what is there of its path.

    Raises:
        StorageError: they cannot.
    """
    there = next((item for item in (folder, *folder.parents) if item.exists()), None)
    try:
        if there is None or not there.is_dir():
            raise NotADirectoryError(20, f"{there or folder} is no folder")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Nothing can be written to {folder}: {error.strerror or error}.",
        advice="Choose another folder, or make room and allow writing there.",
    )


class _Steps:
    """How far several threads are, and whether they shall stop."""

    def __init__(self, count: int, progress: Progress | None, cancelled: threading.Event) -> None:
        self._count, self._progress, self._cancelled = count, progress, cancelled
        self._done, self._stopped = 0, threading.Event()
        self._lock = threading.Lock()

    def step(self) -> None:
        """One more is done."""
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done / self._count)

    def stop(self) -> None:
        """Another thread has failed."""
        self._stopped.set()

    def check(self) -> None:
        """Go on only when nobody wants an end.

        Raises:
            CancelledError: somebody does.
        """
        if self._cancelled.is_set() or self._stopped.is_set():
            raise CancelledError


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(allowed)}, got {value!r}.")


def _number(value: object, default: float) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if good else default  # type: ignore[arg-type]

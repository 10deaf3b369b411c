# SPDX-License-Identifier: GPL-3.0-or-later
"""Map files → image datablocks: right colour space, packed, beside the .blend, or from the library."""

from __future__ import annotations

import filecmp
import os
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import bpy

from ..core.texloom.errors import StorageError
from ..core.texloom.storage import slug, storage_error
from .transaction import COPIED

Store = Literal["PACK", "BESIDE", "LIBRARY"]
"""Inside the .blend; copied to ``//textures/``; or read from where the engine wrote it."""

FOLDER: Final = "textures"

# Identify the file that an image came from, wherever its pixels lie now.
_SOURCE: Final = "texloom_source"
_STAMP: Final = "texloom_stamp"
_STORE: Final = "texloom_store"

_PACK_LATER: Final = "texloom_pack_on_save"
_LOOSE: Final = "texloom_loose"

LARGE: Final = 3 << 20
"""Files of more bytes than this take Blender longer to pack than a timer may."""

files_read: set[str] = set()
"""Absolute paths of the files that images were loaded from since Blender was started."""

# A colour configuration other than Blender's own (ACES, say) has its own names for the two.
_NAMES: Final = {
    "sRGB": ("sRGB", "sRGB - Texture", "Utility - sRGB - Texture", "srgb_tx", "srgb_texture"),
    "Non-Color": ("Non-Color", "Raw", "Utility - Raw", "raw", "Generic Data"),
}


# The smallest PNG: one black pixel, 8-bit grey (W3C PNG specification, third edition).
_PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a4944415478da6360000000020001e527defc0000000049454e44ae426082"
)


@cache
def warm_up() -> None:
    """Read one pixel, which makes Blender set up its colour management, 20 to 50 ms once a session.

    Called when the user clicks Generate, so that it does not happen in a turn of the timer.
    """
    path = Path(bpy.app.tempdir) / "texloom-pixel.png"
    try:
        path.write_bytes(_PIXEL)
        image = bpy.data.images.load(str(path), check_existing=False)
    except (OSError, RuntimeError):
        return  # No harm: the first result pays for it.
    set_color_space(image, "Non-Color")
    bpy.data.images.remove(image)
    path.unlink(missing_ok=True)


def effective_store(store: Store) -> Store:
    """What ``store`` comes to for the open file: an unsaved one has no place beside it, so it packs."""
    return "PACK" if store == "BESIDE" and not bpy.data.filepath else store


def load_map(
    path: Path,
    name: str,
    color_space: str,
    *,
    store: Store = "PACK",
    pack_large_later: bool | None = None,
    copied: Copied | None = None,
) -> bpy.types.Image:
    """An image of the file ``path``; the one that is already there when it is of the same, unchanged file.

    Args:
        path: a PNG, usually in the library.
        name: name of a new datablock (Blender makes it unique).
        color_space: ``sRGB`` or ``Non-Color``.
        store: see :data:`Store`; ``BESIDE`` means ``PACK`` while the .blend is unsaved.
        pack_large_later: pack files of more than :data:`LARGE` bytes when the .blend is saved
            (:func:`pack_waiting`); until then they are read from the library.  None does so in a window, which
            must not stand still, and not in the background.
        copied: for ``BESIDE``, what :func:`copy_beside` made of the file already.

    Raises:
        StorageError: the file is missing or no picture, or could not be copied.  Nothing is left behind.
    """
    path = Path(os.path.abspath(path))
    try:
        state = path.stat()
    except OSError as error:
        raise storage_error("read", path, error) from error
    stamp = _stamp(state)
    store = effective_store(store)
    if pack_large_later is None:
        pack_large_later = not bpy.app.background
    later = pack_large_later and state.st_size > LARGE
    found: Any = _loaded(path, stamp, store, color_space)
    if found is not None:
        if found.get(_PACK_LATER) and not later:
            _pack(found)
        return found

    image = _read(path, name)
    try:
        set_color_space(image, color_space)
        _keep(image, path, stamp, store, name, later=later, copied=copied)
    except (StorageError, RuntimeError) as error:
        bpy.data.images.remove(image)
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"Could not load {path}: {error}.") from error
    return image


def _keep(
    image: Any, path: Path, stamp: str, store: Store, name: str, *, later: bool, copied: Copied | None = None
) -> None:
    """Keep the file that an image shows in the way of ``store``, and note which it is."""
    if later and store != "LIBRARY":
        image[_PACK_LATER] = image.filepath
    elif store == "PACK":
        image.pack()
    elif store == "BESIDE":
        copied = copied or copy_beside(path, beside_folder(), name)
        image.filepath = bpy.path.relpath(str(copied.path))
        if copied.is_new:
            image[COPIED] = str(copied.path)
    files_read.add(str(path))
    image[_SOURCE] = str(path)
    image[_STAMP] = stamp
    image[_STORE] = store


def pack_on_saving(image: bpy.types.Image, path: Path) -> None:
    """Let an image read another file, which does not last, and pack it when the .blend is saved."""
    stored: Any = image
    image.filepath = str(path)
    stored[_PACK_LATER], stored[_STORE] = image.filepath, "PACK"


def is_map(image: bpy.types.Image) -> bool:
    """Whether :func:`load_map` loaded it."""
    stored: Any = image
    return isinstance(stored.get(_SOURCE), str)


def point_at(image: bpy.types.Image, path: Path) -> None:
    """Show another file in an image for a while, at once, until :func:`settle`.

    Nothing is decoded here: Blender reads the pixels when something shows them.  A packed image is no longer
    packed, in memory only: nothing is written anywhere.
    """
    stored: Any = image
    if image.packed_file is not None:
        image.unpack(method="REMOVE")
    image.filepath = str(path)  # Blender lets go of the earlier pixels by itself
    for name in (_PACK_LATER, COPIED):
        if name in stored:
            del stored[name]
    # Nobody is to take it for a map at rest.
    stored[_STAMP] = ""
    stored[_LOOSE] = True


def another(image: bpy.types.Image, path: Path) -> bpy.types.Image:
    """A new image for a while, as :func:`point_at` has it, that is treated like ``image``.

    Raises:
        StorageError: the file is missing.
    """
    try:
        made: Any = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise StorageError(f"Could not load {path}: {error}.") from error
    given: Any = image
    made.name = image.name
    made.colorspace_settings.name = given.colorspace_settings.name
    made.alpha_mode = image.alpha_mode
    made[_SOURCE], made[_STORE] = str(path), given.get(_STORE, "PACK")
    made[_STAMP], made[_LOOSE] = "", True
    return made


def settle(image: bpy.types.Image, *, pack_large_later: bool | None = None) -> bool:
    """Keep the file that :func:`point_at` or :func:`another` shows as the image's earlier file was kept.

    Files in Blender's temporary folder, which does not last, are packed where they would be left there; large ones
    when the .blend is saved.  Returns whether there was anything to do.

    Raises:
        StorageError: the file is gone, no picture, or could not be copied; the image stays as it is.
    """
    stored: Any = image
    if not stored.get(_LOOSE):
        return False
    path = Path(os.path.abspath(bpy.path.abspath(image.filepath)))
    try:
        state = path.stat()
    except OSError as error:
        raise storage_error("read", path, error) from error
    kept: Any = stored.get(_STORE)
    store = effective_store(kept if kept in ("PACK", "BESIDE", "LIBRARY") else "PACK")
    passing = path.is_relative_to(os.path.abspath(bpy.app.tempdir))
    if store == "LIBRARY" and passing:
        store = "PACK"
    if pack_large_later is None:
        pack_large_later = not bpy.app.background
    # A copy beside the .blend for each move of a slider would be a heap of files: one is made on saving.
    later = pack_large_later and (state.st_size > LARGE or (store == "BESIDE" and passing))
    try:
        _keep(image, path, _stamp(state), store, image.name, later=later)
    except RuntimeError as error:
        raise StorageError(f"Could not pack {path}: {error}.") from error
    del stored[_LOOSE]
    return True


def pack_waiting() -> list[str]:
    """Pack what :func:`load_map` left for later; the names of images whose file is gone, which stay as they are."""
    failed = []
    every: Any = bpy.data.images
    for image in every:
        if _PACK_LATER in image and not _pack(image):
            failed.append(image.name)
    return failed


def pack_from(paths: Iterable[Path]) -> list[str]:
    """Pack all images that read their pixels from one of ``paths``, before those files go away; their names.

    Raises:
        StorageError: a file cannot be read.
    """
    wanted = {os.path.abspath(path) for path in paths}
    packed = []
    every: Any = bpy.data.images
    for image in every:
        if image.packed_file is None and image.filepath and image.library is None and image.source == "FILE":
            if os.path.abspath(bpy.path.abspath(image.filepath)) in wanted:
                try:
                    image.pack()
                except RuntimeError as error:
                    raise StorageError(f"Image {image.name} could not be packed: {error}.") from error
                if _PACK_LATER in image:
                    del image[_PACK_LATER]
                image[_STORE] = "PACK"
                packed.append(image.name)
    return packed


def _pack(image: Any) -> bool:
    """Put an image away that waits for it, unless somebody gave it another file meanwhile; whether that worked."""
    if image.packed_file is None and image.filepath == image[_PACK_LATER]:
        store = effective_store(image.get(_STORE, "PACK"))
        try:
            if store == "BESIDE":
                path = Path(bpy.path.abspath(image.filepath))
                image.filepath = bpy.path.relpath(str(copy_beside(path, beside_folder(), image.name).path))
            else:
                image.pack()
        except (RuntimeError, StorageError):
            return False
    del image[_PACK_LATER]
    return True


def settle_all() -> list[str]:
    """Put everything away that is shown for a while only, before a file is saved; the names that could not be."""
    failed = []
    every: Any = bpy.data.images
    for image in every:
        if image.get(_LOOSE):
            try:
                settle(image, pack_large_later=False)
            except StorageError:
                failed.append(image.name)
    return failed


def used_folders(folders: Iterable[Path]) -> set[Path]:
    """Which of ``folders`` images of the open file still read from."""
    every: Any = bpy.data.images
    used = {Path(bpy.path.abspath(image.filepath)).parent for image in every if image.filepath}
    return used.intersection(folders)


def set_color_space(image: bpy.types.Image, color_space: str) -> None:
    """Set ``sRGB`` or ``Non-Color``, by the name that the colour configuration in use has for it."""
    settings: Any = image.colorspace_settings
    for name in _NAMES.get(color_space, (color_space,)):
        try:
            settings.name = name
            return
        except TypeError:  # what RNA raises for a name that the enum does not have
            continue
    settings.is_data = color_space == "Non-Color"


@dataclass(frozen=True)
class PngHeader:
    """What the first bytes of a PNG tell: size in pixels, and whether it has an alpha channel."""

    width: int
    height: int
    alpha: bool


def read_png_header(path: Path) -> PngHeader | None:
    """The header of a whole PNG (W3C PNG, third edition), None for any other or a truncated file.

    Asking Blender would make it decode the picture: half a second for 4096 × 4096 pixels, on the main thread.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(29)
            stream.seek(-12, os.SEEK_END)
            end = stream.read(12)
    except OSError:
        return None
    if start[:8] != b"\x89PNG\r\n\x1a\n" or start[12:16] != b"IHDR" or end[4:8] != b"IEND":
        return None
    width, height, _, color = struct.unpack(">IIBB", start[16:26])
    return PngHeader(width, height, color in (4, 6)) if width and height else None


def dimensions(image: bpy.types.Image) -> tuple[int, int]:
    """Width and height in pixels, without decoding an image that :func:`load_map` loaded."""
    header = _source_header(image)
    return (header.width, header.height) if header is not None else _size(image)


def _size(image: Any) -> tuple[int, int]:
    return image.size[0], image.size[1]


def has_alpha(image: bpy.types.Image) -> bool:
    """Whether the file has an alpha channel."""
    header = _source_header(image)
    # 8, 16 or 32 bits for each of red, green, blue and alpha.
    return header.alpha if header is not None else image.depth in (32, 64, 128)


def _source_header(image: bpy.types.Image) -> PngHeader | None:
    stored: Any = image
    source = stored.get(_SOURCE)
    if not isinstance(source, str) or image.is_dirty:
        return None
    path = Path(source)
    try:
        unchanged = _stamp(path.stat()) == stored.get(_STAMP)
    except OSError:
        return None
    return read_png_header(path) if unchanged else None


def _stamp(state: os.stat_result) -> str:
    return f"{state.st_size}-{state.st_mtime_ns}"


def _read(path: Path, name: str) -> bpy.types.Image:
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise StorageError(f"Could not load {path}: {error}.") from error
    # Loading does not read the pixels yet; asking for the size does, and gives 0 for what is no picture.
    if read_png_header(path) is None and not all(_size(image)):
        bpy.data.images.remove(image)
        raise StorageError(f"{path} is no picture that Blender can read.")
    image.name = name
    return image


def _loaded(path: Path, stamp: str, store: Store, color_space: str) -> bpy.types.Image | None:
    names = _NAMES.get(color_space, (color_space,))
    every: Any = bpy.data.images
    for image in every:
        if image.library is not None or image.get(_SOURCE) != str(path) or image.get(_STAMP) != stamp:
            continue
        # One that somebody painted on, or treats as another kind of data, is no longer this map.
        if image.is_dirty or image.get(_STORE) != store or image.colorspace_settings.name not in names:
            continue
        if image.packed_file is not None:
            return image
        file = Path(bpy.path.abspath(image.filepath))
        # Somebody may have given it another file.
        if file.is_file() if store == "BESIDE" else file == path:
            return image
    return None


@dataclass(frozen=True)
class Copied:
    """A file beside the .blend, and whether it was made just now."""

    path: Path
    is_new: bool


def beside_folder() -> Path:
    """Folder of the copies for the open file."""
    return Path(bpy.path.abspath("//")) / FOLDER


def copy_beside(path: Path, folder: Path, name: str) -> Copied:
    """Copy ``path`` into ``folder`` under a name made of ``name``; asks nothing of Blender, so any thread may.

    Raises:
        StorageError: the file cannot be read or written.
    """
    stem = slug(name, 80)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            target = folder / (f"{stem}{path.suffix}" if number == 1 else f"{stem}-{number}{path.suffix}")
            if not target.exists():
                break
            if filecmp.cmp(path, target, shallow=False):
                return Copied(target, False)
            number += 1
        aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            shutil.copyfile(path, aside)
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("copy to", folder, error) from error
    return Copied(target, True)

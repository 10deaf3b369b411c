# SPDX-License-Identifier: GPL-3.0-or-later
"""Image datablocks → pictures that the engine can read, and what becomes of the datablock afterwards.

The pixels as Blender has them count, also those that are painted, packed or generated and lie in no file.  The
datablock itself is not touched.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.texloom.errors import RequestError
from ..core.texloom.png import write_png
from ..core.texloom.storage import storage_error
from ..translations import iface
from . import images

FOLDER: Final = "texloom-sources"

MOST_PIXELS: Final = 1 << 27
"""As many as the engine reads."""

_LEAST_SIDE: Final = 8
_BAND: Final = 1 << 20

_numbers = itertools.count(1)
_written: set[str] = set()


def problem(image: Any) -> str:
    """Why nothing can be made from an image, in a sentence; empty when it can.  Reads no file."""
    if image.source == "MOVIE":
        return iface("{name} is a movie; save one of its frames as an image first.").format(name=image.name)
    if image.source == "SEQUENCE":
        return iface("{name} is a sequence; open one of its frames as an image first.").format(name=image.name)
    if image.source == "TILED":
        return iface("{name} is made of several UDIM tiles; open one of them as an image first.").format(
            name=image.name
        )
    if image.type == "MULTILAYER":
        return iface("{name} has several layers; save one of them as an image first.").format(name=image.name)
    if image.source == "VIEWER" or image.type in ("RENDER_RESULT", "COMPOSITING"):
        return iface("{name} changes with every render; save it as an image first.").format(name=image.name)
    return ""


def is_data(image: Any) -> bool:
    """Whether an image holds numbers (a roughness map, say) instead of colors."""
    return bool(image.colorspace_settings.is_data)


def size_of(image: Any) -> tuple[int, int]:
    """Width and height; reads the file where that was not done yet.

    Raises:
        RequestError: :func:`problem` says why not, or its file is missing, or it is too small or too large.
    """
    told = problem(image)
    if told:
        raise RequestError(told)
    width, height = image.size[0], image.size[1]
    if not width or not height:
        raise RequestError(
            iface("{name} has no pixels: its file is missing or cannot be read.").format(name=image.name)
        )
    if min(width, height) < _LEAST_SIDE or width * height > MOST_PIXELS:
        text = iface("{name} has {width} × {height} pixels; 8 each way are the least, {most} million the most.")
        raise RequestError(text.format(name=image.name, width=width, height=height, most=MOST_PIXELS // 10**6))
    return width, height


def save_pixels(image: Any) -> Path:
    """Write the pixels of an image into a new PNG in Blender's temporary folder; :func:`tidy` removes it.

    Raises:
        RequestError: as :func:`size_of`.
        StorageError: the file cannot be written.
    """
    return write(pixels_of(image))


def pixels_of(image: Any) -> NDArray[np.uint8]:
    """The pixels of an image: (height, width, 3 or 4) uint8, sRGB or plain numbers, first row on top.

    Raises:
        RequestError: as :func:`size_of`.
    """
    return copied(image).pixels()


@dataclass(frozen=True, kw_only=True, eq=False)
class Copied:
    """The pixels of an image as Blender keeps them, apart from the datablock, so that a thread may go on with them.

    ``values`` is (height, width, channels), first row at the bottom.  ``linear``: they are linear light.
    ``multiplied``: the alpha is multiplied in.  ``eight_bits``: they are n / 255, and nothing else.
    """

    values: NDArray[np.float32]
    linear: bool
    multiplied: bool
    eight_bits: bool = False

    def pixels(self, check: Callable[[], None] | None = None) -> NDArray[np.uint8]:
        """(height, width, 3 or 4) uint8, sRGB (or plain numbers), straight alpha, first row on top.

        ``check`` is called now and then; may raise to stop.
        """
        return _converted(self, check)


def copied(image: Any) -> Copied:
    """Copy the pixels of an image; the main thread has to do it.

    Raises:
        RequestError: as :func:`size_of`.
    """
    width, height = size_of(image)
    channels = image.channels
    flat = np.empty(width * height * channels, np.float32)
    image.pixels.foreach_get(flat)
    # Blender keeps pictures of more than 8 bits in linear values, with alpha multiplied in.
    return Copied(
        values=flat.reshape(height, width, channels),
        linear=bool(image.is_float) and not is_data(image),
        multiplied=bool(image.is_float) and channels == 4 and image.alpha_mode != "STRAIGHT",
        eight_bits=not image.is_float,
    )


def reserve() -> Path:
    """The path of a picture to be written in Blender's temporary folder; :func:`tidy` removes it.

    Raises:
        StorageError: there is no such folder, and it cannot be made.
    """
    folder = Path(bpy.app.tempdir) / FOLDER
    path = folder / f"{next(_numbers)}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("write", path, error) from error
    _written.add(str(path))
    return path


def write(pixels: NDArray[np.uint8]) -> Path:
    """Write (height, width, 3 or 4) pixels, as :func:`save_pixels` does.

    Raises:
        StorageError: the file cannot be written.
    """
    path = reserve()
    write_png(path, pixels)
    return path


def remove(path: Path) -> None:
    """Remove one picture that :func:`write` wrote."""
    path.unlink(missing_ok=True)
    _written.discard(str(path))


def tidy(needed: Collection[str]) -> None:
    """Remove the pictures at the paths of :func:`reserve`, except those whose paths are ``needed``."""
    for path in sorted(_written - set(needed)):
        try:
            Path(path).unlink(missing_ok=True)
        except OSError:
            continue  # the engine still reads it; the next time will do
        _written.discard(path)


MADE: Final = {
    "seamless": "{name} seamless",
    "edited": "{name} edited",
    "extended": "{name} extended",
    "upscaled": "{name} upscaled",
}
"""What an image is called that was made from another."""


def follow(name: str, old: Any, *, replace_users: bool, made: str = "seamless") -> str:
    """Let the image ``name`` take the place of the one that it was made from; its name afterwards.

    It gets the color space, and a name by ``made`` (:data:`MADE`).  Editors that show a mask painted over the old one
    show the new one.  With ``replace_users`` everything that uses the old image uses the new one, and the old
    one stays in the file with a fake user; else image editors that show the old one show the new one.
    """
    new: Any = bpy.data.images[name]
    if is_data(old) and not is_data(new):
        images.set_color_space(new, "Non-Color")
    if old == new:
        return name
    stem, suffix = os.path.splitext(old.name)
    new.name = iface(MADE[made]).format(name=stem if suffix[1:].isalpha() else old.name)
    scenes: Any = bpy.data.scenes
    masks = {scene.texloom_images.mask_image for scene in scenes if scene.texloom_images.masked_image == old} - {None}
    for space in _editors():
        if space.image in masks:
            space.mode, space.image = "VIEW", new
    if replace_users:
        old.user_remap(new)
        old.use_fake_user = True
        return str(new.name)
    for space in _editors():
        # Somebody who paints on it goes on painting.
        if space.image == old and space.mode == "VIEW":
            space.image = new
    for scene in scenes:
        if scene.texloom_images.image == old:
            scene.texloom_images.image = new
    return str(new.name)


def _editors() -> Iterator[Any]:
    manager: Any = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                yield area.spaces.active


def _converted(copy: Copied, check: Callable[[], None] | None) -> NDArray[np.uint8]:
    values = copy.values
    height, width, channels = values.shape
    kept = 4 if channels == 4 else 3
    result = np.empty((height, width, kept), np.uint8)
    rows = max(1, _BAND // width)
    for start in range(0, height, rows):
        if check is not None:
            check()
        # Its first row is at the bottom.
        part = result[start : start + rows]
        band = values[height - start - rows if start + rows < height else 0 : height - start][::-1]
        if copy.eight_bits and channels >= 3:
            part[...] = band[..., :kept] * np.float32(255.0) + np.float32(0.5)
            continue
        colors = band[..., :3] if channels >= 3 else np.repeat(band[..., :1], 3, axis=2)
        if copy.multiplied:
            alpha = band[..., 3:]
            colors = np.divide(colors, alpha, out=np.array(colors), where=alpha > 1e-6)
        if copy.linear:
            colors = _encoded(colors)
        part[..., :3] = _bytes(colors)
        if kept == 4:
            part[..., 3] = _bytes(band[..., 3])
    return np.ascontiguousarray(result[..., :3]) if kept == 4 and (result[..., 3] == 255).all() else result


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    whole = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0) * np.float32(255.0)
    found: NDArray[np.uint8] = (whole + np.float32(0.5)).astype(np.uint8)
    return found


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sRGB transfer function (IEC 61966-2-1)."""
    linear = np.nan_to_num(linear, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)
    curve = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curve).astype(np.float32)

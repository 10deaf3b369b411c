# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials as assets: marked in the open file, or written into an asset library as a .blend of their own.

Writing leaves the open file as it was: what is needed for it is made for a moment and taken away again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np

from ..core.texloom import storage
from ..core.texloom.errors import StorageError
from ..core.texloom.storage import slug, storage_error
from ..translations import iface
from . import catalogue, images
from .asset_facts import Facts
from .transaction import discard, made_since, newest

FOLDER: Final = "Texloom"
"""Folder of the .blend files in an asset library."""

_PREVIEW: Final = 256


@dataclass(frozen=True, kw_only=True)
class SavedAsset:
    """An asset: its name, the .blend that holds it (empty: the open file), its catalogue, and what to tell."""

    name: str
    file: str
    catalogue: str
    messages: tuple[str, ...] = field(default=())


# --- marking ---------------------------------------------------------------------------------------------


def mark(material: bpy.types.Material, facts: Facts, catalogue_id: str) -> None:
    """Mark a material as an asset with these facts; what somebody wrote on it already stays."""
    first = material.asset_data is None
    material.asset_mark()
    data: Any = material.asset_data
    for tag in facts.tags:
        data.tags.new(tag, skip_if_exists=True)
    if first or not data.description:
        data.description = facts.description
    if first or not data.author:
        data.author = facts.author
    if first or data.catalog_id == catalogue.NONE:
        data.catalog_id = catalogue_id
    if facts.picture is not None and (first or material.preview is None):
        _set_preview(material, facts.picture)


def _set_preview(material: bpy.types.Material, picture: Path) -> None:
    """Show a picture file as the preview, at most 256 pixels wide; none where it is no picture."""
    before = newest(("images",))
    try:
        image: Any = bpy.data.images.load(str(picture), check_existing=False)
        width, height = image.size
        if not width or not height:
            return
        largest = max(width, height)
        if largest > _PREVIEW:
            width, height = (max(1, side * _PREVIEW // largest) for side in (width, height))
            image.scale(width, height)
        pixels = np.empty(width * height * 4, np.float32)
        # Bytes of an 8-bit image, not converted to linear light: just what a preview holds.
        image.pixels.foreach_get(pixels)
        preview: Any = material.preview_ensure()
        preview.image_size = (width, height)
        preview.image_pixels_float.foreach_set(pixels)
    except RuntimeError:
        return  # Blender draws a preview of its own
    finally:
        discard(made_since(before, ("images",)))


# --- into the open file -----------------------------------------------------------------------------------


def mark_in_file(material: bpy.types.Material, facts: Facts) -> SavedAsset:
    """Mark a material of the open file as an asset; its catalogue goes into the file beside the .blend.

    Raises:
        StorageError: the material is linked, or the catalogue could not be written.  Nothing has changed then.
    """
    if material.library is not None:
        raise StorageError(
            iface("{name} is linked from another file.").format(name=material.name),
            advice=iface("Make it local first, or save it into an asset library."),
        )
    messages: tuple[str, ...] = ()
    identity = catalogue.id_of(facts.catalogue)
    if bpy.data.filepath:
        identity = catalogue.add(catalogue_file_of(Path(bpy.data.filepath)), facts.catalogue)
    else:
        messages = (
            iface("The file has no name yet: save it and save the asset again to have the catalogue {name}.").format(
                name=facts.catalogue
            ),
        )
    mark(material, facts, identity)
    return SavedAsset(name=material.name, file="", catalogue=facts.catalogue, messages=messages)


def catalogue_file_of(blend: Path) -> Path:
    """The catalogue file that Blender uses for a .blend: beside it, or in the root of the asset library it lies in."""
    beside = blend.parent / catalogue.FILE_NAME
    if beside.is_file():
        return beside
    for root in asset_libraries().values():
        with contextlib.suppress(ValueError, OSError):
            blend.resolve().relative_to(root.resolve())
            return root / catalogue.FILE_NAME
    return beside


def in_file(request_id: str, index: int) -> bpy.types.Material | None:
    """The material that was made of a variation, where the open file has it."""
    every: Any = bpy.data.materials
    for material in every:
        if material.library is None and request_id and material.get("texloom_request_id") == request_id:
            if material.get("texloom_index") == index:
                return material
    return None


# --- into an asset library --------------------------------------------------------------------------------


def own_library() -> Path:
    """Texloom's own asset library."""
    return storage.home() / "assets"


def asset_libraries() -> dict[str, Path]:
    """The asset libraries of the preferences that have a folder, by name."""
    preferences: Any = bpy.context.preferences
    libraries = preferences.filepaths.asset_libraries
    return {item.name: Path(bpy.path.abspath(item.path)) for item in libraries if item.path}


def library_folder(name: str) -> Path:
    """The folder of an asset library by its name in the preferences; empty or "Texloom" is Texloom's own.

    Raises:
        StorageError: there is no such library, or its folder is not there.
    """
    known = asset_libraries()
    if name in known:
        if not known[name].is_dir():
            if _same(known[name], own_library()):
                return own_library()
            raise StorageError(
                iface("The folder of the asset library {name} is not there: {folder}.").format(
                    name=name, folder=known[name]
                ),
                advice=iface("Correct it in the preferences (File Paths)."),
            )
        return known[name]
    if name in ("", FOLDER):
        return own_library()
    raise StorageError(
        iface("There is no asset library {name}.").format(name=name),
        advice=iface("The preferences (File Paths) have: {names}.").format(names=", ".join(known) or "–"),
    )


def is_registered(folder: Path) -> bool:
    """Whether the Asset Browser shows this folder."""
    return any(_same(folder, other) for other in asset_libraries().values())


def register_library(folder: Path, name: str = FOLDER) -> bool:
    """Add a folder to the asset libraries of the preferences; False when it is there already.

    Raises:
        StorageError: the folder cannot be made.
    """
    if is_registered(folder):
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder", folder, error) from error
    preferences: Any = bpy.context.preferences
    preferences.filepaths.asset_libraries.new(name=name, directory=str(folder))
    preferences.is_dirty = True  # Blender saves them on exit, if the user lets it
    return True


def write(material: bpy.types.Material, facts: Facts, library: Path, *, replace: bool = False) -> SavedAsset:
    """Write a material as an asset into a .blend of its own, its images packed.

    The open file stays as it is.

    Args:
        material: it may be linked.
        facts: what is written on it.
        library: root folder of the asset library.
        replace: whether to overwrite the file of an earlier time.

    Raises:
        StorageError: the file is there already, or could not be written; then nothing is left of it.
    """
    target = library / FOLDER / file_name(facts)
    if target.exists() and not replace:
        raise StorageError(
            iface("{name} is in this asset library already: {file}.").format(name=facts.name, file=target),
            advice=iface("Switch on Replace to overwrite it."),
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder", target.parent, error) from error
    identity = catalogue.add(library / catalogue.FILE_NAME, facts.catalogue)
    aside = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with taken_back():
        copy: Any = material.copy()
        copies: list[tuple[Any, str]] = [(copy, facts.name)]
        outside = _make_independent(copy.node_tree, copies, {})
        copy.asset_clear()  # what is written on it comes from the facts alone
        mark(copy, facts, identity)
        try:
            with _named(copies):
                bpy.data.libraries.write(str(aside), {copy}, fake_user=True)
            os.replace(aside, target)
        except RuntimeError as error:
            raise StorageError(f"Could not write {target}: {error}.") from error
        except OSError as error:
            raise storage_error("write", target, error) from error
        finally:
            with contextlib.suppress(OSError):
                aside.unlink()
    messages = tuple(iface("{name} could not be packed; its file is missing.").format(name=name) for name in outside)
    return SavedAsset(name=facts.name, file=str(target), catalogue=facts.catalogue, messages=messages)


def file_name(facts: Facts) -> str:
    """The .blend of an asset: the same for the same variation."""
    ending = f"-{facts.request_id[:8]}" if facts.request_id else ""
    return f"{slug(facts.name)}{ending}{f'-{facts.index + 1}' if facts.index else ''}.blend"


@contextlib.contextmanager
def taken_back() -> Iterator[None]:
    """Take away every datablock that comes into being inside the block, whatever its end."""
    before = newest()
    try:
        yield
    finally:
        discard(made_since(before))


def _make_independent(tree: Any, copies: list[tuple[Any, str]], done: dict[Any, Any]) -> list[str]:
    """Give a copied tree packed images of its own, also in its groups; names of those that cannot be packed."""
    outside: list[str] = []
    for node in tree.nodes if tree is not None else ():
        for owned in ("image", "node_tree"):
            used = getattr(node, owned, None)
            if used is None:
                continue
            if used not in done:
                if owned == "image":
                    done[used] = _packed_copy(used)
                    if done[used] is None:
                        outside.append(used.name)
                else:
                    done[used] = used.copy()
                    outside.extend(_make_independent(done[used], copies, done))
                if done[used] is not None:
                    copies.append((done[used], used.name))
            if done[used] is not None:
                setattr(node, owned, done[used])
    return outside


def _packed_copy(image: Any) -> Any:
    """A copy with everything inside; None where there is nothing to pack."""
    if image.is_dirty or image.source == "GENERATED":
        # Pixels that are in memory only do not come along with a copy.
        width, height = image.size
        copy: Any = bpy.data.images.new(image.name, width, height, alpha=True, float_buffer=image.is_float)
        copy.colorspace_settings.name = image.colorspace_settings.name  # it resets the pixels
        copy.alpha_mode = image.alpha_mode
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        copy.pixels.foreach_set(pixels)
    else:
        copy = image.copy()
    if copy.packed_file is None:
        try:
            copy.pack()
        except RuntimeError:
            bpy.data.images.remove(copy)
            return None
    return copy


@contextlib.contextmanager
def _named(wanted: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """Let datablocks have names that others have, for a moment."""
    moved: list[tuple[Any, str]] = []
    for number, (item, name) in enumerate(wanted):
        place: Any = {"MATERIAL": bpy.data.materials, "IMAGE": bpy.data.images}.get(item.id_type, bpy.data.node_groups)
        other = place.get((name, None))
        if other is not None and other != item:
            moved.append((other, name))
            other.name = f"texloom {number} {secrets.token_hex(4)}"
        item.name = name
    try:
        yield
    finally:
        for number, (item, _) in enumerate(wanted):
            item.name = f"texloom {number} {secrets.token_hex(4)}"
        for other, name in moved:
            other.name = name


def _same(one: Path, other: Path) -> bool:
    return os.path.normcase(os.path.abspath(one)) == os.path.normcase(os.path.abspath(other))


# --- the images of a result that goes ---------------------------------------------------------------------


def images_from(folder: Path) -> list[str]:
    """Names of the images of the open file that are read from a folder."""
    every: Any = bpy.data.images
    return [
        image.name
        for image in every
        if image.library is None
        and image.packed_file is None
        and image.source == "FILE"
        and image.filepath
        and _same(Path(bpy.path.abspath(image.filepath)).parent, folder)
    ]


def pack_images_from(folder: Path) -> list[str]:
    """Pack them, so that the scene keeps them when the folder goes; names of those that were.

    Raises:
        StorageError: one cannot be packed.
    """
    every: Any = bpy.data.images
    return images.pack_from(Path(bpy.path.abspath(every[name].filepath)) for name in images_from(folder))

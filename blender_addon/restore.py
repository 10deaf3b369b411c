# SPDX-License-Identifier: GPL-3.0-or-later
"""The request that made a result → the panel's properties, also of older and newer versions of Texloom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import bpy

from . import controls, locks, looks, loras, presets, shelf, starting
from .catalogue import families
from .core.texloom import catalog_rows
from .core.texloom.errors import RequestError, StorageError
from .core.texloom.request import DEFAULT_MAPS, RANGES, Control, GenerationRequest, Lora
from .core.texloom.storage import read_manifest
from .parameters import FAMILY
from .properties import LARGEST_SEED, SIZES
from .scene.objects import metres_per_unit
from .translations import iface

_OUTPUTS: Final = {"material": "MATERIAL", "texture": "IMAGE", "reference": "PLANE"}
# What the panel decides by itself.
_ITS_OWN: Final = frozenset({"schema", "id", "preview_interval"})


def restore(settings: Any, request: Mapping[str, Any], index: int = 0, *, folder: str | Path = "") -> list[str]:
    """Put everything that determined a result into the panel.

    Variation ``index`` above 0 comes as one result with its own seed.  A style is taken off and a text datablock let
    go, as the request's prompt holds their words; given values of parameters become locks.

    Args:
        settings: the scene's ``TexloomSettings``.
        request: the manifest's ``request``; a field that an older version did not have gets its default.
        index: which variation.
        folder: of the result, which keeps a copy of the picture that it was made from.

    Returns:
        For each field that could not be restored a sentence that names it.
    """
    return _Restoring(settings, request, str(folder)).all(index)


class _Restoring:
    def __init__(self, settings: Any, request: Mapping[str, Any], folder: str) -> None:
        self.settings = settings
        self.folder = folder
        self.request = request
        self.left: list[str] = []
        self.defaults = {
            item.name: item.default if item.default is not MISSING else None for item in fields(GenerationRequest)
        }

    def all(self, index: int) -> list[str]:
        settings = self.settings
        presets.take_off(settings)
        settings.prompt_text = None
        for name in ("prompt", "negative_prompt"):
            self.text(name)
        self.model()
        kind = self.value("kind")
        if isinstance(kind, str) and kind in _OUTPUTS:
            settings.output = _OUTPUTS[kind]
        else:
            self.leave("kind", kind)
        self.size()
        count = self.number("count", 1)
        settings.count = count if index == 0 else 1
        self.seed(index)
        if kind != "reference":
            x, y = self.value("tile_x") is not False, self.value("tile_y") is not False
            settings.tiling = {(True, True): "XY", (True, False): "X", (False, True): "Y"}.get((x, y), "NONE")
        self.maps()
        width = self.value("real_world_width")
        settings.own_width = isinstance(width, (int, float)) and not isinstance(width, bool) and width > 0
        if settings.own_width:
            settings.real_world_width = width / metres_per_unit(settings.id_data)
        for name in ("steps", "guidance_scale"):
            value = self.value(name)
            setattr(settings, name, 0 if value is None else self.number(name, 0))
        self.source()
        self.loras()
        self.controls()
        self.look()
        self.rest()
        return self.left

    def value(self, name: str) -> Any:
        return self.request.get(name, self.defaults[name])

    def leave(self, name: str, value: object) -> None:
        text = str(value)
        label = name.replace("_", " ").capitalize()
        self.left.append(
            iface("{field}: “{value}” cannot be set in the panel.").format(
                field=iface(label), value=text if len(text) < 60 else text[:60] + "…"
            )
        )

    def text(self, name: str) -> None:
        value = self.value(name) or ""
        if not isinstance(value, str):
            self.leave(name, value)
            return
        # Blender cannot hold lone surrogates.
        setattr(self.settings, name, value.encode("utf-8", "replace").decode())
        if getattr(self.settings, name) != value:
            self.leave(name, value)

    def number(self, name: str, default: Any) -> Any:
        value = self.value(name)
        low, high = RANGES[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.leave(name, value)
            return default
        return value

    def model(self) -> None:
        settings, model = self.settings, self.value("model")
        row = catalog_rows.find(model) if isinstance(model, str) else None
        if model in shelf.BUILT_IN:
            settings.model = model
        elif row is not None and row.id == model:
            settings.model, settings.catalog_model = "CATALOG", model
        elif isinstance(model, str) and catalog_rows.is_hub_id(model):
            settings.model, settings.model_folder = "FOLDER", model
        elif isinstance(model, str) and Path(model).is_absolute():
            settings.model, settings.model_folder = "FOLDER", model
            if not Path(model).exists():
                self.left.append(iface("Model: the folder {folder} is not on this machine.").format(folder=model))
        else:
            self.leave("model", model)

    def size(self) -> None:
        width, height = self.number("width", 1024), self.number("height", 1024)
        settings = self.settings
        settings.width, settings.height = int(width), int(height)
        fixed = {item[0] for item in SIZES}
        settings.size = str(width) if width == height and str(width) in fixed else "CUSTOM"

    def seed(self, index: int) -> None:
        seed = self.number("seed", 0) + index
        self.settings.seed = min(int(seed), LARGEST_SEED)
        self.settings.new_seed = False
        if seed > LARGEST_SEED:
            self.leave("seed", seed)

    def maps(self) -> None:
        maps = self.request.get("maps", DEFAULT_MAPS)
        names = [name for name in maps if isinstance(name, str)] if isinstance(maps, (list, tuple)) else []
        known = {item.identifier for item in self.settings.bl_rna.properties["maps"].enum_items_static}
        if wanted := set(names) & known:
            self.settings.maps = wanted
        if not wanted or set(names) - known:
            self.leave("maps", ", ".join(sorted(set(names) - known)))

    def source(self) -> None:
        """The picture that it started from: of an image that was changed in parts, its words stay alone."""
        settings, source = self.settings, self.value("source")
        settings.start = "NONE"
        strength = self.value("strength")
        settings.strength = starting.STRENGTH if strength is None else self.number("strength", starting.STRENGTH)
        if not source:
            return
        copy = _kept(self.folder, "source") or (Path(source) if isinstance(source, str) else None)
        if self.value("operation") == "upscale" and copy is not None and copy.is_file():
            self.upscaled(copy)
        # The model of pictures has settings of its own.
        elif copy is None or not copy.is_file() or self.value("model") == "image":
            self.leave("source", source)
        elif self.value("operation") == "create":
            starting.use_file(settings, copy)
        else:
            self.edited(copy)

    def edited(self, source: Path) -> None:
        """The image that was changed by words, with its mask, as images of the file, and how it was changed."""
        images, operation = self.settings.id_data.texloom_images, self.value("operation")
        tiling = self.settings.tiling
        images.image = _load(source)
        images.mask, images.mask_image, images.masked_image = "ALPHA", None, None
        if operation == "repair_seams":
            images.tiling = tiling
            return
        if operation == "outpaint":
            for name, value in zip(("left", "right", "top", "bottom"), self.value("expand"), strict=False):
                setattr(images, name, value)
            return
        images.edit_tiling = tiling
        images.edit_strength = 1.0 if self.value("strength") is None else self.number("strength", 1.0)
        if self.value("mask"):
            mask = _kept(self.folder, "mask")
            if mask is None:
                self.leave("mask", self.value("mask"))
                return
            images.mask, images.mask_image = "IMAGE", _load(mask)

    def upscaled(self, source: Path) -> None:
        """The image, or the base color, that was made larger, and how."""
        images, width = self.settings.id_data.texloom_images, self.value("width")
        images.image = _load(source)
        images.upscaler = "LIGHT" if self.value("model") == "image" else "MODEL"
        if self.value("strength") is not None:
            images.upscale_strength = self.number("strength", images.upscale_strength)
        if images.image is not None and images.image.size[0] and isinstance(width, int):
            images.factor = width / images.image.size[0]

    def loras(self) -> None:
        stack = self.value("loras") or ()
        if not isinstance(stack, (list, tuple)):
            self.leave("loras", stack)
            stack = ()
        found = []
        for item in stack:
            try:
                found.append(Lora(item["file"], item["weight"]))
            except (RequestError, KeyError, TypeError):
                self.leave("loras", item)
        loras.put(self.settings, found)

    def controls(self) -> None:
        """The pictures whose form it follows, from the copies that the result keeps."""
        controls.clear(self.settings)
        stack = self.value("controls") or ()
        if not isinstance(stack, (list, tuple)):
            self.leave("controls", stack)
            stack = ()
        for number, item in enumerate(stack):
            try:
                known = Control(**item)
                copy = _kept(self.folder, f"control_{number}") or Path(known.image)
                controls.put(self.settings, known.kind, file=str(copy), strength=known.strength, network=known.model)
            except (RequestError, TypeError):
                self.leave("controls", item)
                continue
            if not copy.is_file():
                self.leave("controls", known.image)

    def look(self) -> None:
        """The style image, of which a result keeps a copy, and the learned words."""
        settings, style = self.settings, self.value("style_image")
        settings.look.source = "NONE"
        if style:
            copy = _kept(self.folder, "style_image") or (Path(style) if isinstance(style, str) else None)
            strength, adapter = self.value("style_strength"), self.value("style_model")
            if copy is None or not copy.is_file():
                self.leave("style_image", style)
            else:
                strength = looks.STRENGTH if strength is None else self.number("style_strength", looks.STRENGTH)
                looks.use_file(settings, copy, strength, adapter if isinstance(adapter, str) else "")
        words = self.value("embeddings") or ()
        if not isinstance(words, (list, tuple)) or not all(isinstance(item, str) for item in words):
            self.leave("embeddings", words)
            words = ()
        looks.put_words(settings, words)

    def rest(self) -> None:
        """What the panel has no field for, and what a newer version knows besides."""
        scene = self.settings.id_data
        locks.drop(scene)
        # Upscaling has none that the panel could show.
        parameters = self.value("parameters") if self.value("operation") != "upscale" else {}
        for name, value in parameters.items() if isinstance(parameters, Mapping) else ():
            if isinstance(name, str) and isinstance(value, (str, int, float)):
                label = families().get(str(value), name) if name == FAMILY else name.replace("_", " ").capitalize()
                locks.keep(scene, name, label, value)
            else:
                self.leave("parameters", f"{name} = {value}")
        locks.show(scene)
        for name in sorted(set(self.request) - set(self.defaults) - _ITS_OWN):
            self.leave(name, self.request[name])


def _load(path: Path) -> Any:
    """The image of a file, None where it is none."""
    try:
        return bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError:  # Blender's way to say that it cannot be read
        return None


def _kept(folder: str, what: str) -> Path | None:
    """The copy of its source, or mask, that a result keeps; None where there is none."""
    try:
        kept = read_manifest(Path(folder)).get(what) if folder else None
    except StorageError:
        return None
    name = kept.get("file") if isinstance(kept, Mapping) else None
    path = Path(folder) / Path(name).name if isinstance(name, str) else None
    return path if path is not None and path.is_file() else None

# SPDX-License-Identifier: GPL-3.0-or-later
"""What gives a result its look besides the prompt: a style image, and learned words (textual inversions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import shelf, starting
from .core.texloom import learned_words
from .core.texloom.errors import RequestError
from .core.texloom.request import MAX_EMBEDDINGS, RANGES, GenerationRequest
from .list_lines import Lines
from .reading import Reading
from .translations import iface

SUFFIX: Final = ".safetensors"
STRENGTH: Final = 0.6
"""What the engine takes when it is not told."""

FIELDS: Final = ("style_image", "style_strength", "style_model", "embeddings")
"""Fields of a request that are given here."""

SOURCES: Final = (
    ("NONE", "No style image", "The look follows from the prompt alone", "X", 0),
    ("IMAGE", "Image", "The look of an image of this file, as it is when the job begins", "IMAGE_DATA", 1),
    ("FILE", "File", "The look of a picture on disk", "FILE_IMAGE", 2),
)

_NEAR: Final = 1e-4


class TexloomWord(bpy.types.PropertyGroup):
    """One learned word: a file, and what it was seen to be when it was added."""

    file: StringProperty(
        name="Learned word",
        description="A .safetensors file that teaches the model a word; the file's name is the word",
        subtype="FILE_PATH",
    )  # type: ignore[valid-type]
    use: BoolProperty(name="Use", description="Whether the model is taught it at all", default=True)  # type: ignore[valid-type]
    made_for: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]


class TexloomLook(bpy.types.PropertyGroup):
    """A style image with its strength, and learned words."""

    source: EnumProperty(name="Style image", description="Whose look is taken over", items=SOURCES, default="NONE")  # type: ignore[valid-type]
    image: PointerProperty(name="Image", description="The image whose look is taken over", type=bpy.types.Image)  # type: ignore[valid-type]
    file: StringProperty(name="File", description="The picture whose look is taken over", subtype="FILE_PATH")  # type: ignore[valid-type]
    strength: FloatProperty(
        name="Style strength",
        description="How much of its look is taken over: at 0 nothing, at 1 as much as the prompt leaves room for",
        min=RANGES["style_strength"][0],
        max=RANGES["style_strength"][1],
        soft_max=1.0,
        default=STRENGTH,
    )  # type: ignore[valid-type]
    adapter: StringProperty(
        name="Image adapter",
        description="What sees the style image for the model: a name, a folder or a .safetensors file; empty for what "
        "suits",
    )  # type: ignore[valid-type]
    words: CollectionProperty(
        name="Learned words", description="Files of learned words (textual inversions)", type=TexloomWord
    )  # type: ignore[valid-type]
    word_index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]


class TEXLOOM_UL_words(Lines, bpy.types.UIList):
    """The learned words"""

    def line(self, row: Any, item: Any, index: int) -> None:
        self.name(row, item, word_of(item) or iface("No file"))
        row.operator("texloom.word_insert", text="", icon="ADD", emboss=False).index = index


def of(settings: Any) -> Any:
    """The look of a scene's settings."""
    return settings.look


def word_of(item: Any) -> str:
    """What stands for a learned word in the prompt; empty where no file is named."""
    try:
        return learned_words.word_of(item.file) if item.file else ""
    except RequestError:
        return ""


def name_of(settings: Any) -> str:
    """The name of the style image; empty for none."""
    look = settings.look
    if look.source == "IMAGE":
        return look.image.name if look.image is not None else ""
    return Path(look.file).name if look.source == "FILE" else ""


def chosen(settings: Any) -> bpy.types.Image | Path | None:
    """The style image; None for none.

    Raises:
        RequestError: one is to be used, and none is given.
    """
    look = settings.look
    if look.source == "IMAGE":
        if look.image is None:
            raise RequestError(iface("Choose the image whose look is taken over."))
        found: bpy.types.Image = look.image
        return found
    if look.source == "FILE":
        if not look.file:
            raise RequestError(iface("Choose the picture whose look is taken over."))
        return Path(bpy.path.abspath(look.file))
    return None


def options(settings: Any, *, style: bool, words: bool) -> dict[str, Any]:
    """The fields of a request that the panel gives, the image not yet a file: see :func:`given`.

    Args:
        settings: the scene's ``TexloomSettings``.
        style: whether the model takes a style image.
        words: whether it reads learned words.

    Raises:
        RequestError: an image is to be used, and none is given.
    """
    look = settings.look
    found: dict[str, Any] = {}
    image = chosen(settings) if style else None
    if image is not None:
        found["style_image"] = image
        if abs(look.strength - STRENGTH) >= _NEAR:
            found["style_strength"] = float(look.strength)
        if look.adapter.strip() and settings.model not in shelf.BUILT_IN:
            adapter = look.adapter.strip()
            found["style_model"] = bpy.path.abspath(adapter) if adapter.startswith("//") else adapter
    if words:
        files = tuple(bpy.path.abspath(item.file) for item in look.words if item.use and item.file)
        if files:
            found["embeddings"] = files
    return found


def given(fields: Mapping[str, Any], pictures: Reading | None = None) -> dict[str, Any]:
    """Options with the pictures and files among :data:`FIELDS` as a request wants them.

    The pixels of an image of the file are written into Blender's temporary folder: by ``pictures``, or now.

    Raises:
        RequestError: it is no picture that can be used.  StorageError: a file cannot be read or written.
    """
    found = dict(fields)
    image = found.get("style_image")
    if image is None or image == "":
        found.pop("style_image", None)
    else:
        found["style_image"] = str(starting.picture(image, pictures)[0])
    words = found.get("embeddings")
    if isinstance(words, (list, tuple)):
        found["embeddings"] = tuple(str(Path(bpy.path.abspath(str(item))).absolute()) for item in words)
    return found


def styled(request: GenerationRequest, fields: Mapping[str, Any], pictures: Reading | None = None) -> GenerationRequest:
    """The request with some of :data:`FIELDS`; arguments and errors as :func:`given`."""
    found = given(fields, pictures)
    return request.replace(**found) if found else request


def add_word(settings: Any, file: str) -> None:
    """Put a learned word at the end of the list.

    Raises:
        RequestError: it stands there already, is no safetensors file, or there are too many.
        ModelInvalidError: it is damaged, or holds no learned word.
    """
    words = settings.look.words
    if Path(file).suffix.lower() != SUFFIX:
        raise RequestError(iface("{file} is no .safetensors file; others may run any program.").format(file=file))
    if len(words) >= MAX_EMBEDDINGS:
        raise RequestError(iface("There is room for {count} learned words.").format(count=MAX_EMBEDDINGS))
    found = learned_words.read(bpy.path.abspath(file))
    if any(word_of(item).lower() == found.word.lower() for item in words):
        raise RequestError(iface("{word} is in the list already.").format(word=found.word))
    item = words.add()
    item.file, item.made_for = file, ",".join(found.families)
    settings.look.word_index = len(words) - 1


def put_words(settings: Any, files: Sequence[str]) -> None:
    """Let the list be exactly these; they are not looked at."""
    look = settings.look
    look.words.clear()
    for file in files:
        look.words.add().file = file
    look.word_index = 0


def suits(item: Any, family: str) -> bool:
    """Whether a word may be for models of that family; what is not known may."""
    return not family or not item.made_for or family in item.made_for.split(",")


def use_file(settings: Any, path: Path, strength: float, adapter: str) -> None:
    """Take the look of a picture on disk from now on."""
    look = settings.look
    look.source, look.file, look.strength, look.adapter = "FILE", str(path), strength, adapter


def register() -> None:
    """Make them known to Blender."""
    for item in (TexloomWord, TexloomLook, TEXLOOM_UL_words):
        bpy.utils.register_class(item)


def unregister() -> None:
    """Take them back."""
    for item in (TEXLOOM_UL_words, TexloomLook, TexloomWord):
        bpy.utils.unregister_class(item)

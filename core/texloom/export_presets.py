# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs want: names of files, what lies in which channel, which way green points.

Each convention is from the program's own documentation:

* Unreal Engine: "Recommended Asset Naming Conventions" (prefix ``T_``) and the texture properties ("Flip Green
  Channel" is for maps that are not of DirectX's kind); occlusion, roughness, metallic in red, green, blue, as its own
  glTF import packs them.
* Unity, URP: "Assign a channel-packed texture to a URP material" (metallic red, occlusion green, smoothness alpha;
  the one texture goes to the slots Metallic Map and Occlusion Map).
* Unity, HDRP: "Mask and detail maps" (metallic, occlusion, detail mask, smoothness).  Without a mask map HDRP shows
  detail everywhere, so the detail mask is white.  Unity's normal maps have green up ("Normal map import").
* Godot: "Standard Material 3D and ORM Material 3D" (``ORMMaterial3D``: occlusion, roughness, metallic; normal maps
  X+ Y+ Z+, that is OpenGL; file names in snake case, "Project organization").
* glTF 2.0 specification, 3.9 "Materials": occlusion red, roughness green, metallic blue in one image; green up;
  images are PNG or JPEG; there is no height.
* Blender: one file a map, named so that Node Wrangler's "Principled Texture Setup" knows them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

SMOOTHNESS: Final = "smoothness"
"""One minus roughness."""
WHITE: Final = "white"

MISSING: Final[Mapping[str, float]] = {"ambient_occlusion": 1.0, "metallic": 0.0, "roughness": 0.5}
"""What a channel holds when its map was not made: open to all light; no metal; Blender's own default roughness."""


_NAME_LENGTH: Final = 48
_MISSING_NOTES: Final = {
    "ambient_occlusion": "{file}: no ambient occlusion map was made, its channel is white (open to all light).",
    "metallic": "{file}: no metallic map was made, its channel is black (no metal).",
    "roughness": "{file}: no roughness map was made, its channel stands for 0.5.",
}


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something to tell: an English text with ``{fields}``, and what to fill in, so that it can be translated."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSpec:
    """One file: its name after the set's, and the maps in its channels.

    A single ``base_color`` or ``normal`` takes all channels of that map.
    """

    suffix: str
    channels: tuple[str, ...]

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps that it is made of, each once."""
        found = ("roughness" if name == SMOOTHNESS else name for name in self.channels if name != WHITE)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What one program wants; ``normals`` is ``opengl`` or ``directx``."""

    label: str
    files: tuple[FileSpec, ...]
    normals: str = "opengl"
    prefix: str = ""
    snake_case: bool = False
    formats: tuple[str, ...] = ("png", "exr")


def _file(suffix: str, *channels: str) -> FileSpec:
    return FileSpec(suffix=suffix, channels=channels)


_ORM: Final = ("ambient_occlusion", "roughness", "metallic")

PRESETS: Final[Mapping[str, Preset]] = {
    "unreal": Preset(
        label="Unreal Engine",
        files=(_file("_BC", "base_color"), _file("_N", "normal"), _file("_ORM", *_ORM), _file("_H", "height")),
        normals="directx",
        prefix="T_",
    ),
    "unity_urp": Preset(
        label="Unity (URP)",
        files=(
            _file("_BaseMap", "base_color"),
            _file("_Normal", "normal"),
            _file("_MetallicSmoothness", "metallic", "ambient_occlusion", WHITE, SMOOTHNESS),
            _file("_Height", "height"),
        ),
    ),
    "unity_hdrp": Preset(
        label="Unity (HDRP)",
        files=(
            _file("_BaseMap", "base_color"),
            _file("_Normal", "normal"),
            _file("_MaskMap", "metallic", "ambient_occlusion", WHITE, SMOOTHNESS),
            _file("_HeightMap", "height"),
        ),
    ),
    "godot": Preset(
        label="Godot",
        files=(
            _file("_albedo", "base_color"),
            _file("_normal", "normal"),
            _file("_orm", *_ORM),
            _file("_height", "height"),
        ),
        snake_case=True,
    ),
    "gltf": Preset(
        label="glTF",
        files=(
            _file("_baseColor", "base_color"),
            _file("_normal", "normal"),
            _file("_occlusionRoughnessMetallic", *_ORM),
        ),
        formats=("png",),
    ),
    "blender": Preset(
        label="Plain (Blender)",
        files=(
            _file("_BaseColor", "base_color"),
            _file("_Normal", "normal"),
            _file("_Roughness", "roughness"),
            _file("_Metallic", "metallic"),
            _file("_AmbientOcclusion", "ambient_occlusion"),
            _file("_Height", "height"),
        ),
    ),
}


def file_stem(text: str, *, snake_case: bool = False) -> str:
    """A prompt as a part of a file name: ``MossyCobblestoneWet``, or ``mossy_cobblestone_wet``."""
    words = [word for word in re.split(r"[\W_]+", text) if word]
    kept: list[str] = []
    for word in words:
        if kept and len("".join(kept)) + len(word) > _NAME_LENGTH:
            break
        kept.append(word[:_NAME_LENGTH])
    if words and words[-1].isdigit() and kept != words:
        kept.append(words[-1])  # tells variations apart
    if not kept:
        kept = ["Texture"]
    if snake_case:
        return "_".join(word.lower() for word in kept)
    return "".join(word[0].upper() + word[1:] for word in kept)


def files_for(
    preset: Preset, stem: str, extension: str, maps: Collection[str], *, with_relief: bool
) -> tuple[list[FileSpec], list[Note]]:
    """The files that can be made of the maps that are there, and what to tell about the others.

    Args:
        preset, stem, extension: make the files' names, for the notes.
        maps: names of the maps that are there.
        with_relief: whether the height map has a height, of which normals can be made.
    """
    have = set(maps) | ({"base_color"} if "image" in maps else set())
    derived = "height" in have and with_relief
    specs, notes = [], []
    for spec in preset.files:
        file = f"{stem}{spec.suffix}.{extension}"
        if spec.channels == ("normal",) and "normal" not in have and derived:
            notes.append(Note(text="{file} was made from the height map.", values={"file": file}))
        elif not have & set(spec.maps):
            continue
        specs.append(spec)
        for name in spec.maps:
            if name not in have and name in MISSING:
                notes.append(Note(text=_MISSING_NOTES[name], values={"file": file}))
    used = {name for spec in specs for name in spec.maps}
    if "height" in have - used:
        left_out = "{program} has no use for a height map; it was left out."
        notes.append(Note(text=left_out, values={"program": preset.label}))
    return specs, notes

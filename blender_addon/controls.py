# SPDX-License-Identifier: GPL-3.0-or-later
"""The form that a job follows: pictures of depth, normals or lines in the scene, each with how much it counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from .core.texloom import catalog_rows, control_rows
from .core.texloom.control_rows import ControlRow
from .core.texloom.errors import RequestError
from .core.texloom.request import CONTROL_KINDS, CONTROL_RANGE, MAX_CONTROLS, Control, GenerationRequest
from .core.texloom.request_makers import control_stack
from .list_lines import Lines
from .reading import Reading, picture_of
from .scene import control_pictures
from .translations import iface

# The numbers stand in .blend files.
KINDS = (
    ("DEPTH", "Depth", "What is near is white; a height map will do", "MOD_DISPLACE", 0),
    ("NORMAL", "Normals", "Directions of the surface, green up (OpenGL)", "NORMALS_FACE", 1),
    ("LINE", "Lines", "White lines on black; in a photo, lines are looked for", "GREASEPENCIL", 2),
)
ICONS = {item[0]: item[3] for item in KINDS}

Given = Sequence[Any] | Control
"""A control of a script: kind, image of the file or path, perhaps strength and network."""


class TexloomControl(bpy.types.PropertyGroup):
    """One picture whose form is followed."""

    kind: EnumProperty(name="Kind", description="What the picture shows", items=KINDS, default="DEPTH")  # type: ignore[valid-type]
    image: PointerProperty(name="Image", description="The picture, as it is when the job begins", type=bpy.types.Image)  # type: ignore[valid-type]
    file: StringProperty(
        name="File", description="A picture on disk, where no image of this file is chosen", subtype="FILE_PATH"
    )  # type: ignore[valid-type]
    strength: FloatProperty(
        name="Strength",
        description="How much the form counts: 0 not at all, 1 as the network was trained",
        min=CONTROL_RANGE[0],
        max=CONTROL_RANGE[1],
        soft_max=1.0,
        default=1.0,
    )  # type: ignore[valid-type]
    network: StringProperty(
        name="Network",
        description="The network that reads the picture: owner/name of the hub, or a folder; empty for what suits",
        subtype="DIR_PATH",
    )  # type: ignore[valid-type]
    use: BoolProperty(name="Use", description="Whether it counts at all", default=True)  # type: ignore[valid-type]


class TEXLOOM_UL_controls(Lines, bpy.types.UIList):
    """The pictures whose form is followed"""

    def line(self, row: Any, item: Any, index: int) -> None:
        self.name(row, item, name_of(item) or iface("No picture"), ICONS[item.kind])
        self.amount(row, item, "strength")


def name_of(item: Any) -> str:
    """The name of its picture; empty for none."""
    return str(item.image.name) if item.image is not None else bpy.path.display_name_from_filepath(item.file)


def begun(settings: Any, request: GenerationRequest, pictures: Reading | None = None) -> GenerationRequest:
    """The request, following the pictures of the panel that are switched on; those of images are made by ``pictures``.

    Raises:
        RequestError: one has no picture, or it cannot be used.  StorageError: a file cannot be read or written.
    """
    given = []
    for item in settings.controls:
        if not item.use:
            continue
        if item.image is None and not item.file:
            raise RequestError(
                iface("Form: choose the picture of {kind}.").format(kind=iface(_label(item.kind))),
                advice=iface("Or switch it off in the list."),
            )
        picture = item.image if item.image is not None else bpy.path.abspath(item.file)
        given.append((item.kind.lower(), picture, item.strength, _network(item)))
    return request.replace(controls=stack(given, pictures)) if given else request


def stack(items: Sequence[Given], pictures: Reading | None = None) -> tuple[Control, ...]:
    """Controls as a request wants them; pixels of images are written into Blender's temporary folder, or by
    ``pictures``.

    Raises:
        RequestError: an entry is no control, or its image cannot be used.  StorageError: a file cannot be written.
    """
    found: list[Given] = []
    for item in items:
        if isinstance(item, (Control, str)) or not isinstance(item, Sequence) or len(item) < 2:
            found.append(item)  # is taken, or refused, as it is
            continue
        kind, picture, *rest = item
        image = isinstance(picture, bpy.types.Image)
        found.append((kind, picture_of(picture, pictures) if image else bpy.path.abspath(str(picture)), *rest))
    return control_stack(found)


def put(
    settings: Any, kind: str, *, image: Any = None, file: str = "", strength: float = 1.0, network: str = ""
) -> Any:
    """Add a picture; one of the same kind that Texloom made is replaced, and its image removed where nobody uses it.

    Args:
        settings: the scene's.
        kind: of :data:`.request.CONTROL_KINDS`.
        image: of the file; None for ``file``.
        file: the path of a picture.
        strength: how much it counts.
        network: what reads it; empty for what suits.

    Raises:
        RequestError: there are :data:`.request.MAX_CONTROLS` already.
    """
    made = None
    if image is not None:
        made = next((x for x in settings.controls if x.kind == kind.upper() and _was_made(x.image)), None)
    if made is None:
        if len(settings.controls) >= MAX_CONTROLS:
            raise RequestError(
                iface("There is room for {count} pictures of a form.").format(count=MAX_CONTROLS),
                advice=iface("Remove one of the list first."),
            )
        made = settings.controls.add()
        made.kind, made.file, made.strength, made.network = kind.upper(), file, strength, network
    old, made.image, made.use = made.image, image, True
    if old is not None and old != image and _was_made(old) and not old.users:
        bpy.data.images.remove(old)
    settings.control_index = next(index for index, item in enumerate(settings.controls) if item == made)
    return made


def clear(settings: Any) -> None:
    """Empty the list."""
    settings.controls.clear()
    settings.control_index = 0


def network_row(settings: Any, item: Any) -> ControlRow | None:
    """The network of Texloom's list that would read a picture for the panel's model; None where it is another one."""
    if item.network:
        return control_rows.find(item.network)
    row = catalog_rows.find(settings.model_id) if settings.model_id else None
    rows = control_rows.suiting(row.family, item.kind.lower(), row.id) if row is not None else ()
    return next(iter(rows), None)


def _was_made(image: Any) -> bool:
    return image is not None and control_pictures.MADE in image


def _network(item: Any) -> str:
    text = str(item.network).strip()
    # Only what begins with // is meant from the .blend; names and hub ids stay as they are.
    return bpy.path.abspath(text) if text.startswith("//") else text


def _label(kind: str) -> str:
    return next(item[1] for item in KINDS if item[0] == kind)


def register() -> None:
    """Make them known to Blender."""
    assert {item[0].lower() for item in KINDS} == set(CONTROL_KINDS)
    bpy.utils.register_class(TexloomControl)
    bpy.utils.register_class(TEXLOOM_UL_controls)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(TEXLOOM_UL_controls)
    bpy.utils.unregister_class(TexloomControl)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the panel share: where they stand, wrapped text, pictures as icons."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, Final

import bpy
import bpy.utils.previews

from ..translations import message

THUMBNAIL: Final = 6.0
"""Size of a picture in the panel, in the units of ``template_icon``."""

_WIDE: Final = re.compile("[\u2e80-\uffef]")
_ENDS: Final = re.escape(",.;:!?)]}%…。、”") + "\uff0c\uff1b\uff1a\uff01\uff1f\uff09"
_OPENS: Final = re.escape("([{“《【") + "\uff08"
_PIECES: Final = re.compile(rf"(?:[{_OPENS}]*[\u2e80-\uffef][{_ENDS}]*|[^\s\u2e80-\uffef]+|\s+(?![{_ENDS}]))")
"""A word, or a wide letter with the marks that follow it, or a gap."""

_previews: Any = None


class Part:
    """One part of the panel; subclasses draw it.  The same part stands in several editors.

    ``key`` is its name in class names; ``places`` the editors it stands in, all of :data:`PLACES` by default.
    """

    key = ""
    places: tuple[str, ...] = ("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR")
    bl_label = ""
    layout: Any

    @classmethod
    def shown(cls, context: Any) -> bool:
        """Whether the part has anything to show now."""
        return True

    def draw(self, context: Any) -> None:
        """Blender draws it."""
        raise NotImplementedError


def text_width(context: Any) -> int:
    """About how many letters fit into a line of the sidebar."""
    return max(20, int(context.region.width / 8.4 / context.preferences.system.ui_scale))


def paragraph(layout: Any, text: str, width: int, icon: str) -> None:
    """A text over several lines, sentences of the core in the language of the interface; ``width`` in letters."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(wrapped(message(text), width)[:12]):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` letters; Chinese, which is twice as wide and has no spaces, breaks anywhere.

    Words of other scripts within Chinese stay whole, and no line begins with a mark that ends something.
    """
    if not _WIDE.search(text):
        return textwrap.wrap(text, width, break_on_hyphens=False)
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and _room(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line = line + piece if line else piece.lstrip()
        while _room(line.rstrip()) > width and not _WIDE.search(line):  # an address, mostly
            lines.append(line[:width])
            line = line[width:]
    return [*lines, line.rstrip()] if line.strip() else lines


def _room(text: str) -> int:
    """How many letters' room a text takes."""
    return len(text) + len(_WIDE.findall(text))


def icon(path: str, name: str) -> int:
    """The picture in ``path`` as an icon, under a ``name`` of its own; 0 when there is none.

    Blender reads the file when the icon is drawn for the first time.
    """
    if _previews is None:
        return 0
    # Panels are drawn with every move of the mouse, and a file may be far away.
    if name not in _previews:
        if not Path(path).is_file():
            return 0
        _previews.load(name, path, "IMAGE")
    return int(_previews[name].icon_id)


def forget_icon(name: str) -> None:
    """Let go of the picture that :func:`icon` keeps under this name."""
    if _previews is not None and name in _previews:
        del _previews[name]


def open_previews() -> None:
    """Make room for the pictures."""
    global _previews
    _previews = bpy.utils.previews.new()


def close_previews() -> None:
    """Let go of the pictures."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None

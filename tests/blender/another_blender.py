# SPDX-License-Identifier: GPL-3.0-or-later
"""Run in a Blender of its own: ``python another_blender.py FOLDER COMMAND…`` works on the library in a folder.

``make PROMPT`` generates with the scripted engine, ``tag WORDS FOLDER`` gives tags and marks as a favourite, ``use
FOLDER`` puts a result on a cube, ``save FILE`` saves the file.  At the end one line of JSON tells what the library
shows, in the panel and by the API.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.texloom"


def main(folder: str, *commands: str) -> None:
    """Do what is asked, in its order."""
    addon_utils: Any = importlib.import_module("addon_utils")
    if not addon_utils.check("bl_pkg")[1]:
        addon_utils.enable("bl_pkg")
    addon_utils.enable(MODULE, default_set=True)
    preferences: Any = bpy.context.preferences.addons[MODULE].preferences
    preferences.library = folder
    bridge = part("bridge").get()
    bridge.attach(part("core.texloom.backends.fake").FakeBackend())
    left = list(commands)
    while left:
        do(left)
    print(json.dumps(shown()))  # noqa: T201 - for whoever has started this


def part(name: str) -> Any:
    """A module of the extension."""
    return importlib.import_module(f"{MODULE}.{name}")


def do(left: list[str]) -> None:
    """Take the first command with its words off ``left``."""
    texloom: Any = bpy.ops.texloom
    name = left.pop(0)
    if name == "make":
        part("api").generate(left.pop(0), output="LIBRARY", count=2)
    elif name == "tag":
        texloom.library_tags(tags=left.pop(0), folder=left[0])
        texloom.library_favourite(folder=left.pop(0), favourite=True)
    elif name == "use":
        obj = bpy.data.objects["Cube"]
        bpy.context.view_layer.objects.active = obj
        obj.select_set(True)
        texloom.library_apply(folder=left.pop(0))
    elif name == "save":
        bpy.ops.wm.save_as_mainfile(filepath=left.pop(0))
    else:
        raise ValueError(name)


def shown() -> dict[str, Any]:
    """What the library shows: the captions of its pictures, and each result with its notes."""
    sys.path.append(str(Path(__file__).parent))
    library: Any = importlib.import_module("test_library")
    extension = importlib.import_module(MODULE)
    watcher = part("library_view").watcher()
    watcher.see()
    end = time.monotonic() + 20
    while watcher.busy or watcher.index is None:
        assert time.monotonic() < end, "the library was not read in time"
        time.sleep(0.01)
    noted = library.drawn(extension)
    cards = part("api").library()
    found = {
        "panel": [call["text"] for call in library.operators(noted, "library_select")],
        "results": [
            [card.name, card.prompt, list(card.notes.tags), card.notes.favourite, card.error] for card in cards
        ],
    }
    watcher.close()
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result becomes in a .blend: plain functions on Blender's data, without operators or interface.

===============  ==============================================================================================
``result``       a finished result, read from its manifest (no bpy)
``images``       map files → image datablocks: colour space, packed or beside the .blend
``materials``    images → a linked Principled material with real-world scale
``nodes``        node positions without overlaps, frames
``objects``      sizes: world size of a UV unit, which projection suits, metres per Blender unit
``placement``    a material → material slots, never touching other slots
``planes``       an image → an upright, unlit reference plane, or an image empty
``references``   references in the scene: several at once, size, lock, converting, removing
``turnaround``   several views of one thing → a set of references around it
``backgrounds``  an image → background of a camera
``transaction``  all or nothing: a failed build leaves no datablock behind
``build``        the above in one call per kind of result
``asset_facts``  what is written on an asset: name, description, tags, catalogue, picture
``assets``       a material → an asset in the open file, or a .blend of its own in an asset library
``catalogue``    Blender's catalogue file, merged without touching lines of others (no bpy)
===============  ==============================================================================================

Datablocks are looked up again by name between calls: undo and file loading invalidate Python's pointers.
"""

from __future__ import annotations

# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.size = "4096"
texloom.tiling = "XY"
texloom.own_width = True
texloom.tile_metres = 6.0

# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "close-up of {prompt}"
texloom.size = "2048"
texloom.own_width = True
texloom.tile_metres = 0.5

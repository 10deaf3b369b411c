# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "game-ready {prompt}"
texloom.size = "1024"
texloom.tiling = "XY"
texloom.maps = {"base_color", "normal", "height", "roughness", "metallic", "ambient_occlusion"}
texloom.relief = "BUMP"

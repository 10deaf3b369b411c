# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "highly detailed {prompt}"
texloom.size = "4096"
texloom.maps = {"base_color", "normal", "height", "roughness", "metallic", "ambient_occlusion"}
texloom.relief = "BOTH"

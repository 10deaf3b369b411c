# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "pastel {prompt}, matte, clean"
texloom.style_negative = "stains"

# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "photorealistic {prompt}, weathered, slightly dirty, highly detailed"
texloom.size = "2048"

# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "flat {prompt}, even, uniform, clean"
texloom.output = "PLANE"
texloom.size = "2048"

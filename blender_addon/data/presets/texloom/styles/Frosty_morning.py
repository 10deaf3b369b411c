# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "frosty {prompt}, damp"

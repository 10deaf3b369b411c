# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "sci-fi {prompt} panels, precise, clean, satin"
texloom.style_negative = "moss, dust"

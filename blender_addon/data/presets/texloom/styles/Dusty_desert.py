# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "{prompt}, worn, dry, covered in dust"
texloom.style_negative = "moss"

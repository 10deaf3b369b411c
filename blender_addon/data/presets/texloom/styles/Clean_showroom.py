# SPDX-License-Identifier: GPL-3.0-or-later
import bpy

texloom = bpy.context.scene.texloom

texloom.style = "pristine {prompt}, clean, polished"
texloom.style_negative = "dust, cracks, moss"

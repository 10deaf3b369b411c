# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom: seamless PBR materials from a sentence.

The modules directly in this package, ``backends`` and ``runtime`` need only the standard library and
numpy, so Blender's own Python can import them.  ``engine`` and ``training`` need torch and run in the
worker process.
"""

__version__ = "0.1.0"

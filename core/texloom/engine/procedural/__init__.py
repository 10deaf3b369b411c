# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural material families, drawn in torch: exactly periodic and independent of resolution."""

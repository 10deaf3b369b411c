# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes and the Python environment of the engine."""

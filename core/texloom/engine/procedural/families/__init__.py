# SPDX-License-Identifier: GPL-3.0-or-later
"""One file a family (or a few close kin); a subclass of ``Family`` in any of them is found by itself."""

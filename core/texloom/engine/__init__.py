# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and drawing.  Needs torch; imported only in the worker and by training."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and drawing.  Needs torch; imported only in the worker and by training."""

import os

# diffusers reads the files of a large network side by side only where this is set when it is imported.
os.environ.setdefault("HF_ENABLE_PARALLEL_LOADING", "1")

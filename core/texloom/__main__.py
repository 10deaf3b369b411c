# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m texloom`` is the ``texloom`` command."""

import sys

from .cli import main

sys.exit(main())

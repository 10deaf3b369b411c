# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m texloom`` is the ``texloom`` command."""

import sys


def main() -> int:
    """Run the command; the exit status.  Ctrl+C counts from the first import on."""
    try:
        from .cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("texloom: Cancelled.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())

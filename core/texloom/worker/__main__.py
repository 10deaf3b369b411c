# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry of the worker process.  It must stay readable by older Pythons up to the check of the version."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Engine


def _engine_factory() -> Engine:
    from ..engine.service import Engine as TorchEngine

    return TorchEngine(device=os.environ.get("TEXLOOM_DEVICE") or None)


def start(engine_factory: Callable[[], Engine], *, death_signal: bool = True) -> None:
    """Run a worker with that engine on this process's standard streams and end the process.

    Without ``death_signal`` only the end of standard input tells that the parent is gone.
    """
    import faulthandler
    import signal

    from . import loop, streams

    if death_signal:
        streams.die_with_parent()
    streams.step_back()
    commands, events = streams.take_standard_streams()
    # A crash in a native library leaves its Python stack in the log.
    faulthandler.enable()
    # Ctrl+C in the parent's terminal is the parent's business; it cancels or closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = loop.run(engine_factory, commands, events)
    sys.stderr.flush()
    # Taking down torch's threads and devices is slow, may crash, and helps nobody now.
    os._exit(status)


def main() -> None:
    """``python -m texloom.worker``."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever Python the user points us to
        sys.stderr.write("Texloom needs Python 3.11 or newer, this is %s.\n" % sys.version.split()[0])  # noqa: UP031
        sys.exit(3)
    start(_engine_factory)


if __name__ == "__main__":
    main()

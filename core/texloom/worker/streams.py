# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the protocol's pipes to ourselves, and never outlive the parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import IO

from ..runtime.process import NICENESS
from ..wire import Message, encode

_PR_SET_PDEATHSIG = 1


def take_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Private copies of standard input and output, ``(commands, events)``.

    Afterwards descriptor 0 reads nothing and 1 is standard error: libraries and the programs they start may
    print and read what they like without touching the protocol.
    """
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), os.fdopen(events, "wb")


def die_with_parent() -> None:
    """Linux: have the kernel kill this process when its parent dies, even while a native call is stuck.

    Done here and not by a function run between fork and exec, which is not safe in a threaded parent.
    Elsewhere, and where it is refused, the end of standard input does the same.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    except (ImportError, OSError, AttributeError) as error:
        sys.stderr.write(f"No death signal on this system: {error}\n")


def step_back() -> None:
    """Let the programs that people look at go first: drawing takes all processors, and Blender must stay fluid.

    On Windows the parent starts the process with a lower priority instead.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)


class Channel:
    """Sends messages to the parent, whole lines from any thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.broken = False

    def send(self, message: Message) -> None:
        """Write one line.

        A parent that is gone is no error: the end of our standard input will tell, and ``broken`` is set.

        Raises:
            ProtocolError, ValueError: the message cannot be put in a line.
        """
        line = encode(message)
        with self._lock:
            if self.broken:
                return
            try:
                self._stream.write(line)
                self._stream.flush()
            except OSError:
                self.broken = True

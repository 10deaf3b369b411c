# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the worker's process, read the end of its log, and make sure that it is gone afterwards.

No orphans: the child ends at the end of its standard input, which the system closes when this process
dies in whatever way; on Linux the child also asks the kernel to be killed with its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

KEEP_LOGS: Final = 8
NICENESS: Final = 5
"""Added to the priority of programs that work beside Blender (POSIX), which people look at and which goes first."""
LOG_LIMIT_BYTES: Final = 8 * 1024 * 1024
_TAIL_BYTES: Final = 64 * 1024

# Set by Blender, launchers and virtual environments for *their* Python; wrong for any other one.
_FOREIGN: Final = ("PYTHON", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "CONDA_PYTHON_EXE", "BLENDER_SYSTEM_PYTHON")


def package_folder() -> Path:
    """The folder that holds this very ``texloom`` package, for ``PYTHONPATH``."""
    return Path(__file__).resolve().parents[2]


def worker_command(python: Path) -> list[str]:
    """Command line of the worker in the environment of ``python``."""
    return [str(python), "-m", "texloom.worker"]


def child_environment(
    package_dir: Path, *, base: Mapping[str, str] | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Environment variables for a child Python that imports ``texloom`` from ``package_dir``.

    ``base`` (default: this process's) loses everything that steers another Python; ``extra`` wins over all.
    """
    source = os.environ if base is None else base
    result = {name: value for name, value in source.items() if not name.upper().startswith(_FOREIGN)}
    result |= {
        "PYTHONPATH": str(package_dir),
        "PYTHONNOUSERSITE": "1",
        # Or a torch.py in the current folder would be imported instead of torch.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    return result | dict(extra or {})


def default_log_folder() -> Path:
    """A folder in the system's temporary one that belongs to this user alone."""
    if sys.platform == "win32":
        return Path(tempfile.gettempdir()) / "texloom-logs"  # already one a user
    folder = Path(tempfile.gettempdir()) / f"texloom-logs-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    info = folder.lstat()
    if stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid():
        return folder
    # Somebody else put something there, a link perhaps: do not write through it.
    return Path(tempfile.mkdtemp(prefix="texloom-logs-"))


class LogFile:
    """The log of one worker: the child writes to it directly, so it survives a crash of either side."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, folder: Path | None = None) -> LogFile:
        """A new empty file in ``folder``; only the newest :data:`KEEP_LOGS` stay there.

        Raises:
            OSError: the folder cannot be written.
        """
        where = folder if folder is not None else default_log_folder()
        where.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        descriptor, name = tempfile.mkstemp(prefix=f"worker-{stamp}-{os.getpid()}-", suffix=".log", dir=where)
        os.close(descriptor)
        # Names sort by time.  Another running worker's log may go: where the system allows it, it writes on.
        for old in sorted(where.glob("worker-*.log"))[:-KEEP_LOGS]:
            with contextlib.suppress(OSError):
                old.unlink()
        return cls(Path(name))

    def tail(self, lines: int = 30) -> str:
        """The last ``lines`` lines; empty when there is none or the file is gone."""
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _TAIL_BYTES))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def note(self, text: str) -> None:
        """Add a line of our own; a log that cannot be written is no reason to fail."""
        with contextlib.suppress(OSError), self.path.open("ab") as stream:
            stream.write(f"[texloom] {text}\n".encode("utf-8", "replace"))

    def trim(self) -> None:
        """Empty a file that has grown over :data:`LOG_LIMIT_BYTES`; called when no job needs its lines."""
        if os.name == "nt":  # the child's handle would go on at its old offset
            return
        with contextlib.suppress(OSError):
            if self.path.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(self.path, 0)


class ChildProcess:
    """A started child with pipes for standard input and output, its errors in a :class:`LogFile`.

    The thread that calls :meth:`spawn` must live as long as the child: Linux kills a child that asked for
    it when the *thread* that made it ends, not when the process does.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: LogFile) -> None:
        self._process = process
        self.log = log

    @classmethod
    def spawn(cls, command: Sequence[str], environment: Mapping[str, str], log: LogFile) -> ChildProcess:
        """Start ``command`` without a window and out of reach of the terminal's Ctrl+C.

        Raises:
            OSError: the program is missing or may not be run.
        """
        with log.path.open("ab") as errors:
            if sys.platform == "win32":
                flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
                flags |= subprocess.BELOW_NORMAL_PRIORITY_CLASS  # NICENESS elsewhere: worker.streams.step_back
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(environment),
                    creationflags=flags,
                )
            else:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(environment),
                    start_new_session=True,
                )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id; also the id of its process group except on Windows."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        """Pipe to the child."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Pipe from the child."""
        assert self._process.stdout is not None
        return self._process.stdout

    def wait(self) -> int:
        """Block until the child has ended; its exit status, or minus the number of the signal."""
        return self._process.wait()

    def terminate(self) -> None:
        """Ask the child to end; does nothing when it has."""
        with contextlib.suppress(OSError):
            self._process.terminate()

    def kill(self) -> None:
        """End the child now; does nothing when it has ended."""
        if sys.platform == "win32" or self._process.returncode is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
        else:
            self.kill_group()

    def kill_group(self) -> None:
        """End the child and what it started, even when the child itself is gone (not on Windows)."""
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close_pipes(self) -> None:
        """Free the pipes of a child that has ended."""
        for stream in (self._process.stdin, self._process.stdout):
            # Closing flushes, and there may be nobody left to read.
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()


def describe_exit(status: int) -> str:
    """An exit status in words: ``signal SIGKILL`` or ``exit status 3``."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"

# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen that the windows of a file share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from windows import inside


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if subprocess.run(inside("which", "Xvfb", "import", "xdotool"), capture_output=True, check=False).returncode:
        pytest.skip("no Xvfb, xdotool or ImageMagick beside that Blender")
    # It takes the first screen that is free: another run on this machine may have one already.
    words = ("Xvfb", "-displayfd", "1", "-screen", "0", "1500x1000x24")
    server = subprocess.Popen(inside(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    name = f":{server.stdout.readline().strip()}"
    assert name != ":", "Xvfb does not start"
    yield name
    server.terminate()
    server.wait(10)

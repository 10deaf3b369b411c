# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled blocks of networks that draw, and the way back where a computer cannot compile.

Compiling begins when a block is first called, deep inside a pipeline, and wants what torch does not bring along
everywhere.  So it is looked for before; and a block that fails to compile is computed as it is, there and then, so that
no picture is lost.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import nn

from ..errors import TexloomError
from .device import is_out_of_memory
from .step_cache import blocks_in_row

_TOLD: Final = 200


def lacking() -> str:
    """What compiling for graphics cards needs and is not there, as a sentence; empty where nothing is missing."""
    if importlib.util.find_spec("triton") is None:
        return "Networks cannot be compiled here: the package triton is missing."
    # For Windows Triton comes with a compiler; elsewhere it calls the computer's.
    if sys.platform != "win32" and not os.environ.get("CC") and not (shutil.which("gcc") or shutil.which("clang")):
        return "Networks cannot be compiled here: a C compiler is missing."
    return ""


class CompiledBlocks:
    """The blocks that networks repeat; compiled from :meth:`start` on, until one of them fails.

    Args:
        networks: those that draw.
        failed: is told why compiling failed, once.
    """

    def __init__(self, networks: Iterable[nn.Module], failed: Callable[[str], None]) -> None:
        self._networks = tuple(networks)
        # Whoever is told holds this: held the other way as well, networks would stay in memory with nobody to use them.
        self._failed = weakref.WeakMethod(failed) if inspect.ismethod(failed) else lambda: failed
        self._started = False
        self.active = False

    def start(self, **options: Any) -> None:
        """Compile from now on; ``options`` are those of ``torch.compile``."""
        if self._started:
            return
        self._started = True
        for network in self._networks:
            for block in _repeated(network):
                # The method, not the module: hooks before a block look whether the job was cancelled.
                plain = block.forward
                try:
                    compiled = torch.compile(plain, **options)
                except RuntimeError as error:  # some versions of Python cannot
                    self._give_up(error)
                    return
                block.forward = self._guarded(plain, compiled)
                self.active = True

    def _guarded(self, plain: Callable[..., Any], compiled: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **named: Any) -> Any:
            # Stays in place when it is over: others may have put hooks around it.
            if not self.active:
                return plain(*args, **named)
            try:
                return compiled(*args, **named)
            except Exception as error:
                # Boundary: compilers, and the programs that they start, raise whatever they stumble over.
                if isinstance(error, TexloomError) or is_out_of_memory(error):
                    raise
                problem = error
            # What is wrong with the block itself comes up here as well.
            result = plain(*args, **named)
            if self.active:
                self._give_up(problem)
            return result

        return forward

    def _give_up(self, problem: Exception) -> None:
        self.active = False
        failed = self._failed()
        if failed is not None:
            failed(f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:_TOLD])


def _repeated(network: nn.Module) -> list[nn.Module]:
    """What diffusers says that a network repeats, or what is known of it here."""
    names = getattr(network, "_repeated_blocks", None) or ()
    return [block for block in network.modules() if type(block).__name__ in names] or blocks_in_row(network)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong stands in the panel, in plain words and with the button that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Layout, Noted, buttons, drawn, texts
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures


def said(noted: Any) -> str:
    """What can be read in lines that follow each other."""
    return " ".join(texts(noted).split())


class TestThreads:
    """An error that nobody has thought of ends a thread, and the panel tells it."""

    @pytest.fixture
    def setup(self, texloom: ModuleType) -> Iterator[Any]:
        state = module(texloom, "setup_job").state()
        yield state
        state.wait(10)
        state.forget_check()

    @pytest.mark.parametrize("what", ["set_up", "check"])
    def test_setting_up(
        self, texloom: ModuleType, setup: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any, what: str
    ) -> None:
        monkeypatch.setattr(module(texloom, "core.texloom.runtime.environment"), what, lambda *_, **__: 1 / 0)
        if what == "set_up":
            assert setup.set_up("AUTO", online=False)
        else:
            assert setup.check("python")
        setup.wait(10)
        noted = drawn(texloom, "engine.Engine")
        assert "went wrong: ZeroDivisionError: division by zero. Try again" in said(noted)
        assert {"setup_engine", "check_engine"} <= set(buttons(noted)) and "cancel_setup" not in buttons(noted)
        assert "Traceback" in capfd.readouterr().err

    def test_a_model(self, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
        job = module(texloom, "model_job")
        ended: list[bool] = []
        state = job.state()
        monkeypatch.setattr(job.model_store, "delete", lambda *_: 1 / 0)
        monkeypatch.setattr(state, "ended", lambda: ended.append(True))
        options = module(texloom, "preferences").model_options()
        assert state.delete(options, bpy.app.tempdir, key="owner/model", name="Some Model") and state.wait(10)
        noted: Noted = []
        module(texloom, "panels.models").draw_job(Layout(noted), 40)
        assert "Some Model" in said(noted) and "model_dismiss" in buttons(noted)
        assert "could not be finished: ZeroDivisionError: division by zero Try again" in said(noted)
        assert ended and "Traceback" in capfd.readouterr().err
        state.clear()

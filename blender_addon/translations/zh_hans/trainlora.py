# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences about teaching a model one's own materials; see :mod:`.messages`."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "Run: texloom setup": "请运行: texloom setup",
    "Training ended too early ({0}).": "训练提前结束 ({0})。",
    "{0}: there is no such option of training.": "{0}: 没有这样的训练选项。",
}

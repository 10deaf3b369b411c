# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: images that are read before a job begins."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Reading the image": "正在读取图像",
    "There is too little memory to read the image.": "内存不足,无法读取图像。",
    "The image could not be read: {error}": "无法读取图像: {error}",
}

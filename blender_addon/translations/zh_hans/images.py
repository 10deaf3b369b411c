# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # The panel.
    "From Image": "从图像生成",
    "Image": "图像",
    "The image to make something of": "用来生成材质或无缝图像的图像",
    "Material": "材质",
    "Images only": "仅图像",
    "As the image": "与图像相同",
    "As many pixels as the image has": "与图像的像素数相同",
    "Pixels of the longer side; the proportions stay": "较长边的像素数,比例保持不变",
    "Seamless": "无缝",
    "Directions in which the result repeats without a seam": "结果可无缝重复的方向",
    "Even out light": "均匀光照",
    "Level light that changes slowly over the picture, such as a dark corner; it would show wherever it repeats": (
        "消除图片中缓慢变化的明暗 (例如暗角),否则重复时处处可见"
    ),
    "Real width": "实际宽度",
    "Real width of everything that the picture shows": "图片所示内容的实际总宽度",
    "Replace the image everywhere": "替换所有使用处",
    "Whatever uses the image uses the seamless one from then on; the image itself stays in the file": (
        "所有使用此图像的地方改用无缝图像,原图像仍保留在文件中"
    ),
    "Open an image here first": "请先在此打开一张图像",
    "Choose or open an image": "请选择或打开一张图像",
    "{name}, {width} × {height} pixels": "{name},{width} × {height} 像素",
    # Operators.
    "Make PBR Material": "生成 PBR 材质",
    "Make a PBR material of an image: seamless, with normal, height, roughness and metallic estimated from it": (
        "由图像生成 PBR 材质: 无缝,并由图像估算法向、高度、糙度和金属度"
    ),
    "Make Seamless": "生成无缝图像",
    "Make a new image of an image that repeats without a seam": "由图像生成可无缝重复的新图像",
    "Preview 3×3": "3×3 预览",
    "Show an image repeated three times each way, or once again; outside image editors in a window of its own": (
        "将图像横竖各重复三次显示,或恢复单张显示;在图像编辑器之外则在独立窗口中显示"
    ),
    "Name of the image; empty for the one that is shown or picked": "图像的名称,留空则为当前显示或选取的图像",
    "There is no image in this file yet": "此文件中还没有图像",
    "There is no image {name}.": "没有名为 {name} 的图像。",
    "Choose an image first.": "请先选择一张图像。",
    "Choose a direction in which the image is to repeat.": "请选择图像重复的方向。",
    "A preview needs a window.": "预览需要窗口。",
    # What nothing can be made of.
    "{name} is a movie; save one of its frames as an image first.": "{name} 是影片,请先将其中一帧另存为图像。",
    "{name} is a sequence; open one of its frames as an image first.": "{name} 是图像序列,请先将其中一帧作为图像打开。",
    "{name} is made of several UDIM tiles; open one of them as an image first.": (
        "{name} 由多个 UDIM 图块组成,请先将其中一块作为图像打开。"
    ),
    "{name} has several layers; save one of them as an image first.": "{name} 包含多个层,请先将其中一层另存为图像。",
    "{name} changes with every render; save it as an image first.": "{name} 会随每次渲染而改变,请先将其另存为图像。",
    "{name} has no pixels: its file is missing or cannot be read.": "{name} 没有像素: 其文件缺失或无法读取。",
    "{name} has {width} × {height} pixels; 8 each way are the least, {most} million the most.": (
        "{name} 有 {width} × {height} 像素;每边至少 8 像素,总数至多 {most} 百万。"
    ),
    "{name} seamless": "{name} 无缝",
    # What the engine reports.
    "Reading the picture": "正在读取图片",
    "Looking for what repeats": "正在寻找重复的部分",
    "Making it seamless": "正在消除接缝",
    "Repairing the seam": "正在修复接缝",
    "Estimating maps": "正在估算贴图",
}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # Operators.
    "Replace Maps": "替换贴图",
    "Show the maps of another result in the active material; sliders and nodes of your own stay": (
        "在活动材质中显示另一个结果的贴图,滑块和您自己的节点保持不变"
    ),
    "Folder of the result": "结果所在的文件夹",
    "Variation": "变体",
    "Which variation of the result, the first is 0": "结果的第几个变体,第一个为 0",
    "Choose the folder of a result.": "请选择一个结果的文件夹。",
    "Reset Sliders": "重置滑块",
    "Set the sliders of the active material so that it shows its maps as they are, at their real size": (
        "重置活动材质的滑块,使其按贴图原样和真实尺寸显示"
    ),
    # The sliders.
    "Tint": "色调",
    "Tint Amount": "色调强度",
    "Hue Shift": "色相偏移",
    "Saturation": "饱和度",
    "Brightness": "亮度",
    "Ambient Occlusion Amount": "环境光遮蔽强度",
    "Roughness Minimum": "糙度最小值",
    "Roughness Maximum": "糙度最大值",
    "Relief Strength": "起伏强度",
    "Normal Map / Bump": "法线贴图 / 凹凸",
    "Tile Width": "单块宽度",
    "{name}: set by a node": "{name}: 由节点设定",
    # Maps in messages.
    "Base Color": "基础色",
    "Image": "图像",
    "Ambient Occlusion": "环境光遮蔽",
    # Messages.
    "There is no material.": "没有材质。",
    "{name} has no Texloom sliders.": "{name} 没有 Texloom 滑块。",
    "{name} is linked from another file and cannot be changed here; make it local first.": (
        "{name} 链接自另一个文件,无法在此修改,请先将其设为本地。"
    ),
    "Choose a material that Texloom made.": "请选择由 Texloom 创建的材质。",
    "{name} has no map that a material could show.": "{name} 没有可供材质显示的贴图。",
    "Choose another result.": "请选择另一个结果。",
    "{map} keeps the image {name}, which is not from Texloom.": "{map} 保留图像 {name},该图像并非来自 Texloom。",
    "{map} is not shown: something else is linked there.": "{map} 未显示: 该处已连接其他内容。",
    "This result has no {map}; nodes of your own go on with the earlier one.": (
        "此结果没有 {map},您自己的节点将继续使用先前的贴图。"
    ),
    "{name} was painted on and stays in the file.": "{name} 已被绘制过,将保留在文件中。",
    "Generate it once more.": "请重新生成。",
}

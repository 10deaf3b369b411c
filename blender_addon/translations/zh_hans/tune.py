# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: the parameters of instant materials."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Parameters": "参数",
    "Condition": "状态",
    "Drawing…": "正在绘制…",
    "Amount": "量",
    "Choice": "选择",
    "Make the material local first: it is linked from another file": "请先将材质设为本地: 它链接自另一个文件",
    "Lock": "锁定",
    "Keep this value while the prompt or the seed changes": "更改提示词或种子时保留此值",
    "Keep this kind of material whatever the prompt says": "无论提示词写什么,都保留这种材质类型",
    "Select an object with a material of the instant model": "请选择一个带有即时模型材质的物体",
    "Draw the images of this material again as its sliders stand": "按当前滑块的值重新绘制此材质的图像",
    "Redraw Material": "重新绘制材质",
    "Set all sliders back to what the words made of them": "将所有滑块恢复为由文字得出的值",
    "Reset Parameters": "重置参数",
    "Draw the same material with other irregularities": "以不同的随机细节绘制同样的材质",
    "Other Irregularities": "换一种随机细节",
    "Make another kind of material of it, with its color and condition": "改为另一种材质,保留其颜色与状态",
    "Kind of Material": "材质类型",
    "Kind": "类型",
    "Write the material as it is now into the library": "将当前的材质写入资源库",
    "Keep in Library": "存入资源库",
    "Let the prompt and the seed decide this value again": "重新由提示词和种子决定此值",
    "Unlock Values": "解锁值",
    "Parameter": "参数",
    "Which value; all of them when empty": "哪个值;为空则为全部",
    "No value is locked": "没有锁定的值",
}

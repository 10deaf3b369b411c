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
    # Their tooltips, which Blender shows at the sockets of the groups.
    "Color by which the base color is multiplied; white changes nothing": "与基础色相乘的颜色;白色表示不作改变",
    "How much of the tint is applied": "色调的应用程度",
    "Turns all colors around the color wheel": "将所有颜色沿色轮旋转",
    "0 is gray, 1 leaves the colors as they are": "0 为灰色,1 保持颜色不变",
    "0 is black, 1 leaves the colors as they are": "0 为黑色,1 保持颜色不变",
    "How much crevices are darkened by the occlusion map": "缝隙因遮蔽贴图而变暗的程度",
    "Roughness where the map is black": "贴图为黑色处的糙度",
    "Roughness where the map is white": "贴图为白色处的糙度",
    "Scales bump, normal map and displacement; 1 is real": "缩放凹凸、法线贴图和置换;1 为真实值",
    "What shades the relief: 0 the normal map, 1 the height map": "用什么表现起伏的明暗: 0 为法线贴图,1 为高度贴图",
    "Width of one tile on the object": "单个平铺在物体上的宽度",
    # What the maps are linked to.
    "Normal Map": "法线贴图",
    "Vector": "矢量",
    "Color of the surface without light and shade": "表面的颜色,不含光照与阴影",
    "How much light reaches crevices": "能照进缝隙的光量",
    "0 for everything but bare metal, which is 1": "裸露的金属为 1,其余均为 0",
    "0 is a mirror, 1 is chalk": "0 如镜面,1 如粉笔",
    "Tangent-space normals, green up": "切线空间法线,绿色朝上",
    "0 is the lowest point, 1 the highest": "0 为最低点,1 为最高点",
    "Texture coordinates": "纹理坐标",
    # What follows from the result and the object.
    "Measures": "尺寸数据",
    "Relief Height": "起伏高度",
    "From the lowest to the highest point": "从最低点到最高点的距离",
    "Midlevel": "中间值",
    "Value of the height map that stays on the surface": "高度贴图中与表面齐平的值",
    "Normal Map Strength": "法线贴图强度",
    "0 where displacement shows the relief, and without UVs": "由置换表现起伏或没有 UV 时为 0",
    "Normal Map Turn": "法线贴图旋转",
    "Turns the normals as the picture is turned": "使法线随图像一同旋转",
    "Relief Scale": "起伏缩放",
    "How many times larger than real a tile is; the relief grows with it": ("单个平铺比真实尺寸大多少倍;起伏随之增大"),
    "Own Width": "原始宽度",
    "Width that one tile of these maps has in reality": "这些贴图的单个平铺在现实中的宽度",
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: images, results and materials with more pixels."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Upscale": "放大",
    "Upscale Result": "放大结果",
    "Upscale Material": "放大材质",
    "Upscaling": "正在放大",
    "Factor": "倍数",
    "How many times as many pixels each way": "横竖两个方向的像素数各增至几倍",
    "By": "放大方式",
    "What makes the pixels": "由什么生成像素",
    "Texloom's own": "Texloom 自带",
    "A small network that comes with Texloom; nothing is made up": "Texloom 自带的小型网络,不会凭空添加内容",
    "Chosen model": "所选模型",
    "The model chosen in the panel draws detail of its own over the result": "由面板中所选的模型在结果上绘制新的细节",
    "How much the model draws anew: little adds detail, much changes what is shown": (
        "模型重新绘制的程度: 低则补充细节,高则改变内容"
    ),
    "Make a new image of an image with more pixels": "由图像生成像素更多的新图像",
    "Make all maps of this result larger, into a result of its own; materials that show it show the larger one": (
        "放大此结果的所有贴图并另存为新结果,使用它的材质随即改用放大后的贴图"
    ),
    "Make the maps of the active material larger; sliders and nodes of your own stay, and so does its real size": (
        "放大活动材质的贴图,滑块、自行添加的节点以及实际尺寸保持不变"
    ),
    "Choose a model that draws over pictures, in Models.": "请在“模型”中选择可在图像上重绘的模型。",
    "The files of {name} are gone.": "{name} 的文件已不存在。",
    "{name} upscaled": "{name} 放大",
}

MESSAGES: dict[str, str] = {
    "operation: {0} cannot upscale a picture.": "操作: {0} 无法放大图像。",
    "The model image can, and so can models that draw over a picture.": (
        "模型 image 可以,能在图像上重绘的模型也可以。"
    ),
    "The model image has no steps, no guidance scale and no negative prompt.": (
        "模型 image 没有步数、引导强度和反向提示词。"
    ),
    "factor: must be above 1 and at most {0}, got {1}.": "倍数: 必须大于 1 且不超过 {0},得到的是 {1}。",
    "factor: {0} × {1} pixels become {2} × {3}; up to {4} are made.": (
        "倍数: {0} × {1} 像素将变为 {2} × {3};每边最多生成 {4} 像素。"
    ),
    "Choose a factor of at most {0}.": "请选择不超过 {0} 的倍数。",
    "factor: {0} × {1} pixels become {2} × {3}; {4} are the least.": (
        "倍数: {0} × {1} 像素将变为 {2} × {3};每边至少需要 {4} 像素。"
    ),
    "source: the result in {0} has no {1} that could be upscaled.": "来源: {0} 中的结果没有可以放大的 {1}。",
    "Make it again with that map.": "请连同该贴图重新生成。",
    "index: {0} has no variation {1}.": "序号: {0} 没有变体 {1}。",
    "maps: the result in {0} has no {1}.": "贴图: {0} 中的结果没有 {1}。",
    "width, height: {0} × {1} does not fit the proportions of {2} × {3}.": (
        "宽度、高度: {0} × {1} 与 {2} × {3} 的比例不符。"
    ),
    "Give a factor instead.": "请改为指定倍数。",
    "width, height: the picture has {0} × {1} pixels already.": "宽度、高度: 图像已有 {0} × {1} 像素。",
    "Upscaling needs a larger size.": "放大需要更大的尺寸。",
    "width, height: {0} × {1} pixels become at most {2} times as many each way.": (
        "宽度、高度: {0} × {1} 像素在每个方向上最多增至 {2} 倍。"
    ),
    "parameters: upscaling has no {0}.": "参数: 放大没有 {0}。",
    "parameters: height_min_m must be a number of metres, got {0}.": (
        "参数: height_min_m 必须是以米为单位的数值,得到的是 {0}。"
    ),
    "height_range: there is no height map in source_maps.": "height_range: source_maps 中没有高度贴图。",
    "operation: upscale takes no controls and no style; it keeps what is there.": (
        "操作: 放大不使用控制图和风格,只保留已有的内容。"
    ),
    "source_maps: must be an object of map and path.": "source_maps: 必须是由贴图名和路径组成的对象。",
    "source_maps: the operation {0} takes none; upscale does.": "source_maps: 操作 {0} 不使用它,upscale 才使用。",
    "source_maps: only a material has other maps.": "来源贴图: 只有材质才有其他贴图。",
    "Choose the kind material.": "请选择类型 material。",
    "maps: {0} cannot be upscaled, since the source has none.": "贴图: 来源中没有 {0},因此无法放大。",
    "Leave them away, or make maps of the picture first.": "请去掉这些贴图,或先由图像生成贴图。",
    "source_maps: {0} has {1} × {2} pixels, the base color {3} × {4}.": (
        "来源贴图: {0} 有 {1} × {2} 像素,而基础色有 {3} × {4} 像素。"
    ),
    "Give maps of one size.": "请提供尺寸相同的贴图。",
    "The upscaler lacks {0}.": "放大网络缺少 {0}。",
    "The upscaler cannot be read: {0}.": "无法读取放大网络: {0}。",
    "The upscaler has version {0}, this Texloom reads {1}.": "放大网络的版本是 {0},此版 Texloom 读取 {1}。",
    "The upscaler does not fit its config: {0}.": "放大网络与其配置不符: {0}。",
    "Install Texloom again, or train the model: texloom train upscaler.": (
        "请重新安装 Texloom,或训练该模型: texloom train upscaler。"
    ),
}

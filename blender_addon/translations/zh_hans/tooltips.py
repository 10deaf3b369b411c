# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: tooltips of properties that had none at first."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "What makes the pictures": "用哪个模型生成图片",
    "Files that change a large model, each with its weight": "用于改变大模型的文件,各有其权重",
    "Pixels of the result; more show finer detail and take longer": "结果的像素数;像素越多细节越精细,耗时也越长",
    "Pixels from left to right, in steps of 8": "从左到右的像素数,步长为 8",
    "Pixels from bottom to top, in steps of 8": "从下到上的像素数,步长为 8",
    "Directions in which copies of the result stand beside each other without a seam": (
        "结果的多个副本在哪些方向上并排时没有接缝"
    ),
    "What becomes of the result in the scene": "结果在场景中以何种形式出现",
    "Images of which the material is made; hold Shift to choose several": "组成材质的图像;按住 Shift 可选择多个",
    "Real width of what one copy of the picture shows, by which it is scaled on objects": (
        "图片单个副本所示内容的实际宽度,据此在物体上缩放"
    ),
    "Where the front of the plane looks": "平面的正面朝向哪里",
    "The colors, without light and shade": "颜色,不含光照与阴影",
    "Where the surface leans: relief by shading alone": "表面的倾斜方向: 仅靠着色表现起伏",
    "How high each place lies, for bump and displacement": "各处的高度,用于凹凸与置换",
    "Where reflections are sharp and where they are dull": "哪里的反射清晰,哪里的反射模糊",
    "What is bare metal": "哪些部分是裸露的金属",
    "How much of the light from all around gets into gaps, for game engines": (
        "四周的光有多少能进入缝隙,供游戏引擎使用"
    ),
    "How much of it there is; the images follow": "它有多少;图像会随之更新",
    "Its real size, whatever the size of the tile; the images follow": "它的实际尺寸,与平铺的大小无关;图像会随之更新",
    "The color that most of it has; the images follow": "它大部分区域的颜色;图像会随之更新",
    "Which of several ways it is made in; the images follow": "采用几种样式中的哪一种;图像会随之更新",
    "What becomes of the maps in the scene": "贴图在场景中以何种形式出现",
    "What to make; empty to search the prompts of late": "要生成的内容;为空则搜索近期的提示词",
    "What to avoid with it": "与之搭配、要避免的内容",
    "One of the prompts of late, the newest first": "近期的提示词之一,最新的在前",
    "Keep the size of the result and the directions in which it repeats as well": "同时保存结果的尺寸和重复的方向",
    "Keep the choice of maps and how height is shown as well": "同时保存所选的贴图以及高度的显示方式",
    "Keep the real width of a tile as well": "同时保存单个平铺的实际宽度",
    "Show the card; off to hide it": "显示此卡片;关闭则隐藏",
    "What to make; it comes into the panel as well": "要生成的内容;也会填入面板",
    "The kind of material that it becomes": "要变成的材质类型",
    "Lock them; off to unlock them": "将其锁定;关闭则解锁",
    "All references of the scene instead of those selected": "场景中的所有参考,而不只是所选的",
    "Where the fronts of the references look": "参考的正面朝向哪里",
    "Whether the image lies behind the scene or before it": "图像位于场景之后还是之前",
    "How the image fills the camera's frame": "图像如何填充相机的画框",
    "Further folders in which Texloom looks for models": "Texloom 查找模型的其他文件夹",
}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: the form that a job follows."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Form": "形体",
    "Depth": "深度",
    "Normals": "法线",
    "Lines": "线条",
    "From Camera": "来自摄像机",
    "From Object": "来自物体",
    "From Material": "来自材质",
    "Seen from": "观察方向",
    "Where the viewer stands": "从哪个方向观察",
    "Straight from the front": "正前方",
    "As the 3D viewport looks at it now": "与 3D 视图当前的视角相同",
    "Network": "网络",
    "Controls": "形体控制",
    "Whether it counts at all": "是否起作用",
    "What the picture shows": "图片的内容",
    "The picture, as it is when the job begins": "图片,以任务开始时的内容为准",
    "A picture on disk, where no image of this file is chosen": "磁盘上的图片,用于没有选择本文件图像的情况",
    "How much the form counts: 0 not at all, 1 as the network was trained": "形体的影响程度: 0 为没有,1 为网络训练时的程度",
    "The network that reads the picture: owner/name of the hub, or a folder; empty for what suits": (
        "读取图片的网络: 模型库上的 所有者/名称,或文件夹;留空则使用合适的网络"
    ),
    "What is near is white; a height map will do": "近处为白色;也可使用高度图",
    "Directions of the surface, green up (OpenGL)": "表面的朝向,绿色向上 (OpenGL)",
    "White lines on black; in a photo, lines are looked for": "黑底白线;对于照片会自动寻找线条",
    "The pictures whose form is followed": "所遵循形体的图片",
    "One picture whose form is followed.": "一张所遵循形体的图片。",
    "No picture": "无图片",
    "The chosen model follows no form; the pictures are left out.": "所选模型无法遵循形体,这些图片将被忽略。",
    "Follow the form that the scene's camera sees; nothing of the scene is changed": (
        "遵循场景摄像机所见的形体;不会改动场景中的任何内容"
    ),
    "Follow the form of the active object alone, seen without perspective": "仅遵循活动物体的形体,以无透视的方式观察",
    "Follow the form of the active object's Texloom material: its height and normal maps": (
        "遵循活动物体的 Texloom 材质的形体: 其高度贴图与法线贴图"
    ),
    "Follow the form in pictures on disk": "遵循磁盘上图片中的形体",
    "Add Picture of a Form": "添加形体图片",
    "Remove Picture of a Form": "移除形体图片",
    "Take the chosen picture out of the list": "将所选图片从列表中移除",
    "A picture": "一张图片",
    "Select an object": "请选择一个物体",
    "The active object has no material": "活动物体没有材质",
    "The scene has no camera.": "场景中没有摄像机。",
    "Add one, or use an object.": "请添加一个,或使用物体。",
    "Panoramic cameras give no picture of a form.": "全景摄像机无法生成形体图片。",
    "{name} has no surface.": "{name} 没有表面。",
    "Choose a mesh.": "请选择一个网格。",
    "Nothing is to be seen there.": "那里看不到任何东西。",
    "Move the camera, or show the object.": "请移动摄像机,或显示该物体。",
    "The form cannot be rendered: {reason}": "无法渲染形体: {reason}",
    "Pictures of a form need Cycles, which is switched off.": "形体图片需要 Cycles,而它已被停用。",
    "Enable Cycles in Blender's preferences, under Add-ons.": "请在 Blender 偏好设置的“插件”中启用 Cycles。",
    "The active material has no map of Texloom that shows its form.": "活动材质没有能体现其形体的 Texloom 贴图。",
    "Select an object with a Texloom material that has height and normal maps.": (
        "请选择一个物体,其 Texloom 材质带有高度贴图与法线贴图。"
    ),
    "Form: choose the picture of {kind}.": "形体: 请选择 {kind} 的图片。",
    "Or switch it off in the list.": "或在列表中将其关闭。",
    "There is room for {count} pictures of a form.": "最多可使用 {count} 张形体图片。",
    "Remove one of the list first.": "请先从列表中移除一张。",
    "Form depth": "形体深度",
    "Form normals": "形体法线",
    "Form lines": "形体线条",
}

MESSAGES: dict[str, str] = {}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: the form that a job follows."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Pictures whose form is followed": "生成时遵循其形状的图片",
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
    "What the picture shows": "图像的内容",
    "The picture, as it is when the job begins": "图像,以任务开始时的内容为准",
    "A picture on disk, where no image of this file is chosen": "磁盘上的图像,用于没有选择本文件图像的情况",
    "How much the form counts: 0 not at all, 1 as the network was trained": (
        "形体的影响程度: 0 为没有,1 为网络训练时的程度"
    ),
    "The network that reads the picture: owner/name of the hub, or a folder; empty for what suits": (
        "读取图像的网络: 模型库上的 所有者/名称,或文件夹;留空则使用合适的网络"
    ),
    "What is near is white; a height map will do": "近处为白色;也可使用高度图",
    "Directions of the surface, green up (OpenGL)": "表面的朝向,绿色向上 (OpenGL)",
    "White lines on black; in a photo, lines are looked for": "黑底白线;对于照片会自动寻找线条",
    "The pictures whose form is followed": "所遵循形体的图像",
    "One picture whose form is followed.": "一张所遵循形体的图像。",
    "No picture": "无图像",
    "The chosen model follows no form; the pictures are left out.": "所选模型无法遵循形体,这些图像将被忽略。",
    "Follow the form that the scene's camera sees; nothing of the scene is changed": (
        "遵循场景摄像机所见的形体;不会改动场景中的任何内容"
    ),
    "Follow the form of the active object alone, seen without perspective": "仅遵循活动物体的形体,以无透视的方式观察",
    "Follow the form of the active object's Texloom material: its height and normal maps": (
        "遵循活动物体的 Texloom 材质的形体: 其高度贴图与法线贴图"
    ),
    "Follow the form in pictures on disk": "遵循磁盘上图像中的形体",
    "Add Picture of a Form": "添加形体图像",
    "Remove Picture of a Form": "移除形体图像",
    "Take the chosen picture out of the list": "将所选图像从列表中移除",
    "A picture": "一张图像",
    "Select an object": "请选择一个物体",
    "The active object has no material": "活动物体没有材质",
    "The scene has no camera.": "场景中没有摄像机。",
    "Add one, or use an object.": "请添加一个,或使用物体。",
    "Panoramic cameras give no picture of a form.": "全景摄像机无法生成形体图像。",
    "{name} has no surface.": "{name} 没有表面。",
    "Choose a mesh.": "请选择一个网格。",
    "Nothing is to be seen there.": "那里看不到任何东西。",
    "Move the camera, or show the object.": "请移动摄像机,或显示该物体。",
    "The form cannot be rendered: {reason}": "无法渲染形体: {reason}",
    "Pictures of a form need Cycles, which is switched off.": "形体图像需要 Cycles,而它已被停用。",
    "Enable Cycles in Blender's preferences, under Add-ons.": "请在 Blender 偏好设置的“插件”中启用 Cycles。",
    "The active material has no map of Texloom that shows its form.": "活动材质没有能体现其形体的 Texloom 贴图。",
    "Select an object with a Texloom material that has height and normal maps.": (
        "请选择一个物体,其 Texloom 材质带有高度贴图与法线贴图。"
    ),
    "Form: choose the picture of {kind}.": "形体: 请选择 {kind} 的图像。",
    "Or switch it off in the list.": "或在列表中将其关闭。",
    "There is room for {count} pictures of a form.": "最多可使用 {count} 张形体图像。",
    "Remove one of the list first.": "请先从列表中移除一张。",
    "Form depth": "形体深度",
    "Form normals": "形体法线",
    "Form lines": "形体线条",
}

MESSAGES: dict[str, str] = {
    "controls: must be a list of pictures with a kind.": "形体控制: 必须是带有类型的图像列表。",
    "controls: at most {0}, got {1}.": "形体控制: 最多 {0} 个,得到的是 {1} 个。",
    "controls: a strength must be from {0} to {1}, got {2}.": "形体控制: 强度必须介于 {0} 和 {1} 之间,得到的是 {2}。",
    "controls: {0} is no control.": "形体控制: {0} 不是有效的形体控制。",
    'Write ("depth", "file.png") or ("depth", "file.png", 0.8).': (
        '请写成 ("depth", "file.png") 或 ("depth", "file.png", 0.8)。'
    ),
    "{0}: must be a list of objects with {1}.": "{0}: 必须是带有 {1} 的对象列表。",
    "controls: {0} cannot follow a picture of depth, normals or lines.": (
        "形体控制: {0} 无法遵循深度、法线或线条图像。"
    ),
    "Choose one of these models: {0}.": "请选择以下模型之一: {0}。",
    "controls: {0} follows no form while it fills in parts of a picture.": (
        "形体控制: {0} 在填补图像局部时无法遵循形体。"
    ),
    "controls: {0} follows no form while it draws from words alone.": "形体控制: {0} 在仅凭文字绘制时无法遵循形体。",
    "controls: {0} follows no form while it draws over a picture.": "形体控制: {0} 在图像上重绘时无法遵循形体。",
    "Leave the picture or the controls out, or choose another model.": "请去掉图像或形体控制,或选择其他模型。",
    "controls: {0} does not see which parts of a picture are filled in.": (
        "形体控制: {0} 看不到图像的哪些部分正在被填补。"
    ),
    "Choose a newer version of this network, or leave the controls out.": ("请选择此网络的较新版本,或不使用形体控制。"),
    "controls: the picture for {0} cannot be used.": "形体控制: {0} 的图像无法使用。",
    "The picture for {0} has {1} × {2} pixels and is stretched to the size of the result.": (
        "{0} 的图像为 {1} × {2} 像素,将被拉伸为结果的尺寸。"
    ),
    "Make it of the same proportions.": "请使用相同的宽高比。",
    "The picture for {0} does not repeat, so that the result may not either.": (
        "{0} 的图像不是无缝的,因此结果也可能不是。"
    ),
    "Make the picture seamless, or turn tiling off.": "请将图像变为无缝,或关闭平铺。",
    "The picture for lines is no drawing of white lines on black; its own lines were looked for.": (
        "线条图像不是黑底白线的线稿;已从中寻找线条。"
    ),
    "controls: {0} follows exactly one picture, given as its source or as the one control.": (
        "形体控制: {0} 只遵循一张图像,即其来源图像或唯一的形体控制。"
    ),
    "Leave one picture.": "请只保留一张图像。",
    "controls: {0} reads no pictures of the kind {1}.": "形体控制: {0} 不读取 {1} 类型的图像。",
    "Choose another model for it.": "请为此选择其他模型。",
    "controls: {0} follows the picture by itself and takes no network.": (
        "形体控制: {0} 自身即可遵循图像,不使用额外的网络。"
    ),
    "Leave the network out.": "请不要指定网络。",
    "{0} follows the picture wholly; its strength has no effect.": "{0} 会完全遵循图像;强度没有作用。",
    "Texloom knows no network that reads pictures of the kind {0} for {1}.": (
        "Texloom 不知道有哪个网络能为 {1} 读取 {0} 类型的图像。"
    ),
    "Name one: --control-model with a diffusers folder or a hub id, or choose another kind of control.": (
        "请指定一个: 用 --control-model 给出 diffusers 文件夹或模型库 ID,或选择其他类型的形体控制。"
    ),
    "There is no network {0} for controls.": "没有用于形体控制的网络 {0}。",
    "Give a name that texloom models lists, a hub id like owner/name, or a diffusers folder.": (
        "请给出 texloom models 列出的名称、形如 owner/name 的模型库 ID,或 diffusers 文件夹。"
    ),
    "{0} cannot be opened by itself as a network for controls of {1}.": "{0} 无法单独作为 {1} 的形体控制网络打开。",
    "Give its diffusers folder, with {0} beside the weights.": "请给出其 diffusers 文件夹,其中权重旁有 {0}。",
    "{0} is no folder of a network for controls: it has no {1}.": "{0} 不是形体控制网络的文件夹: 其中没有 {1}。",
    "Choose the folder that holds config.json and diffusion_pytorch_model.safetensors.": (
        "请选择包含 config.json 和 diffusion_pytorch_model.safetensors 的文件夹。"
    ),
    "{0} holds only pickled weights, which can run any code.": "{0} 只含 pickle 格式的权重,它们可以运行任意代码。",
    "Download its .safetensors files.": "请下载其 .safetensors 文件。",
    "{0} does not say what kind of network it is.": "{0} 没有说明它是哪种网络。",
    "Choose another one.": "请选择其他的。",
    "{0} is a {1}, which is no network for controls of {2} (that is {3}).": (
        "{0} 是 {1},不是 {2} 的形体控制网络 (应为 {3})。"
    ),
    "Choose a network that was made for this model.": "请选择为此模型制作的网络。",
    "{0} was made for another model than {1}: its {2} is {3} instead of {4}.": (
        "{0} 不是为 {1} 制作的: 其 {2} 为 {3},而非 {4}。"
    ),
    "It reads {0}; choose another network for this control.": "它读取 {0};请为此形体控制选择其他网络。",
    "controls: {0} and {1} cannot work together.": "形体控制: {0} 与 {1} 无法一起使用。",
    "Choose networks of one kind, or one network that reads all of these pictures.": (
        "请选择同一种网络,或一个能读取所有这些图像的网络。"
    ),
    "controls: {0} takes one network of this kind, which reads all pictures.": (
        "形体控制: {0} 只使用一个此类网络,由它读取所有图像。"
    ),
    "Choose the same network for all controls.": "请为所有形体控制选择同一个网络。",
    "controls: {0} takes one control at a time.": "形体控制: {0} 一次只接受一个形体控制。",
    "Leave the others out.": "请去掉其余的。",
    "{0} cannot be loaded: {1}": "{0} 无法加载: {1}",
}

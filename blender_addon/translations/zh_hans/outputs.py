# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # Brushes.
    "No brush is in use.": "没有正在使用的笔刷。",
    "Enter Sculpt Mode, Vertex Paint or Texture Paint first.": "请先进入雕刻模式、顶点绘制或纹理绘制。",
    "No brush is active.": "没有活动笔刷。",
    "Choose a brush first.": "请先选择一个笔刷。",
    "The brush {name} belongs to a library and cannot be changed, and a copy could not be made active.": (
        "笔刷 {name} 属于资产库,无法修改,也无法将其副本设为活动笔刷。"
    ),
    "Duplicate the brush in the asset shelf, and try again with the duplicate.": (
        "请在资产架中复制该笔刷,然后用副本重试。"
    ),
    # The panel.
    "Export": "导出",
    "The active object has no material of Texloom": "活动物体没有 Texloom 材质",
    "There is no result yet": "还没有结果",
    "Exporting": "正在导出",
    "Exported {count} files": "已导出 {count} 个文件",
    # Operators.
    "World Background": "世界背景",
    "Surround the scene with this picture, in a new world; the old world stays in the file": (
        "在新的世界环境中用此图像环绕场景,原来的世界环境保留在文件中"
    ),
    "Brush Texture": "笔刷纹理",
    "Make this the texture of the active brush: its height for sculpting, its colors for painting": (
        "将其设为活动笔刷的纹理: 雕刻时使用高度,绘制时使用颜色"
    ),
    "Enter Sculpt Mode, Vertex Paint or Texture Paint first": "请先进入雕刻模式、顶点绘制或纹理绘制",
    "Texture of the brush {name}": "已设为笔刷 {name} 的纹理",
    "Own colors": "原有颜色",
    "Make the brush white for painting, so that the picture keeps its colors": "绘制时将笔刷设为白色,使图像保持其颜色",
    "Export Textures": "导出纹理",
    "Write the maps as the texture files that another program wants": "按其他程序的要求将贴图写为纹理文件",
    "Stop the export; no file of it stays": "停止导出,不保留任何文件",
    "An export is running": "正在进行导出",
    "Exporting; the panel shows how far it is": "正在导出,进度显示在面板中",
    "The textures could not be exported: {error}. Try again; Blender's console says more.": (
        "无法导出纹理: {error}。请重试;Blender 的控制台中有更多信息。"
    ),
    "Exported {count} files to {folder}": "已将 {count} 个文件导出到 {folder}",
    "Overwrite {count} files?": "要覆盖 {count} 个文件吗?",
    "Overwrite": "覆盖",
    "There is no result and no Texloom material.": "没有结果,也没有 Texloom 材质。",
    "Generate one, or choose the other.": "请先生成,或选择另一个来源。",
    "No folder is chosen.": "未选择文件夹。",
    "Choose a folder for the files.": "请为文件选择一个文件夹。",
    "The folder lies beside the .blend file, which has no place yet.": "该文件夹位于 .blend 文件旁,但文件尚未保存。",
    "Save the file first, or choose another folder.": "请先保存文件,或选择其他文件夹。",
    # Settings.
    "Source": "来源",
    "What is exported": "要导出的内容",
    "Latest result": "最新结果",
    "The newest result in the list above, in the variation that is in use": "上方列表中最新的结果,采用正在使用的变体",
    "Active material": "活动材质",
    "The active object's material, where Texloom made it": "活动物体的材质 (由 Texloom 创建)",
    "Preset": "预设",
    "The program that the files are for": "文件所面向的程序",
    "Unreal Engine": "虚幻引擎 (Unreal)",
    "T_Name_BC, _N, _ORM, _H: packed, normals for DirectX": "T_名称_BC、_N、_ORM、_H: 通道打包,DirectX 法向",
    "Unity (URP)": "Unity (通用渲染管线)",
    "Base map, normal, metallic with occlusion and smoothness in one, height": (
        "基础贴图、法向、合并的金属度 / 遮蔽 / 光滑度、高度"
    ),
    "Unity (HDRP)": "Unity (高清渲染管线)",
    "Base map, normal, mask map, height": "基础贴图、法向、遮罩贴图、高度",
    "Godot": "Godot 引擎",
    "Albedo, normal, ORM, height": "反照率、法向、ORM、高度",
    "glTF": "glTF 格式",
    "Base color, normal, and occlusion, roughness and metallic in one": "基础色、法向,以及合并的遮蔽、糙度和金属度",
    "Plain (Blender)": "普通 (Blender)",
    "One file for each map, as they are": "每张贴图一个文件,保持原样",
    "Format": "格式",
    "Kind of files": "文件类型",
    "PNG": "PNG 图像",
    "Whole numbers of 8 or 16 bits": "8 位或 16 位整数",
    "OpenEXR": "OpenEXR 图像",
    "Floats: colors become linear, height keeps all its bits": "浮点数: 颜色转为线性,高度保留全部位数",
    "Depth": "位深",
    "Bits for each channel": "每个通道的位数",
    "As made": "保持原样",
    "The bits of each map: 16 for height, 8 for the others": "各贴图自身的位数: 高度 16 位,其余 8 位",
    "8 bits": "8 位",
    "Everything in 8 bits; height shows steps": "全部为 8 位,高度会出现台阶",
    "16 bits": "16 位",
    "Everything in 16 bits": "全部为 16 位",
    "Normals": "法向",
    "Which way green points": "绿色通道的朝向",
    "As the preset": "按预设",
    "What the chosen program expects": "所选程序的要求",
    "OpenGL (green up)": "OpenGL (绿色朝上)",
    "As Blender, Unity, Godot and glTF have it": "用于 Blender、Unity、Godot 和 glTF",
    "DirectX (green down)": "DirectX (绿色朝下)",
    "As Unreal Engine has it": "用于虚幻引擎",
    "Size of the files in pixels": "文件的像素尺寸",
    "The size of the maps": "贴图的尺寸",
    "Half": "一半",
    "Half the width and height": "宽高减半",
    "Power of two": "2 的幂",
    "The next smaller power of two, where it is none already": "若不是 2 的幂,则取下一个较小的",
    "Folder for the files": "存放文件的文件夹",
    "Folder for the files; empty to be asked": "存放文件的文件夹,留空则询问",
    "Replace files that are there, without asking": "直接替换已有文件,不再询问",
    "Name": "名称",
    "Name in the files' names; empty to make one from the prompt": "文件名中的名称,留空则由提示词生成",
    "Keep existing files": "保留已有文件",
    "Refuse to replace files that are there": "拒绝替换已有文件",
    "Strength": "强度",
    "Brightness of the world": "世界环境的亮度",
    "Projection": "投影",
    "How the picture surrounds the scene": "图像环绕场景的方式",
    "Panorama for pictures that are twice as wide as high, dome for all others": "宽为高两倍的图像用全景,其余用穹顶",
    "Panorama": "全景",
    "Once around, from straight down to straight up": "环绕一周,从正下方到正上方",
    "Dome": "穹顶",
    "Repeated over the sky, without seams or poles; below the horizon lies its mirror image": (
        "在天空上重复,没有接缝和极点,地平线以下为其镜像"
    ),
    "Tiles": "平铺数",
    "How often the dome shows the picture between horizon and zenith": "穹顶从地平线到天顶重复图像的次数",
    "Rotation": "旋转",
    "Turn about the vertical": "绕竖直方向旋转",
    "Mapping": "映射",
    "How the brush lays the texture": "笔刷放置纹理的方式",
    "Tiled": "平铺",
    "Repeated over the view": "在视图上重复",
    "Stencil": "镂板",
    "As a stencil that you move with the right mouse button": "作为镂板,用鼠标右键移动",
    "View plane": "视图平面",
    "Moves with the brush, facing the view": "随笔刷移动,面向视图",
    "Area plane": "区域平面",
    "Moves with the brush, along the surface; for sculpting": "随笔刷移动,沿表面放置,用于雕刻",
    "Random": "随机",
    "Moves with the brush, from another place each time": "随笔刷移动,每次取自不同位置",
    # What an export tells.
    "There is too little memory for this export; half the size needs a quarter.": (
        "内存不足以完成此导出,尺寸减半所需内存为四分之一。"
    ),
    "{file} was made from the height map.": "{file} 由高度贴图生成。",
    "{program} has no use for a height map; it was left out.": "{program} 不使用高度贴图,已略去。",
    "{file}: no ambient occlusion map was made, its channel is white (open to all light).": (
        "{file}: 没有环境光遮蔽贴图,其通道为白色 (不遮挡光线)。"
    ),
    "{file}: no metallic map was made, its channel is black (no metal).": (
        "{file}: 没有金属度贴图,其通道为黑色 (非金属)。"
    ),
    "{file}: no roughness map was made, its channel stands for 0.5.": "{file}: 没有糙度贴图,其通道为 0.5。",
}

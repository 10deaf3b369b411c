# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # The panel.
    "References": "参考图",
    "Add": "添加",
    "Add from Files…": "从文件添加…",
    "Turnaround…": "多视图…",
    "Split into Views": "拆分为多视图",
    "{count} references": "{count} 个参考图",
    "Show": "显示",
    "Lock": "锁定",
    "Lock All": "全部锁定",
    "Unlock All": "全部解锁",
    "Unlock": "解锁",
    "To Plane": "转为平面",
    "To Image Empty": "转为图像空物体",
    "Turnaround of These": "由这些生成多视图",
    # What a reference is and how it looks.
    "Kind": "类型",
    "What shows the picture": "用什么来显示图片",
    "Plane": "平面",
    "A mesh with the picture, in viewports and in renders": "带图片的网格,在视图和渲染中可见",
    "Image empty": "图像空物体",
    "Blender's own image reference, in viewports only": "Blender 自带的图像参考,仅在视图中可见",
    "Real height; the width follows": "实际高度,宽度随之变化",
    "Opacity": "不透明度",
    "How opaque it is, the alpha of the object's color, which can be animated": (
        "不透明程度,即物体颜色的 Alpha,可制作动画"
    ),
    "In front": "在前面",
    "Viewports draw it over everything else": "在视图中绘制于其他一切之上",
    "Both sides": "双面",
    "Seen from behind as well, mirrored": "从背面也可见(左右相反)",
    "In renders": "在渲染中",
    "Renders show it as viewports do": "渲染中与视图中一样可见",
    "Shown in": "显示于",
    "The viewports that show it": "显示它的视图",
    "Every view": "所有视图",
    "In all viewports": "在所有视图中",
    "Orthographic": "正交",
    "In orthographic views only": "仅在正交视图中",
    "Facing view": "正对的视图",
    "Only in the view that faces it: the front picture in the front view": (
        "仅在正对它的视图中: 正面图只在前视图中显示"
    ),
    "Locked": "锁定",
    "It can be neither selected nor moved until it is unlocked in the list": "在列表中解锁之前既不能选中也不能移动",
    "Image": "图像",
    "Image of this file to show": "要显示的此文件中的图像",
    "Collection": "集合",
    "The collection that the list shows": "列表所显示的集合",
    # From images.
    "References from Images": "从图像创建参考图",
    "Show images on upright planes at the 3D cursor, to model after": "在 3D 游标处以竖直平面显示图像,供建模参考",
    "Gap": "间距",
    "Distance between several, as a share of their height": "多个之间的距离,以其高度的比例表示",
    "Location": "位置",
    "Middle of their ground; the 3D cursor unless given": "底边的中点,未指定时为 3D 游标",
    # Turnaround sets.
    "Turnaround Set": "多视图参考",
    "Stand several views of one thing around the origin, each on its axis, as a set to model in the middle of": (
        "将同一对象的多个视图按各自的轴向立于原点四周,在其中间建模"
    ),
    "From selection": "来自选中项",
    "Take the pictures of the selected references, and the set their place": (
        "使用选中参考图的图片,并由多视图参考取代它们"
    ),
    "Split into": "拆分为",
    "How many views one picture holds side by side, in equal parts, from left to right": (
        "一张图片从左到右等分排列了多少个视图"
    ),
    "By names": "按名称",
    "Tell the views by words in the names, as front, side or 背面; else by order": (
        "根据名称中的词(如 front、side 或 背面)判断视图,否则按顺序"
    ),
    "Distance": "距离",
    "From the box around the thing to the pictures, as a share of their height": (
        "从对象的边界框到图片的距离,以图片高度的比例表示"
    ),
    "Middle of the ground": "地面的中点",
    "View": "视图",
    "The side that this picture shows": "此图片所显示的一面",
    "Automatic": "自动",
    "By the words in its name, or else by its place in the order": "根据名称中的词,否则按先后顺序",
    "Three-Quarter": "四分之三",
    "Seen from the front (-Y)": "从前面看(-Y)",
    "Seen from the back (Y)": "从后面看(Y)",
    "Seen from the left (-X)": "从左面看(-X)",
    "Seen from the right (X)": "从右面看(X)",
    "Seen from above": "从上方看",
    "Seen from between front and right": "从前面与右面之间看",
    "Seen from below": "从下方看",
    "Top": "顶",
    "Bottom": "底",
    "Planes were made, as image empties cannot show a part of a picture.": (
        "已创建平面,因为图像空物体无法显示图片的一部分。"
    ),
    # Camera background.
    "Camera Background": "摄像机背景",
    "Show an image behind, or before, what the camera sees; without a camera, from here": (
        "在摄像机所见内容之后或之前显示图像,没有摄像机时在当前视角添加一个"
    ),
    "Camera": "摄像机",
    "By default the active object, or else the scene's camera": "默认为活动物体,否则为场景摄像机",
    "New camera": "新建摄像机",
    "Add a camera that stands where the view is": "在当前视角处添加摄像机",
    "How opaque the image is": "图像的不透明程度",
    "Depth": "深度",
    "Behind everything in the scene": "在场景中一切之后",
    "Before everything in the scene": "在场景中一切之前",
    "Fit": "适配",
    "Whole picture": "完整图片",
    "As large as it can be without being cut": "在不被裁切的前提下尽可能大",
    "Fill the frame": "填满画面",
    "As large as needed to fill the frame; what is beyond is cut": "放大到填满画面,超出部分被裁切",
    "Stretch": "拉伸",
    "As wide and high as the frame": "与画面同宽同高",
    "Hide others": "隐藏其他",
    "Switch the camera's other background images off; none is removed": "关闭摄像机的其他背景图像,不会移除",
    "Render in its aspect": "按其宽高比渲染",
    "Change the height of renders so that the picture fills the frame": "改变渲染高度,使图片填满画面",
    "The image is in the background of {name}.": "图像已在 {name} 的背景中。",
    # Operators on references.
    "Object": "物体",
    "One reference; the selected ones unless given": "某个参考图,未指定时为选中项",
    "There is no reference in this scene yet": "此场景中还没有参考图",
    "Convert References": "转换参考图",
    "Make image empties of planes, or planes of image empties, in the same place and with the same look": (
        "将平面转为图像空物体,或将图像空物体转为平面,位置和外观不变"
    ),
    "Lock References": "锁定参考图",
    "Lock a reference so that it can be neither selected nor moved, or unlock it again": (
        "锁定参考图,使其既不能选中也不能移动,或再次解锁"
    ),
    "All in the list": "列表中的全部",
    "Show or Hide References": "显示或隐藏参考图",
    "Hide a reference in the viewports, or show it again": "在视图中隐藏参考图,或再次显示",
    "Delete References": "删除参考图",
    "Delete a reference with its material; its image stays in the file": "删除参考图及其材质,图像仍保留在文件中",
    "Keyframe Opacity": "插入不透明度关键帧",
    "Insert a keyframe of the opacity at this frame": "在当前帧插入不透明度的关键帧",
    "Show Pictures in Solid Shading": "在实体着色中显示图片",
    "Let Solid shading in this viewport show the pictures of planes, and no backs of those seen from the front only": (
        "让此视图的实体着色显示平面的图片,并隐藏仅正面可见者的背面"
    ),
    "Works in the 3D viewport": "仅适用于 3D 视图",
    # What can go wrong.
    "An image empty always shows its whole picture.": "图像空物体总是显示整张图片。",
    "Planes can show a part of one.": "平面可以只显示一部分。",
    "Image {name} has no pixels.": "图像 {name} 没有像素。",
    "Is its file still there? Reload it, or choose another image.": "它的文件还在吗?请重新加载,或选择其他图像。",
    "{name} is a plane, which every view shows.": "{name} 是平面,在所有视图中都会显示。",
    "Convert it to an image empty first.": "请先将其转为图像空物体。",
    "Could not load {path}.": "无法加载 {path}。",
    "{path} is no picture that Blender can read.": "{path} 不是 Blender 能读取的图片。",
    "There is no image to show.": "没有可显示的图像。",
    "Choose at least one.": "请至少选择一个。",
    "There is no image {name} in this file.": "此文件中没有图像 {name}。",
    "{name} is scaled to nothing.": "{name} 的缩放为零。",
    "{name} is not in this view layer.": "{name} 不在此视图层中。",
    "Show its collection in the Outliner first.": "请先在大纲视图中显示其集合。",
    "{name} shows no picture and stays as it is.": "{name} 没有显示图片,保持原样。",
    "{name} shows a part of its picture only.": "{name} 只显示图片的一部分。",
    "Make the set of the picture itself, split into as many views as it holds.": (
        "请直接用该图片生成多视图,并按其中的视图数量拆分。"
    ),
    "{name} shows no picture.": "{name} 没有显示图片。",
    "Give it its material back.": "请恢复它的材质。",
    "{name} shows a part of its picture, which an image empty cannot.": (
        "{name} 只显示图片的一部分,图像空物体无法做到。"
    ),
    "Leave it a plane.": "请保留为平面。",
    "{name} is being edited.": "{name} 正在被编辑。",
    "Go back to Object Mode first.": "请先返回物体模式。",
    "A set has at most {most} views, but there are {count} pictures.": "一组最多有 {most} 个视图,但有 {count} 张图片。",
    "Choose fewer, or add them as single references.": "请减少数量,或将它们作为单独的参考图添加。",
    "Only one picture can be split into views, but there are {count}.": "只能将一张图片拆分为视图,但有 {count} 张。",
    "Choose one, or set the number of views in it to 1.": "请选择一张,或将其中的视图数设为 1。",
    "Two pictures are to be the view {view}.": "有两张图片都指定为视图“{view}”。",
    "Give one of them another view.": "请为其中一张指定其他视图。",
    "{name} is no camera.": "{name} 不是摄像机。",
    "Choose a camera.": "请选择摄像机。",
    "{name} comes from another file and cannot be changed here.": "{name} 来自其他文件,无法在此更改。",
    "Make it local, or add a new camera.": "请将其本地化,或添加新的摄像机。",
    "There is no object {name} in this scene.": "此场景中没有物体 {name}。",
    "No reference is selected.": "未选中参考图。",
    "Select one in the viewport, or click on its row in the list.": "请在视图中选中一个,或在列表中点击其所在行。",
    "There is no reference {name} in this scene.": "此场景中没有参考图 {name}。",
}

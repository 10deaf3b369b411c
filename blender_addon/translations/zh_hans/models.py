# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: models, what a job starts from, images changed by words."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # The list of models.
    "Models": "模型",
    "From the list": "列表中的模型",
    "A large model that Texloom knows, downloaded once; see Models": (
        "Texloom 已知的大型模型,只需下载一次;参见“模型”面板"
    ),
    "Your own": "自有模型",
    "A diffusers folder, a .safetensors file, or a model of the hub by its name": (
        "diffusers 文件夹、.safetensors 文件,或以名称指定的模型库模型"
    ),
    "Name of a model in Texloom's list": "Texloom 列表中模型的名称",
    "Folder that holds model_index.json, a .safetensors checkpoint, or owner/name of the hub": (
        "包含 model_index.json 的文件夹、.safetensors 检查点,或模型库中的 owner/name"
    ),
    "A name of Texloom's list, owner/name of the hub, or a path; empty for the one chosen in the panel": (
        "Texloom 列表中的名称、模型库的 owner/name 或路径;留空则使用面板中所选的模型"
    ),
    "Words of name, maker, family or licence; every word must be found": "名称、作者、系列或许可证中的词,必须全部匹配",
    "On this machine": "在本机上",
    "Show only what is downloaded or lies in a model folder": "只显示已下载或位于模型文件夹中的模型",
    "Looking for models…": "正在查找模型…",
    "Refresh Models": "刷新模型",
    "Look at all model folders again": "重新查看所有模型文件夹",
    "Models that Texloom knows, those on this machine first": "Texloom 已知的模型,本机上的排在前面",
    "Choose a model": "选择模型",
    "No model is chosen": "未选择模型",
    "Show Model": "显示模型",
    "Show what is known of this model": "显示此模型的已知信息",
    "Use Model": "使用模型",
    "Draw with this model from now on": "从现在起使用此模型绘制",
    "{number} of its own": "模型自身为 {number}",
    "here": "已下载",
    "built in": "内置",
    # What is known of one.
    "Hub": "模型库",
    "Lies in": "位置",
    "Licence": "许可证",
    "Download": "下载",
    "Memory": "内存",
    "Prompts": "提示词",
    "Draws": "可以绘制",
    "from words": "由文字绘制",
    "from a picture": "由图像绘制",
    "fill in parts": "局部补全",
    "change by words": "按文字修改",
    "after depth, normals or lines": "依照深度、法线或线条",
    "in the style of a picture": "参照图像的风格",
    "about {size}": "约 {size}",
    "about {size} beside the model": "在模型之外约 {size}",
    "{size} for its weights": "权重需 {size}",
    "size not known": "大小未知",
    "not known": "未知",
    "only the small files that a single-file checkpoint lacks": "只下载单文件检查点所缺少的小文件",
    "Sharper Previews (10 MB)…": "更清晰的预览 (10 MB)…",
    ", {size} are here": ",已有 {size}",
    "{whole}; with main memory for that, a graphics card can do with {least}, more slowly": (
        "{whole};主内存足够时,显卡只需 {least},但速度较慢"
    ),
    "commercial use allowed": "允许商业用途",
    "commercial use with conditions": "商业用途有条件限制",
    "non-commercial only": "仅限非商业用途",
    "commercial use unclear": "商业用途不明确",
    "sign-in needed": "需要登录",
    "in English": "英语",
    "in Chinese": "中文",
    "in Japanese": "日语",
    "Too large for this machine's main memory of {size}, unless a graphics card has more.": (
        "超出本机 {size} 的内存,除非显卡的显存更大。"
    ),
    "Larger than this machine's main memory of {size}: slow at best, unless a graphics card has more.": (
        "大于本机 {size} 的内存: 即使能运行也会很慢,除非显卡的显存更大。"
    ),
    # What a single file lacks.
    "the configuration": "配置",
    "the text encoder, the autoencoder and the configuration": "文本编码器、自编码器和配置",
    # Downloading.
    "Download…": "下载…",
    "Go On with the Download…": "继续下载…",
    "Try Again": "重试",
    "Download Model": "下载模型",
    "Download this model, or go on where an earlier download stopped; licence and size are shown first": (
        "下载此模型,或从上次中断处继续;会先显示许可证和大小"
    ),
    "I have read this and accept it": "我已阅读并接受",
    "Needed before a model with terms of its own is downloaded": "下载带有自身条款的模型之前必须勾选",
    "Configuration only": "仅配置",
    "Only the small files that a single .safetensors checkpoint of this family lacks": (
        "只下载该系列的单个 .safetensors 检查点所缺少的小文件"
    ),
    "Another model is being downloaded or deleted": "正在下载或删除另一个模型",
    "Pause Download": "暂停下载",
    "Pause the download, or let it go on": "暂停下载,或让其继续",
    "Nothing is being downloaded": "没有正在进行的下载",
    "Cancel Download": "取消下载",
    "End the download; what was loaded stays, so that it can go on later": "结束下载;已下载的部分会保留,以便以后继续",
    "Take away what was said of the last download or deletion of a model": "移除关于上次下载或删除模型的消息",
    "Dismiss Message of Models": "移除模型消息",
    "There is no message": "没有消息",
    "Delete Model": "删除模型",
    "Delete the files of this model that Texloom has downloaded; it can be downloaded again": (
        "删除 Texloom 下载的此模型文件;以后可以重新下载"
    ),
    "Asking the hub": "正在询问模型库",
    "Downloading": "正在下载",
    "Deleting": "正在删除",
    "{done} of {total}": "{done} / {total}",
    "paused": "已暂停",
    "waiting for the connection": "正在等待连接",
    "comparing {percent} %": "正在校验 {percent} %",
    "{minutes} min left": "剩余 {minutes} 分钟",
    "A download needs online access.": "下载需要联网。",
    "It also needs {name}.": "还需要 {name}。",
    "It could not be finished: {error}": "无法完成: {error}",
    "Try again; Blender's console says more.": "请重试;Blender 的控制台中有更多信息。",
    "There is no model {name}.": "没有模型 {name}。",
    "Choose one of the list, or write owner/name as on huggingface.co.": (
        "请从列表中选择,或按 huggingface.co 上的形式填写 owner/name。"
    ),
    "{name} is no model of the hub.": "{name} 不是模型库中的模型。",
    "{name} has terms to accept first.": "{name} 有需要先接受的条款。",
    "Read them, and say that you accept them.": "请阅读条款,并确认接受。",
    "{name} must be downloaded, and Blender may not go online.": "必须下载 {name},但 Blender 未被允许联网。",
    "{name} is not on this machine.": "{name} 不在本机上。",
    "{name} was not downloaded by Texloom, so it stays.": "{name} 不是由 Texloom 下载的,因此予以保留。",
    "Delete it with the program that put it there.": "请使用放置它的程序将其删除。",
    "{name} is being downloaded or deleted.": "正在下载或删除 {name}。",
    "Wait until that has ended, or cancel it.": "请等待其结束,或将其取消。",
    # Preferences.
    "Model folder": "模型文件夹",
    "Model folders": "模型文件夹",
    "Folder of large models": "大型模型所在的文件夹",
    "Folder of large models, on a network drive as well": "大型模型所在的文件夹,也可以在网络驱动器上",
    "Downloads go to": "下载到",
    "Also look in": "同时查找",
    "Add Model Folder": "添加模型文件夹",
    "Look for large models in one more folder; downloads go to the first one": (
        "在另一个文件夹中查找大型模型;下载的模型存放在第一个文件夹中"
    ),
    "Remove Model Folder": "移除模型文件夹",
    "Look for models there no more; its files stay": "不再从该处查找模型;其中的文件会保留",
    "Number": "编号",
    "Which folder, from 0": "第几个文件夹,从 0 开始",
    "Mirror": "镜像",
    "Address of a mirror of huggingface.co; empty for huggingface.co itself": (
        "huggingface.co 镜像的地址;留空则使用 huggingface.co 本身"
    ),
    "Access token": "访问令牌",
    "Token of your Hugging Face account, for models whose terms you have accepted there; it is sent to the hub alone": (
        "您的 Hugging Face 账户令牌,用于您已在该网站接受条款的模型;只会发送给模型库"
    ),
    # The picture that a job starts from.
    "Start from a Picture": "从图像开始",
    "Start from": "起点",
    "What to begin with": "以什么作为起点",
    "From the prompt alone": "仅使用提示词",
    "From an image of this file, as it is when the job begins": "使用此文件中的图像,以任务开始时的状态为准",
    "From a picture on disk": "使用磁盘上的图像",
    "File": "文件",
    "The image to start from": "作为起点的图像",
    "The picture to start from": "作为起点的图像文件",
    "Choose the image to start from.": "请选择作为起点的图像。",
    "Choose the picture to start from.": "请选择作为起点的图像文件。",
    "How much of the picture is drawn anew: 0 leaves it as it is, at 1 only the words count": (
        "图像重新绘制的程度: 0 保持原样,1 时只取决于文字"
    ),
    "The chosen model draws from words alone; the picture is left out.": "所选模型只由文字绘制;图像不会被使用。",
    "Start from the Object's Texture": "从物体的纹理开始",
    "Start from the image that the active object shows: of its material the active image node, else its color": (
        "以活动物体显示的图像为起点: 其材质的活动图像节点,否则为其颜色图像"
    ),
    "The active object shows no image": "活动物体没有显示图像",
    "Start from No Picture": "不使用图像",
    "Start from no picture any more: from the prompt alone": "不再以图像为起点: 仅使用提示词",
    "From {name}": "起点: {name}",
    "Variations of This": "生成其变体",
    "Start from this result's picture with its prompt; the model stays the one of the panel": (
        "以此结果的图像及其提示词为起点;模型仍为面板中的模型"
    ),
    "This result has no picture to start from.": "此结果没有可作为起点的图像。",
    "Choose a model that starts from pictures, in Models.": "请在“模型”中选择可以从图像开始的模型。",
    # LoRAs.
    "LoRA": "LoRA 模型",
    "LoRAs": "LoRA 列表",
    "A LoRA": "LoRA 文件",
    "A .safetensors file that changes the model's weights: a style, a subject, fewer steps": (
        "改变模型权重的 .safetensors 文件: 风格、主题或更少的步数"
    ),
    "Weight": "权重",
    "How much of it is added; 1 as it was trained, below 0 its opposite": ("添加的程度;1 为训练时的程度,小于 0 则相反"),
    "Whether it is added at all": "是否添加",
    "No file": "无文件",
    "Add LoRA": "添加 LoRA",
    "Add LoRAs to the model: .safetensors files made for it": "为模型添加 LoRA: 为其制作的 .safetensors 文件",
    "Choose a .safetensors file.": "请选择 .safetensors 文件。",
    "Remove LoRA": "移除 LoRA",
    "Take the chosen LoRA out of the list; its file stays": "将所选 LoRA 从列表中移除;其文件会保留",
    "Move LoRA": "移动 LoRA",
    "Move the chosen LoRA up or down; they are added in this order": "上移或下移所选 LoRA;按此顺序添加",
    "Down": "向下",
    "Move it down instead of up": "向下而不是向上移动",
    "The list is empty": "列表为空",
    "The chosen model takes no LoRA; they are left out.": "所选模型不支持 LoRA;它们不会被使用。",
    "{file} is no .safetensors file; others may run any program.": (
        "{file} 不是 .safetensors 文件;其他格式的文件可能会运行任意程序。"
    ),
    "There is room for {count} LoRAs.": "最多可添加 {count} 个 LoRA。",
    "{file} is in the list already.": "{file} 已在列表中。",
    # Images changed by words.
    "Edit Image": "编辑图像",
    "Draw": "绘制",
    "Where something new is drawn": "在何处绘制新内容",
    "Transparent places": "透明处",
    "Draw where the image is transparent": "在图像透明的地方绘制",
    "Mask image": "遮罩图像",
    "Masked image": "被遮罩的图像",
    "The image that the mask was painted over": "遮罩所依据的图像",
    "Draw where a mask is painted": "在绘有遮罩的地方绘制",
    "Mask": "遮罩",
    "Image that is white where something new is drawn, or a copy of the image that was painted over": (
        "在需要绘制新内容处为白色的图像,或经过涂绘的图像副本"
    ),
    "How much is drawn anew: 0 leaves the image as it is, at 1 only the words count": (
        "重新绘制的程度: 0 保持图像原样,1 时只取决于文字"
    ),
    "Repeats": "重复",
    "Directions in which the image repeats; what is drawn goes on across its sides": (
        "图像重复的方向;绘制的内容会跨边延续"
    ),
    "In place of the image": "替代原图像",
    "Whatever uses the image uses the changed one from then on; the image itself stays in the file": (
        "此后凡是使用该图像之处都改用修改后的图像;原图像仍保留在文件中"
    ),
    "How much is added on this side, in parts of the image's width or height": (
        "此侧增加的量,以图像宽度或高度的比例表示"
    ),
    "What is to be seen; empty for the panel's prompt": "要呈现的内容;留空则使用面板中的提示词",
    "Draw Masked Parts": "绘制遮罩部分",
    "Draw parts of an image anew from the prompt; all else stays as it is, to the last bit": (
        "根据提示词重新绘制图像的一部分;其余部分一丝不变"
    ),
    "Extend": "扩展",
    "Make an image larger: what is added on its sides is drawn from the prompt": (
        "扩大图像: 各侧增加的部分根据提示词绘制"
    ),
    "Repair Seams": "修复接缝",
    "Make an image repeat without a seam by drawing it anew where its sides meet; the rest stays as it is": (
        "重新绘制图像各边相接之处,使其可无缝重复;其余部分保持不变"
    ),
    "Paint a Mask": "绘制遮罩",
    "Make a copy of the image to paint on, in any color: what is painted over is drawn anew": (
        "制作图像的副本供涂绘,任意颜色均可: 涂过的地方会重新绘制"
    ),
    "Paint on {name} in an image editor.": "请在图像编辑器中涂绘 {name}。",
    "Show the Image": "显示图像",
    "Show the image again instead of its mask; what was painted stays": "重新显示图像而不是其遮罩;已涂绘的内容会保留",
    "Choose a mask, or make one first.": "请选择遮罩,或先制作一个。",
    "Choose a model that fills in parts of pictures, in Models": "请在“模型”中选择可以补全图像局部的模型",
    "Choose a model that fills in parts of pictures, in Models.": "请在“模型”中选择可以补全图像局部的模型。",
    "{name} mask": "{name} 遮罩",
    "{name} edited": "{name} 已编辑",
    "{name} extended": "{name} 已扩展",
    "The picture that {name} was painted over is gone.": "{name} 所依据的图像已不存在。",
    "Make a new mask.": "请制作新的遮罩。",
    "{name} has another size than its picture.": "{name} 的尺寸与其图像不同。",
    "Nothing is painted on {name} yet.": "尚未在 {name} 上涂绘。",
    "Paint over what is to be drawn anew, in any color.": "请用任意颜色涂过需要重新绘制的地方。",
    # The prompt.
    "What to make, in English or Chinese: material, colors, condition (“mossy cobblestone, wet”). "
    "{red|blue} takes one of them by the seed; with large models (moss:1.3) weighs a word more, (moss:0.7) less": (
        "用中文或英文描述要生成的内容: 材质、颜色、状态 (例如 “长满青苔的鹅卵石路,潮湿”)。"
        "{red|blue} 按种子从中取其一;对于大型模型,(moss:1.3) 加强一个词,(moss:0.7) 减弱"
    ),
}

MESSAGES: dict[str, str] = {
    # Of what stands beside a model, in the catalogue.
    "Sees the forms of a surface better than depth does.": "比深度更能识别表面的形状。",
    "Sees base color, roughness and metallic without light and shadow.": "识别不含光影的基础色、粗糙度和金属度。",
    "Not used where there are normals, which say more of a surface.": "有法线模型时不使用;法线更能说明表面。",
    "One network for all kinds.": "一个网络适用于所有类型。",
    "Which way red faces in its normals is taken from how they are usually made.": (
        "其法线中红色的朝向取自通常的做法。"
    ),
    "Its makers advise a strength of {0} to {1}.": "作者建议强度为 {0} 至 {1}。",
    "Its makers advise a strength of about {0}.": "作者建议强度约为 {0}。",
    "Its makers advise a strength of {0}.": "作者建议强度为 {0}。",
    "Made for Z-Image-Turbo; also while parts of a picture are filled in.": (
        "为 Z-Image-Turbo 制作;补全图像局部时也可使用。"
    ),
    "Made for Z-Image-Turbo.": "为 Z-Image-Turbo 制作。",
    "Texloom does not know the licence of {0}; read it at {1}.": "Texloom 不了解 {0} 的许可证;请在 {1} 阅读。",
    "Its page names the licence {0}.": "其页面注明的许可证为 {0}。",
    "{0} was not downloaded by Texloom into a model folder, so it stays.": (
        "{0} 不是由 Texloom 下载到模型文件夹中的,因此予以保留。"
    ),
    "Delete it with the program that put it there.": "请使用放置它的程序将其删除。",
    "{0} is being downloaded now.": "{0} 正在下载。",
    "Cancel the download first.": "请先取消下载。",
    "Check it again when that is done.": "请在完成后再次检查。",
    "in_place: only an image of the file can be replaced.": "in_place: 只能替换文件中的图像。",
    # Terms of models.
    "Texloom does not open {0} yet.": "Texloom 目前无法打开 {0}。",
    "{0} needs {1} in the engine's Python, which is not part of it.": "{0} 需要引擎的 Python 中有 {1},但其中并不包含。",
    "{0} is for non-commercial use only (licence: {1}).": "{0} 仅限非商业用途 (许可证: {1})。",
    "Commercial use of {0} has conditions; read its licence ({1}).": "{0} 的商业用途有条件限制;请阅读其许可证 ({1})。",
    "It is not certain that {0} may be used commercially; read its licence.": (
        "不确定 {0} 是否可用于商业用途;请阅读其许可证。"
    ),
    "Its makers ask you to accept their terms first: sign in at {0}, accept them there, and give Texloom an access "
    "token.": "其作者要求您先接受条款: 请在 {0} 登录并接受条款,然后为 Texloom 提供访问令牌。",
    # What the catalogue says of them.
    "Small and old; tiles exactly.": "小而旧;可精确平铺。",
    "The licence forbids harmful uses.": "许可证禁止有害用途。",
    "One to four steps.": "一至四步。",
    "The most add-ons of all; tiles exactly; runs with 8 GB.": "附加组件最多;可精确平铺;8 GB 即可运行。",
    "Its card sends commercial users to the terms at stability.ai/license.": (
        "其模型卡请商业用户参阅 stability.ai/license 的条款。"
    ),
    "Not distilled; its makers advise Turbo for pictures.": "未经蒸馏;其作者建议用 Turbo 出图。",
    "SDXL's network distilled to four steps; needs SDXL 1.0 beside it.": "SDXL 网络蒸馏为四步;还需要 SDXL 1.0。",
    "Free of charge for companies below a yearly revenue that the licence names.": (
        "年收入低于许可证所列数额的公司可免费使用。"
    ),
    "Four steps.": "四步。",
    "Eight steps.": "八步。",
    "Fills masked parts of a picture; needs a picture.": "补全图像的遮罩部分;需要一张图像。",
    "Follows a picture of depths; needs one.": "遵循深度图;需要一张深度图。",
    "Four steps, also edits pictures.": "四步,也可编辑图像。",
    "Its text encoder reads Chinese; its training in Chinese is not documented.": (
        "其文本编码器可读中文;中文训练情况没有说明。"
    ),
    "Sixteen steps.": "十六步。",
    "People and companies below a yearly revenue that the licence names may sell results; read it first.": (
        "年收入低于许可证所列数额的个人和公司可出售成果;请先阅读许可证。"
    ),
    "Eight steps; the recommended large model, also for prompts in Chinese.": (
        "八步;推荐的大型模型,也适用于中文提示词。"
    ),
    "For research and evaluation only.": "仅限研究和评估。",
    "Changes pictures by words; needs a picture.": "按文字修改图像;需要一张图像。",
    "Larger companies need a licence from Krea.": "较大的公司需要 Krea 的许可。",
    "Tiles exactly.": "可精确平铺。",
    "The code is Apache-2.0, the weights are not.": "代码为 Apache-2.0,权重则不是。",
    "One to four steps; tiles exactly.": "一至四步;可精确平铺。",
    "Its text encoder is under Google's Gemma terms.": "其文本编码器受 Google Gemma 条款约束。",
    "Made for the first Qwen-Image.": "为最初的 Qwen-Image 制作。",
    "Commercial use needs a registration with its makers.": "商业用途需要向其作者登记。",
}

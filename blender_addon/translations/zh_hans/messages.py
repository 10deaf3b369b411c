# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences that core and engine put together, with fields for their values.

Numbered fields are taken over as they are; ``{title}`` is a label that is translated itself, ``{reason}`` a text that
may hold further sentences of this table.
"""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # The engine and its process.
    "The engine is not set up yet.": "引擎尚未安装。",
    "The engine's process ended.": "引擎进程已结束。",
    "The engine's process ended unexpectedly ({0}).": "引擎进程意外结束 ({0})。",
    "This engine was closed.": "此引擎已关闭。",
    "The engine runs another version of Texloom ({0}, protocol {1}, source {2}) than this side "
    "(protocol {3}, source {4}).": (
        "引擎运行的 Texloom 版本 ({0},协议 {1},源码 {2}) 与此处的 (协议 {3},源码 {4}) 不同。"
    ),
    "Restart Blender after an update; if it comes back, remove other copies of texloom from the engine's Python.": (
        "更新后请重启 Blender;如果仍然出现,请从引擎的 Python 中移除其他 texloom 副本。"
    ),
    "Try again: the next request starts a new engine.": "请重试: 下一个请求会启动新的引擎。",
    "If this comes back, memory may have run out: choose a smaller size.": (
        "如果再次出现,可能是内存不足: 请选择更小的尺寸。"
    ),
    "Restart Blender; if it comes back, {reason}": "请重启 Blender;如果仍然出现,{reason}",
    'Use "Set up engine" in the preferences, or run "texloom setup".': (
        "请在偏好设置中使用 “安装引擎”,或运行 “texloom setup”。"
    ),
    'use "Set up engine" in the preferences, or run "texloom setup".': (
        "请在偏好设置中使用 “安装引擎”,或运行 “texloom setup”。"
    ),
    'Use "Set up engine" in the preferences, or run "texloom setup", to repair its environment.': (
        "请在偏好设置中使用 “安装引擎”,或运行 “texloom setup”,以修复其环境。"
    ),
    'use "Set up engine" in the preferences, or run "texloom setup", to repair its environment.': (
        "请在偏好设置中使用 “安装引擎”,或运行 “texloom setup”,以修复其环境。"
    ),
    "The engine could not start; its log says why.": "引擎无法启动,原因见其日志。",
    "The engine could not start: {reason}.": "引擎无法启动: {reason}。",
    "The engine ended while starting ({0}); its log says why.": "引擎在启动时结束 ({0}),原因见其日志。",
    "The engine is being set up by another program already.": "另一个程序正在设置引擎。",
    "Wait until that has finished.": "请等待其完成。",
    "The environment in {0} is in use.": "{0} 中的环境正在使用。",
    "{0} is held by another program.": "{0} 正被另一个程序占用。",
    "End that program, or wait for its end.": "请结束该程序,或等待其结束。",
    "The engine ended while starting.": "引擎在启动时结束。",
    "The engine sent a message that is not understood: {reason}": "引擎发来的消息无法理解: {reason}",
    "The engine did not start within {0} seconds.": "引擎未能在 {0} 秒内启动。",
    "The engine's Python could not be started: {reason}.": "引擎的 Python 无法启动: {reason}。",
    "The engine met an error it did not expect ({0}): {reason}": "引擎遇到了意外的错误 ({0}): {reason}",
    "Try again; if it comes back, report it with the log.": "请重试;如果再次出现,请附上日志报告此问题。",
    "There was not enough memory for this job.": "内存不足,无法完成此任务。",
    "Choose a smaller size or fewer variations, close other programs, or use a smaller model.": (
        "请选择更小的尺寸或更少的变体,关闭其他程序,或使用更小的模型。"
    ),
    "The engine ended this job without a result.": "引擎结束了此任务,但没有结果。",
    "Please report this with the log.": "请附上日志报告此问题。",
    "{0} has too little memory for this.": "{0} 的内存不足。",
    "Choose a smaller size, fewer variations or a smaller model, or close other programs.": (
        "请选择更小的尺寸、更少的变体或更小的模型,或关闭其他程序。"
    ),
    "There is no device {0}.": "没有设备 {0}。",
    "Choose one of {0}, or none for the best there is.": "请从 {0} 中选择,或不指定以使用最佳设备。",
    "The device {0} is not available with this build of torch.": "此 torch 版本无法使用设备 {0}。",
    # Setting the engine up.
    "It is Python {0}; Texloom needs 3.11 or newer.": "这是 Python {0},Texloom 需要 3.11 或更高版本。",
    "{0} is Python {1}.{2}; the engine needs 3.11 or newer.": "{0} 是 Python {1}.{2},引擎需要 3.11 或更高版本。",
    "Setting up the engine downloads Python packages, and the network may not be used.": (
        "安装引擎需要下载 Python 软件包,但不允许使用网络。"
    ),
    "Allow online access in Blender's preferences (System), or use an existing Python.": (
        "请在 Blender 的偏好设置 (系统) 中允许联网,或使用现有的 Python。"
    ),
    "There is no Python at {0}.": "{0} 处没有 Python。",
    "It did not answer within {0} seconds.": "它在 {0} 秒内没有响应。",
    "{0} could not be run: {reason}": "无法运行 {0}: {reason}",
    "{0} does not load ({1}).": "{0} 无法加载 ({1})。",
    "No Python was found to make the engine's environment with.": "未找到可用来创建引擎环境的 Python。",
    "Install Python 3.11 or newer, or use an existing Python.": "请安装 Python 3.11 或更高版本,或使用现有的 Python。",
    "Choose another Python.": "请选择其他 Python。",
    "The engine has no extra {0}.": "引擎没有可选组件 {0}。",
    "There are: {0}.": "可用的有: {0}。",
    "Weights in few bits need torch for NVIDIA graphics cards.": "低位权重需要适用于 NVIDIA 显卡的 torch。",
    "Set the engine up for CUDA, or without this extra.": "请为 CUDA 设置引擎,或不使用此可选组件。",
    "Choose a Python that exists.": "请选择存在的 Python。",
    "The engine needs {0} GB on the disk, and {1} GB are free.": "引擎需要 {0} GB 磁盘空间,可用空间为 {1} GB。",
    "Free some space, or set TEXLOOM_HOME to a folder on another disk.": (
        "请释放一些空间,或将 TEXLOOM_HOME 设为另一磁盘上的文件夹。"
    ),
    "{title} failed (exit status {0}):\n{1}": "{title} 失败 (退出状态 {0}):\n{1}",
    "Try again; the lines above say what went wrong.": "请重试,上面的内容说明了出错的原因。",
    "This Python lacks venv. On Debian and Ubuntu: sudo apt install python3-venv.": (
        "此 Python 缺少 venv。在 Debian 和 Ubuntu 上: sudo apt install python3-venv。"
    ),
    "Check the connection to the internet, the proxy and the firewall, and try again.": (
        "请检查网络连接、代理和防火墙,然后重试。"
    ),
    "Free some space on the disk and try again.": "请释放一些磁盘空间,然后重试。",
    "There is no such build for this Python; choose another Python (3.11 to 3.13) or the CPU.": (
        "没有适用于此 Python 的版本,请选择其他 Python (3.11 至 3.13) 或 CPU。"
    ),
    "The new engine does not work: {reason}": "新的引擎无法工作: {reason}",
    "{0} could not be started: {reason}.": "无法启动 {0}: {reason}。",
    "The set-up was cancelled.": "安装已取消。",
    "Cancelled.": "已取消。",
    # Models.
    "There is no folder {0}.": "没有文件夹 {0}。",
    "Choose a diffusers folder that exists, or the model {0}.": "请选择存在的 diffusers 文件夹,或模型 {0}。",
    "There is no model {0}.": "没有模型 {0}。",
    "Choose {0}, or give the path of a diffusers folder.": "请选择 {0},或给出 diffusers 文件夹的路径。",
    "{0} of the model in {1} cannot be loaded: {reason}": "无法加载 {1} 中模型的 {0}: {reason}",
    "Download the model again.": "请重新下载模型。",
    "Download the model again, with its .safetensors.": "请重新下载模型及其 .safetensors 文件。",
    "Download the model's .safetensors files.": "请下载模型的 .safetensors 文件。",
    "{0} needs the pipeline {1}, which this version of diffusers does not have.": (
        "{0} 需要管线 {1},而此版本的 diffusers 没有。"
    ),
    "Update the engine, or choose another model.": "请更新引擎,或选择其他模型。",
    "{0} holds a {1}, which makes no pictures from text alone.": "{0} 包含 {1},它不能仅凭文字生成图像。",
    "Choose a text-to-image model.": "请选择文生图模型。",
    "The part {0} needs {1}.{2}, which is not in the installed version.": (
        "部件 {0} 需要 {1}.{2},而已安装的版本中没有。"
    ),
    "{0} is not loaded.": "{0} 尚未加载。",
    "{0} does not use a negative prompt.": "{0} 不使用反向提示词。",
    "{0} does not use a negative prompt at guidance scale {1}.": "{0} 在引导强度为 {1} 时不使用反向提示词。",
    "Choose a guidance scale above {0}, which takes twice the time.": "请选择大于 {0} 的引导强度,所需时间为两倍。",
    "{0} has no parameters to lock; the prompt alone decides.": "{0} 没有可锁定的参数,仅由提示词决定。",
    "{0} does not use a guidance scale.": "{0} 不使用引导强度。",
    "{0} is a transformer and cannot tile exactly: only its decoder wraps around.": (
        "{0} 是 transformer 模型,无法精确平铺: 仅其解码器首尾相接。"
    ),
    "{0} cannot draw pictures of that size that tile: only its decoder wraps around.": (
        "{0} 无法以该尺寸绘制可平铺的图像: 仅其解码器首尾相接。"
    ),
    "A seam may show.": "可能会出现接缝。",
    "Choose a smaller size.": "请选择更小的尺寸。",
    "For exact tiling choose instant, or a UNet model.": "如需精确平铺,请选择即时模型或 UNet 模型。",
    "The prompt is longer than {0} can read; it ends before “{1}”.": (
        "提示词超出了 {0} 可读取的长度,读到 “{1}” 之前为止。"
    ),
    "Shorten the prompt, or put what matters first.": "请缩短提示词,或将重要的内容放在前面。",
    "The negative prompt is longer than {0} can read; it ends before “{1}”.": (
        "反向提示词超出了 {0} 可读取的长度,读到 “{1}” 之前为止。"
    ),
    "Shorten the negative prompt, or put what matters first.": "请缩短反向提示词,或将重要的内容放在前面。",
    "{0} shows no previews.": "{0} 不显示预览。",
    "{0} made a picture of {1} × {2} pixels instead of {3} × {4}.": (
        "{0} 生成了 {1} × {2} 像素的图像,而不是 {3} × {4}。"
    ),
    "Choose another size; 1024 × 1024 suits most models.": "请选择其他尺寸,1024 × 1024 适合大多数模型。",
    "{0} made {1} pictures instead of {2}.": "{0} 生成了 {1} 张图像,而不是 {2} 张。",
    "{0} made no picture {1}.": "{0} 没有生成图像 {1}。",
    "{0} made a picture {1} of shape {2}.": "{0} 生成的图像 {1} 形状为 {2}。",
    "{0} needs code that is not part of diffusers: {1}.": "{0} 需要不属于 diffusers 的代码: {1}。",
    "Texloom runs no code that comes with a model.": "Texloom 不运行随模型附带的代码。",
    "Choose another model, or update the engine.": "请选择其他模型,或更新引擎。",
    "{0} is no diffusers folder: it has no model_index.json.": "{0} 不是 diffusers 文件夹: 其中没有 model_index.json。",
    "Choose the folder that holds model_index.json; a single .safetensors file must be converted first.": (
        "请选择包含 model_index.json 的文件夹,单个 .safetensors 文件须先进行转换。"
    ),
    "{0} holds no weights.": "{0} 不包含权重。",
    "{0} holds only pickled weights ({1}), which can run any code.": (
        "{0} 仅包含 pickle 格式的权重 ({1}),这类文件可以运行任意代码。"
    ),
    "{0} lacks its part {1}.": "{0} 缺少部件 {1}。",
    "The instant model has version {0}, this Texloom reads {1}.": "即时模型的版本为 {0},此 Texloom 读取 {1}。",
    "The instant model was trained for other families: {0}.": "即时模型是为其他材质种类训练的: {0}。",
    "The instant model lacks {0}.": "即时模型缺少 {0}。",
    "The instant model cannot be read: {reason}.": "无法读取即时模型: {reason}。",
    "The instant model does not fit its config: {reason}.": "即时模型与其配置不符: {reason}。",
    "The instant model's vocabulary cannot be read: {reason}.": "无法读取即时模型的词汇表: {reason}。",
    "Run: texloom train instant.": "请运行: texloom train instant。",
    "The map estimator has version {0}, this Texloom reads {1}.": "贴图估算模型的版本为 {0},此 Texloom 读取 {1}。",
    "The map estimator lacks {0}.": "贴图估算模型缺少 {0}。",
    "The map estimator cannot be read: {reason}.": "无法读取贴图估算模型: {reason}。",
    "The map estimator does not fit its config: {reason}.": "贴图估算模型与其配置不符: {reason}。",
    "Install Texloom again, or train the model: texloom train maps.": (
        "请重新安装 Texloom,或训练该模型: texloom train maps。"
    ),
    "Install Texloom again.": "请重新安装 Texloom。",
    "The text encoder in {0} lacks {1}.": "{0} 中的文本编码器缺少 {1}。",
    "The text encoder in {0} cannot be read: {reason}.": "无法读取 {0} 中的文本编码器: {reason}。",
    "The text encoder's weights in {0} are not the ones expected (SHA-256 {1}).": (
        "{0} 中文本编码器的权重与预期不符 (SHA-256 {1})。"
    ),
    "The text encoder is not installed.": "文本编码器尚未安装。",
    "The text encoder sentence-transformers/all-MiniLM-L6-v2 could not be downloaded: {reason}.": (
        "无法下载文本编码器 sentence-transformers/all-MiniLM-L6-v2: {reason}。"
    ),
    "The text encoder sentence-transformers/all-MiniLM-L6-v2 is not on this machine and Texloom may not use "
    "the network.": "本机没有文本编码器 sentence-transformers/all-MiniLM-L6-v2,且 Texloom 不得使用网络。",
    "Set up the engine again.": "请重新安装引擎。",
    "Set up the engine again: its package {0} carries the text encoder.": (
        "请重新安装引擎: 其软件包 {0} 包含文本编码器。"
    ),
    "Or allow downloads once (unset TEXLOOM_OFFLINE).": "或暂时允许下载 (取消设置 TEXLOOM_OFFLINE)。",
    # What a prompt says.
    "Not understood: {0}.": "无法理解: {0}。",
    "The embedded model reads English, and Chinese words for materials, colors and attributes.": (
        "内置模型可读取英文,以及表示材质、颜色和状态的中文词语。"
    ),
    "The embedded model reads English.": "内置模型读取英文。",
    "This does not seem to be about a material, so the picture is only the nearest guess.": (
        "这似乎与材质无关,因此图像只是最接近的猜测。"
    ),
    "The embedded model is for materials: name one (brick wall, parquet, moss …), its colors, and how it is "
    "(weathered, wet, large …).": (
        "内置模型用于材质: 请写出材质 (砖墙、拼花地板、苔藓 …)、颜色和状态 (风化、潮湿、大块 …)。"
    ),
    "The embedded model draws flat materials, no objects, people or scenes.": (
        "内置模型绘制平面材质,不绘制物体、人物或场景。"
    ),
    "For anything else set the model to a diffusers folder (a text-to-image model such as SDXL, saved on disk).": (
        "对于其他内容,请将模型设为 diffusers 文件夹 (保存在磁盘上的文生图模型,例如 SDXL)。"
    ),
    "The prompt is long: the embedded model read its first {0} word pieces of {1}.": (
        "提示词过长: 内置模型读取了 {1} 个词元中的前 {0} 个。"
    ),
    "Put the material and what matters most first.": "请将材质和最重要的内容放在前面。",
    "Nothing in the prompt says what to draw, so the material is only a guess.": (
        "提示词没有说明要绘制什么,因此材质只是猜测。"
    ),
    "It is not sure which material is meant.": "无法确定所指的材质。",
    "Read as: {list}.": "理解为: {list}。",
    "Name the material in other words, or lock the one you want.": "请用其他词语写出材质,或锁定所需的材质。",
    "{title} has no: {0}.": "{title} 没有: {0}。",
    "Not understood in the negative prompt: {0}.": "反向提示词中无法理解: {0}。",
    "Name attributes, colors or materials there, such as: moss, cracks, red.": (
        "请在其中写状态、颜色或材质,例如: 苔藓、裂缝、红色。"
    ),
    "{title} has no parameter {0}: it was left out.": "{title} 没有参数 {0}: 已忽略。",
    "{title} on a tile {0} m wide would be finer than its pixels: it is drawn larger, as on a tile of {1} m.": (
        "{title} 在 {0} 米宽的图块上会比像素更细: 已放大绘制,如同 {1} 米宽的图块。"
    ),
    "Set a smaller real-world width, or a larger picture.": "请设置较小的实际宽度,或更大的图像。",
    "{title} cannot have {0} {1}: it was left out.": "{title} 的 {0} 不能为 {1}: 已忽略。",
    "The model draws only a picture; the other maps are estimated from it.": (
        "该模型只绘制图像,其他贴图由图像估算得出。"
    ),
    "Choose the model instant for exact maps.": "如需精确的贴图,请选择即时模型。",
    # Requests.
    "{0}: must be text, got {1}.": "{0}: 必须是文本,得到的是 {1}。",
    "{0}: must be valid Unicode, without lone surrogates.": "{0}: 必须是有效的 Unicode,不含单独的代理字符。",
    "{0}: must not be empty.": "{0}: 不能为空。",
    "{0}: must hold no zero characters.": "{0}: 不能含有空字符 (NUL)。",
    "{0}: must be the path of a file, got {1}.": "{0}: 必须是文件的路径,得到的是 {1}。",
    "{0}: at most {1} characters, got {2}.": "{0}: 最多 {1} 个字符,得到的是 {2} 个。",
    "{0}: must be one of {1}, got {2}.": "{0}: 必须是 {1} 之一,得到的是 {2}。",
    "{0}: must be a whole number {reason}, got {1}.": "{0}: 必须是{reason}的整数,得到的是 {1}。",
    "{0}: must be a number {reason}, got {1}.": "{0}: 必须是{reason}的数字,得到的是 {1}。",
    "{0}: must be {reason}, got {1}.": "{0}: 必须{reason},得到的是 {1}。",
    "from {0} to {1}": "介于 {0} 和 {1} 之间",
    "{0}: must be a multiple of {1}, got {2}.": "{0}: 必须是 {1} 的倍数,得到的是 {2}。",
    "{0}: must be a multiple of {1} for {2}, got {3}.": "{0}: 对于 {2} 必须是 {1} 的倍数,得到的是 {3}。",
    "{0}: must be true or false.": "{0}: 必须是 true 或 false。",
    "id: must be 1 to 64 letters, digits, '-' or '_', starting with a letter or digit.": (
        "id: 必须是 1 至 64 个字母、数字、“-” 或 “_”,以字母或数字开头。"
    ),
    "id: {0} was submitted before; every request needs its own.": "id: {0} 已提交过,每个请求都需要自己的 id。",
    "id: {0} was submitted before; every job needs an id of its own.": "id: {0} 已提交过,每个任务都需要自己的 id。",
    "maps: must be a list of {0}.": "maps: 必须是由 {0} 组成的列表。",
    "maps: name at least one of {0}.": "maps: 至少写出 {0} 中的一个。",
    "parameters: must be an object of name and value.": "parameters: 必须是由名称和值组成的对象。",
    "parameters: at most {0} entries, got {1}.": "parameters: 最多 {0} 项,得到的是 {1} 项。",
    "parameters: names are text; values are text, numbers or true/false.": (
        "parameters: 名称是文本,值是文本、数字或 true/false。"
    ),
    "parameters: {0} must be a finite number.": "parameters: {0} 必须是有限的数字。",
    "parameters: {0} must be true or false, got {1}.": "parameters: {0} 必须是 true 或 false,得到的是 {1}。",
    "parameters: family must be one of {0}, got {1}.": "parameters: family 必须是 {0} 之一,得到的是 {1}。",
    "parameters: unknown {0}; allowed are family, {1}.": "parameters: 未知的 {0},允许的有 family、{1}。",
    "parameters: unknown {0}; allowed are {1}.": "parameters: 未知的 {0},允许的有 {1}。",
    "parameters: {0} must be a colour written as #rrggbb, got {1}.": (
        "parameters: {0} 必须是写作 #rrggbb 的颜色,得到的是 {1}。"
    ),
    "parameters: {0} must be a number, got {1}.": "parameters: {0} 必须是数字,得到的是 {1}。",
    "parameters: {0} must be from {1} to {2}, got {3}.": "parameters: {0} 必须介于 {1} 和 {2} 之间,得到的是 {3}。",
    "parameters: {0} must be one of {1}, got {2}.": "parameters: {0} 必须是 {1} 之一,得到的是 {2}。",
    "parameters: {0} {reason}, got {1}.": "parameters: {0} {reason},得到的是 {1}。",
    "must be written as #rrggbb": "必须写作 #rrggbb",
    "must be a colour written as #rrggbb": "必须是写作 #rrggbb 的颜色",
    "must be a number": "必须是数字",
    "must be from {0} to {1}": "必须介于 {0} 和 {1} 之间",
    "must be one of {0}": "必须是 {0} 之一",
    "A request must be a JSON object.": "请求必须是 JSON 对象。",
    "A request must be JSON: {reason}.": "请求必须是 JSON: {reason}。",
    "schema: this version of Texloom reads {0}, got {1}.": "schema: 此版本的 Texloom 读取 {0},得到的是 {1}。",
    "Update the older side, so that the add-on and the engine have the same version.": (
        "请更新较旧的一方,使插件和引擎版本相同。"
    ),
    "Unknown field {0}; allowed are {1}.": "未知的字段 {0},允许的有 {1}。",
    "Missing field {0}: every field must be on the wire.": "缺少字段 {0}: 必须传送每个字段。",
    "Unknown option {0}; there are {1}.": "未知的选项 {0},可用的有 {1}。",
    "tile: must be xy, x, y or none, got {0}.": "tile: 必须是 xy、x、y 或 none,得到的是 {0}。",
    "size: must be one or two whole numbers from {0} to {1}, got {2}.": (
        "size: 必须是一个或两个介于 {0} 和 {1} 之间的整数,得到的是 {2}。"
    ),
    "size: must be from {0} to {1}, got {2}.": "size: 必须介于 {0} 和 {1} 之间,得到的是 {2}。",
    "The request in {0} cannot be read: {reason}": "无法读取 {0} 中的请求: {reason}",
    "{0} was changed since the result was made from it.": "自生成结果以来,{0} 已被更改。",
    # Between the two sides.
    "An event must be a JSON object.": "事件必须是 JSON 对象。",
    "Unknown event type {0}.": "未知的事件类型 {0}。",
    "Event {0}: unknown field {1}.": "事件 {0}: 未知的字段 {1}。",
    "Event {0}: field {1} has the wrong type ({2}).": "事件 {0}: 字段 {1} 的类型错误 ({2})。",
    "Event {0}: {reason}.": "事件 {0}: {reason}。",
    "A message of {0} bytes is longer than {1}.": "{0} 字节的消息超过了 {1} 字节。",
    "A line of the protocol must be a JSON object.": "协议的每一行必须是 JSON 对象。",
    "Unknown message type {0}.": "未知的消息类型 {0}。",
    "Message submit: needs exactly request and library.": "消息 submit: 需要且仅需要 request 和 library。",
    "Not a line of the protocol: {reason}.": "不是协议的一行: {reason}。",
    "Message {0}: {reason}.": "消息 {0}: {reason}。",
    "Message {0}: field {1} has the wrong type ({2}).": "消息 {0}: 字段 {1} 的类型错误 ({2})。",
}
